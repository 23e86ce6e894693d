/** PicoDet and NanoDet: each distance of a box's side is a distribution over whole numbers of strides. */

import { bestOfScores, cells, fromDistances, rows, softmax } from "./boxes.js";

export function decode(outputs, size, least, head) {
  const { class_count: count, bins } = head;
  const values = head.merged ? rows(outputs, [head.merged], count + 4 * bins) : null;
  const scores = values ?? rows(outputs, head.scores, count);
  const distributions = values ?? rows(outputs, head.distributions, 4 * bins);
  const start = values ? count : 0;
  const places = cells(size, head.strides, head.offset);
  const objects = bestOfScores(scores, least, [0, count]).map(({ row, ...best }) => {
    const distances = [0, 1, 2, 3].map((side) => {
      const shares = softmax(distributions.row(row).subarray(start + side * bins, start + (side + 1) * bins));
      return shares.reduce((all, share, bin) => all + share * bin, 0) * places[row].stride;
    });
    return { ...best, box: fromDistances(places[row], distances) };
  });
  return { objects };
}
