/** YOLOs that write boxes and scores into two outputs: YOLOv4 (pytorch-YOLOv4), YOLO-NAS, YOLOv6. */

import { bestOfScores, tableOf, toCorners, toPixels } from "./boxes.js";
import { Table, firstOf } from "./numbers.js";

export function decode(outputs, size, least, head) {
  const boxes = new Table(firstOf(outputs[head.boxes]).data, 4);
  const objects = bestOfScores(tableOf(outputs[head.scores]), least).map(({ row, ...best }) => {
    const box = head.shares ? toPixels(boxes.row(row), size) : Array.from(boxes.row(row));
    return { ...best, box: head.corners ? box : toCorners(box) };
  });
  return { objects };
}
