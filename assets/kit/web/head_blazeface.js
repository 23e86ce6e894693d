/** BlazeFace and the other detectors of MediaPipe that share its form: palms and people. */

import { bestOfLogits, cells, pointsOf, rows, toCorners } from "./boxes.js";

export function decode(outputs, size, least, head) {
  const places = head.anchors.flatMap(([stride, perCell]) => cells(size, [stride], 0.5, perCell));
  const values = rows(outputs, [head.boxes], head.values);
  const objects = bestOfLogits(rows(outputs, [head.logits], 1), least).map(({ row, ...best }) => {
    const { x, y } = places[row];
    const [across, down, width, height, ...rest] = values.row(row);
    const points = pointsOf(rest.map((value, index) => value + (index % 2 ? y : x)));
    return { ...best, box: toCorners([across + x, down + y, width, height]), points };
  });
  return { objects };
}
