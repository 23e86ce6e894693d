/** FastestDet: one grid; a score is objectness^0.6 x share^0.4, or other powers that sum to 1. */

import { bestInRow, rows, sigmoid, toCorners } from "./boxes.js";

export function decode(outputs, [height, width], least, head) {
  const values = rows(outputs, [head.output], 5 + head.class_count);
  const power = head.objectness_power;
  const [rowCount, columnCount] = outputs[head.output].dims.slice(2);
  const objects = [];
  for (let cell = 0; cell < values.count; cell++) {
    const row = values.row(cell);
    const objectness = Math.fround(Math.max(row[0], 0) ** power);
    const best = bestInRow(row.subarray(5).map((share) => objectness * Math.fround(Math.max(share, 0) ** (1 - power))));
    if (!(best.score >= Math.fround(least))) continue;
    const x = (((cell % columnCount) + Math.tanh(row[1])) / columnCount) * width;
    const y = ((Math.floor(cell / columnCount) + Math.tanh(row[2])) / rowCount) * height;
    objects.push({ ...best, box: toCorners([x, y, sigmoid(row[3]) * width, sigmoid(row[4]) * height]) });
  }
  return { objects };
}
