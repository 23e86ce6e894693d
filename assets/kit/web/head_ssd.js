/** SSDs whose outputs are corrections of prior boxes. */

import { bestOfLogits, bestOfScores, bestOfSoftmax, fromPrior, rows, toPixels } from "./boxes.js";
import { Table } from "./numbers.js";

export function decode(outputs, size, least, head) {
  const deltas = rows(outputs, head.deltas, 4);
  const priors = head.layout === null ? written(outputs[head.priors], size) : priorsOf(head.layout);
  const objects = bestOf(rows(outputs, head.scores, head.channels), least, head).map(({ row, ...best }) => {
    const [a, b, c, d] = deltas.row(row);
    const box = fromPrior(priors[row], head.y_first ? [b, a, d, c] : [a, b, c, d], head.variances);
    return { box, score: best.score, class: best.class + head.first_class };
  });
  return { objects };
}

function bestOf(values, least, head) {
  if (head.activation === "softmax") return bestOfSoftmax(values, least, head.background);
  const columns = head.background === 0 ? [1, values.width] : [0, values.width - 1];
  return (head.activation === "sigmoid" ? bestOfLogits : bestOfScores)(values, least, columns);
}

/** Prior boxes [cx, cy, w, h] in pixels: the shapes of each level about the middle of each of its cells. */
function priorsOf({ levels, clipped_from: first, side }) {
  const priors = [];
  for (const { grid, step, shapes } of levels) {
    for (let row = 0; row < grid; row++) {
      for (let column = 0; column < grid; column++) {
        for (const shape of shapes) priors.push([(column + 0.5) * step, (row + 0.5) * step, ...shape]);
      }
    }
  }
  return priors.map((prior) => prior.map((value, index) => (index >= first ? Math.min(value, side) : value)));
}

/** Prior boxes from an output, in shares of the input there; Caffe writes corners. */
function written({ dims, data }, size) {
  const isCaffe = dims.length === 3 && dims[0] === 1 && dims[1] === 2;
  const table = new Table(isCaffe ? data.subarray(0, dims[2]) : data, 4);
  return Array.from({ length: table.count }, (_, index) => {
    const [a, b, c, d] = table.row(index);
    return toPixels(isCaffe ? [(a + c) / 2, (b + d) / 2, c - a, d - b] : [a, b, c, d], size);
  });
}
