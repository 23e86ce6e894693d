/** YOLOv8, YOLOv9, YOLO11, YOLO12 and YOLO26 with suppression outside: boxes, masks, keypoints, angles. */

import { bestOfScores, extraFields, prototypesOf, tableOf, toCorners, toPixels, turned } from "./boxes.js";

export function decode(outputs, size, least, head) {
  const table = head.boxes_first ? tableOf(outputs[head.output]) : turned(outputs[head.output]);
  const end = 4 + head.class_count;
  const objects = bestOfScores(table, least, [4, end]).map(({ row: index, ...best }) => {
    const row = table.row(index);
    const box = head.shares ? toPixels(row, size) : row;
    return { ...best, box: toCorners(box), ...extraFields(head.extras, row.subarray(end), head.shares ? size : null) };
  });
  return { objects, prototypes: prototypesOf(head.extras, outputs) };
}
