/**
 * Arithmetic that the heads of detectors share: scores from logits, grids of cells, box formats, suppression.
 *
 * A head's `decode(outputs, size, least, head)` gives {objects, ...}: objects are {box, score, class}, some with `angle`,
 * `points`, `weights` or `logits` of their masks. A box is [x1, y1, x2, y2] in pixels of the model's input, whose `size`
 * is [height, width]. Numbers are rounded to 32 bit where a threshold or an order follows from them.
 */

import { Table, clip, descending, firstOf, product, transposed } from "./numbers.js";

const LARGEST_LOGARITHM = 10; // of a size: exp(10) times an anchor is larger than any picture, and stays finite
const TINY = 1e-7;
const LARGEST_DISTANCE = 100;

const { fround } = Math;

export const sigmoid = (value) => fround(1 / (1 + Math.exp(-clip(value, -80, 80))));

/** The inverse of the sigmoid; minus or plus infinity outside 0 to 1. */
export function logit(share) {
  if (share <= 0) return -Infinity;
  return share >= 1 ? Infinity : fround(Math.log(share / (1 - share)));
}

export function softmax(values) {
  let most = -Infinity;
  for (const value of values) if (value > most) most = value;
  const exponentials = Float32Array.from(values, (value) => Math.exp(value - most));
  const total = exponentials.reduce((all, one) => all + one, 0);
  return exponentials.map((one) => one / total);
}

/** Of logarithms of sizes, without overflow. */
export const exponential = (value) => Math.exp(Math.min(value, LARGEST_LOGARITHM));

/**
 * The rows whose best score is `least` or more: {row, score, class}.
 *
 * @param table scores, a column for each class.
 * @param columns [first, end] of the columns that are looked at; all by default.
 */
export function bestOfScores(table, least, columns = [0, table.width]) {
  const found = [];
  for (let row = 0; row < table.count; row++) {
    const best = bestInRow(table.row(row).subarray(...columns));
    if (best.score >= fround(least)) found.push({ row, ...best });
  }
  return found;
}

/** The same for logits of independent classes. */
export function bestOfLogits(table, least, columns) {
  return bestOfScores(table, logit(least), columns).map((one) => ({ ...one, score: sigmoid(one.score) }));
}

/** The same for logits of classes that exclude each other; the class `background` is left out. */
export function bestOfSoftmax(table, least, background) {
  const found = [];
  for (let row = 0; row < table.count; row++) {
    const shares = softmax(table.row(row)).filter((_, index) => index !== background);
    const best = bestInRow(shares);
    if (best.score >= fround(least)) found.push({ row, ...best });
  }
  return found;
}

/** The best of a row of scores: {score, class}. */
export function bestInRow(scores) {
  let best = 0;
  for (let index = 1; index < scores.length; index++) if (scores[index] > scores[best]) best = index;
  return { score: scores[best], class: best };
}

/** A box from its centre, width and height; in 32 bit one that is too small to be any vanishes. */
export function toCorners(box) {
  const [x, y, width, height] = Float32Array.from(box.slice(0, 4));
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2].map(fround);
}

/** A box in shares of an input of this [height, width], in pixels. */
export const toPixels = (box, [height, width]) => [box[0] * width, box[1] * height, box[2] * width, box[3] * height];

/** The first picture's part of an output as a table: of (1, rows, columns) or (rows, columns). */
export function tableOf(tensor) {
  const { dims, data } = tensor.dims.length > 2 ? firstOf(tensor) : tensor;
  return new Table(data, dims.at(-1));
}

/**
 * Outputs of several strides one after another, as a table of `width` columns.
 *
 * Each is (1, boxes of a cell x width, rows, columns), (1, n, width) or (n, width).
 */
export function rows(outputs, names, width) {
  const parts = names.map((name) => rowsOf(outputs[name], width));
  const data = new Float32Array(parts.reduce((all, part) => all + part.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return new Table(data, width);
}

function rowsOf(tensor, width) {
  if (tensor.dims.length < 4) return tensor.dims.length === 2 ? tensor.data : firstOf(tensor).data;
  const { dims, data } = firstOf(tensor);
  const cellCount = dims[1] * dims[2];
  const perCell = dims[0] / width;
  const made = new Float32Array(data.length);
  for (let channel = 0; channel < dims[0]; channel++) {
    const [number, column] = [Math.floor(channel / width), channel % width];
    for (let cell = 0; cell < cellCount; cell++) {
      made[(cell * perCell + number) * width + column] = data[channel * cellCount + cell];
    }
  }
  return made;
}

/**
 * The place of each cell and its stride, {x, y, stride}, in pixels; stride by stride, row by row.
 *
 * @param offset 0.5 for the middle of a cell, 0 for its upper left corner.
 */
export function cells([height, width], strides, offset, perCell = 1) {
  const found = [];
  for (const stride of strides) {
    for (let row = 0; row < Math.ceil(height / stride); row++) {
      for (let column = 0; column < Math.ceil(width / stride); column++) {
        const cell = { x: (column + offset) * stride, y: (row + offset) * stride, stride };
        for (let index = 0; index < perCell; index++) found.push(cell);
      }
    }
  }
  return found;
}

/** A box by the distances of its left, top, right and bottom sides from a place. */
export const fromDistances = ({ x, y }, [left, top, right, bottom]) => [x - left, y - top, x + right, y + bottom];

/** A box by the shift of its centre and the logarithm of its size, in strides. */
export function fromCentre({ x, y, stride }, values) {
  const width = exponential(values[2]) * stride;
  return toCorners([x + values[0] * stride, y + values[1] * stride, width, exponential(values[3]) * stride]);
}

/** A box by its deltas from a prior box (anchor), which is [cx, cy, w, h] in pixels. */
export function fromPrior([x, y, width, height], deltas, variances) {
  return toCorners([
    x + deltas[0] * variances[0] * width,
    y + deltas[1] * variances[0] * height,
    width * exponential(deltas[2] * variances[1]),
    height * exponential(deltas[3] * variances[1]),
  ]);
}

/** Numbers x, y, x, y ... as points [x, y, 1]. */
export function pointsOf(coordinates) {
  return Array.from({ length: coordinates.length / 2 }, (_, index) => [coordinates[2 * index], coordinates[2 * index + 1], 1]);
}

/** What follows boxes and scores in a row of Ultralytics' outputs, as fields of an object. */
export function extraFields(extras, values, size = null) {
  if (extras.kind === "masks") return { weights: values.slice() };
  if (extras.kind === "angle") return { angle: values[0] };
  if (extras.kind !== "keypoints") return {};
  const [height, width] = size ?? [1, 1]; // given where points are shares of the input
  const step = extras.point_size;
  const points = Array.from({ length: extras.count / step }, (_, index) => {
    const [x, y, score = 1] = values.subarray(index * step, (index + 1) * step);
    return [x * width, y * height, score];
  });
  return { points };
}

/** The maps of which masks are made, where the head has them. */
export const prototypesOf = (extras, outputs) => (extras.kind === "masks" ? firstOf(outputs[extras.prototypes]) : null);

/** Rows of columns, (1, width, n), as a table of n rows. */
export function turned(tensor) {
  const { dims, data } = firstOf(tensor);
  return new Table(transposed(data, dims[0], product(dims.slice(1))), dims[0]);
}

/**
 * Greedy non-maximum suppression: boxes that overlap a better one of their class by more than `iou` go.
 *
 * The overlap of rotated boxes is ProbIoU (Llerena et al., 2021).
 */
export function suppress(objects, iou, most) {
  const overlap = objects.some((one) => one.angle !== undefined) ? rotatedOverlap : plainOverlap;
  let remaining = descending(objects.map((one) => one.score)).map((index) => objects[index]);
  const kept = [];
  while (remaining.length && kept.length < most) {
    const [best, ...others] = remaining;
    kept.push(best);
    remaining = others.filter((one) => one.class !== best.class || !(overlap(best.box, one.box, best, one) > iou));
  }
  return kept;
}

function plainOverlap(one, other) {
  const width = Math.max(0, Math.min(one[2], other[2]) - Math.max(one[0], other[0]));
  const height = Math.max(0, Math.min(one[3], other[3]) - Math.max(one[1], other[1]));
  const common = width * height;
  return common / Math.max(area(one) + area(other) - common, TINY);
}

const area = ([x1, y1, x2, y2]) => Math.max(x2 - x1, 0) * Math.max(y2 - y1, 0);

/** 1 - the Hellinger distance of the Gaussian distributions that two boxes stand for. */
function rotatedOverlap(one, other, first, second) {
  const [p, q] = [gaussian(one, first.angle), gaussian(other, second.angle)];
  const [dx, dy] = [q.x - p.x, q.y - p.y];
  const [a, b, c] = [p.a + q.a, p.b + q.b, p.c + q.c];
  const determinant = a * b - c ** 2;
  const distance = (a * dy ** 2 + b * dx ** 2 - 2 * c * dx * dy) / (determinant + TINY) / 4;
  const spread = determinant / (4 * Math.sqrt(p.determinant * q.determinant) + TINY) + TINY;
  const bhattacharyya = clip(distance + Math.log(spread) / 2, TINY, LARGEST_DISTANCE);
  return 1 - Math.sqrt(1 - Math.exp(-bhattacharyya));
}

function gaussian([x1, y1, x2, y2], angle) {
  const [along, across] = [(x2 - x1) ** 2 / 12, (y2 - y1) ** 2 / 12];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [a, b] = [along * cos ** 2 + across * sin ** 2, along * sin ** 2 + across * cos ** 2];
  const c = (along - across) * cos * sin;
  return { x: (x1 + x2) / 2, y: (y1 + y2) / 2, a, b, c, determinant: Math.max(a * b - c ** 2, 0) };
}
