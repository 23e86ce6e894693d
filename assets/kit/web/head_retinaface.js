/** RetinaFace and the smaller models of the same code: corrections of prior boxes, and of five points in each. */

import { bestOfScores, bestOfSoftmax, cells, fromPrior, rows } from "./boxes.js";

export function decode(outputs, size, least, head) {
  const shares = rows(outputs, [head.scores], 2);
  const found = head.activated ? bestOfScores(shares, least, [1, 2]) : bestOfSoftmax(shares, least, 0);
  const priors = priorsOf(size, head);
  const deltas = rows(outputs, [head.deltas], 4);
  const ways = rows(outputs, [head.keypoints], 10);
  const objects = found.map(({ row, ...best }) => {
    const [x, y, width, height] = priors[row];
    const way = ways.row(row);
    const points = Array.from({ length: 5 }, (_, point) => [
      x + way[2 * point] * head.variances[0] * width,
      y + way[2 * point + 1] * head.variances[0] * height,
      1,
    ]);
    return { ...best, box: fromPrior(priors[row], deltas.row(row), head.variances), points };
  });
  return { objects };
}

/** Prior boxes [cx, cy, w, h] in pixels: squares of some sides about the middle of each cell of each stride. */
function priorsOf(size, head) {
  return head.sides.flatMap(([stride, sides]) =>
    cells(size, [stride], 0.5).flatMap(({ x, y }) => sides.map((side) => [x, y, side, side])),
  );
}
