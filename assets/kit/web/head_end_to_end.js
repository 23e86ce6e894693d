/** Detectors with one row for each object, suppression or its like inside: YOLOv10, YOLO26, PaddleDetection. */

import { extraFields, prototypesOf, tableOf, toCorners, toPixels } from "./boxes.js";
import { rint } from "./numbers.js";

export function decode(outputs, size, least, head) {
  const { columns, extras } = head;
  const table = tableOf(outputs[head.output]);
  const objects = [];
  for (let index = 0; index < table.count; index++) {
    const row = table.row(index);
    const score = row[columns.score];
    if (!(score >= Math.fround(least)) || (columns.image !== null && row[columns.image] !== 0)) continue;
    const place = row.subarray(columns.box, columns.box + 4);
    const box = head.shares ? toPixels(place, size) : Array.from(place);
    objects.push({
      box: head.corners ? box : toCorners(box),
      score,
      class: rint(row[columns.label]),
      ...extraFields(extras, row.subarray(columns.end), head.shares ? size : null),
    });
  }
  return { objects, prototypes: prototypesOf(extras, outputs) };
}
