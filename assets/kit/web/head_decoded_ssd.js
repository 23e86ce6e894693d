/** SSDs with decoded boxes, suppression outside: pytorch-ssd, UltraFace. */

import { bestOfScores, tableOf, toPixels } from "./boxes.js";

export function decode(outputs, size, least, head) {
  const boxes = tableOf(outputs[head.boxes]);
  const scores = tableOf(outputs[head.scores]);
  const objects = bestOfScores(scores, least, [1, scores.width]).map(({ row, ...best }) => ({
    box: toPixels(boxes.row(row), size),
    score: best.score,
    class: best.class + head.first_class,
  }));
  return { objects };
}
