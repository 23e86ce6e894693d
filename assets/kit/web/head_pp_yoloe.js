/** PP-YOLOE and PicoDet of PaddleDetection, exported without suppression. */

import { bestOfScores, tableOf, turned } from "./boxes.js";

export function decode(outputs, _size, least, head) {
  const boxes = tableOf(outputs[head.boxes]);
  const objects = bestOfScores(turned(outputs[head.scores]), least).map(({ row, ...best }) => ({
    ...best,
    box: Array.from(boxes.row(row)),
  }));
  return { objects };
}
