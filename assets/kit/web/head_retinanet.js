/** RetinaNet and ATSS whose outputs are corrections of anchors. */

import { bestOfLogits, bestOfScores, cells, fromPrior, rows, sigmoid } from "./boxes.js";
import { rint } from "./numbers.js";

const { fround } = Math;

export function decode(outputs, size, least, head) {
  let found = (head.activated ? bestOfScores : bestOfLogits)(rows(outputs, head.scores, head.class_count), least);
  if (head.quality.length) {
    const quality = rows(outputs, head.quality, 1).data;
    found = found
      .map((one) => ({ ...one, score: fround(one.score * (head.activated ? quality[one.row] : sigmoid(quality[one.row]))) }))
      .filter((one) => one.score >= fround(least));
  }
  const anchorOf = anchors(size, head);
  const deltas = rows(outputs, head.deltas, 4);
  const objects = found.map(({ row, ...best }) => ({
    ...best,
    box: fromPrior(anchorOf(row), deltas.row(row), head.variances),
  }));
  return { objects };
}

/** Gives the anchor [cx, cy, w, h] of a row, in pixels: for each ratio of height to width each size, in strides. */
function anchors(size, head) {
  const shapes = head.ratios.flatMap((ratio) => head.sizes.map((side) => [side / ratio ** 0.5, side * ratio ** 0.5]));
  const places = cells(size, head.strides, head.offset);
  return (row) => {
    const { x, y, stride } = places[Math.floor(row / shapes.length)];
    const number = row % shapes.length;
    if (!head.whole_pixels) return [x, y, shapes[number][0] * stride, shapes[number][1] * stride];
    const steps = [size[1], size[0]].map((side) => Math.floor(side / Math.ceil(side / stride)));
    return [(x / stride) * steps[0], (y / stride) * steps[1], ...wholeSize(stride, number, head)];
  };
}

/** Width and height of an anchor by its stride and its number in the cell, as torchvision computes them. */
function wholeSize(stride, number, head) {
  const count = head.sizes.length;
  const side = Math.floor(stride * head.sizes[number % count]);
  const root = fround(Math.sqrt(fround(head.ratios[Math.floor(number / count)])));
  return [2 * rint(fround(side / root) / 2), 2 * rint(fround(side * root) / 2)];
}
