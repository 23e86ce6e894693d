/** YOLOs with an objectness and decoded boxes: YOLOv3, YOLOv5, YOLOv6, YOLOv7, YOLOX. */

import { bestInRow, extraFields, prototypesOf, tableOf, toCorners, toPixels } from "./boxes.js";

export function decode(outputs, size, least, head) {
  const table = tableOf(outputs[head.output]);
  const end = 5 + head.class_count;
  const threshold = Math.fround(least);
  const objects = [];
  for (let index = 0; index < table.count; index++) {
    const row = table.row(index);
    if (!(row[4] >= threshold)) continue; // no class can have a higher score than that
    const best = bestInRow(row.subarray(5, end).map((share) => row[4] * share));
    if (!(best.score >= threshold)) continue;
    const box = head.shares ? toPixels(row, size) : row;
    objects.push({ ...best, box: toCorners(box), ...extraFields(head.extras, row.subarray(end)) });
  }
  return { objects, prototypes: prototypesOf(head.extras, outputs) };
}
