/** YOLOv2 and Tiny-YOLOv2: one grid with several anchors a cell. */

import { bestInRow, exponential, logit, rows, sigmoid, softmax, toCorners } from "./boxes.js";

export function decode(outputs, _size, least, head) {
  const values = rows(outputs, [head.output], 5 + head.class_count);
  const count = head.anchors.length / 2;
  const columns = outputs[head.output].dims[3];
  const objects = [];
  for (let index = 0; index < values.count; index++) {
    const row = values.row(index);
    if (!(row[4] >= logit(least))) continue;
    const objectness = sigmoid(row[4]);
    const best = bestInRow(softmax(row.subarray(5)).map((share) => objectness * share));
    if (!(best.score >= Math.fround(least))) continue;
    const cell = Math.floor(index / count);
    const anchor = head.anchors.slice(2 * (index % count), 2 * (index % count) + 2);
    const centre = [(cell % columns) + sigmoid(row[0]), Math.floor(cell / columns) + sigmoid(row[1])];
    const size = anchor.map((side, axis) => exponential(row[2 + axis]) * side);
    objects.push({ ...best, box: toCorners([...centre, ...size].map((value) => value * head.stride)) });
  }
  return { objects };
}
