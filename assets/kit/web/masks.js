/**
 * Masks of objects: from the grid of the model's output to run lengths in the pixels of the picture.
 *
 * Run lengths are COCO's: column by column, empty and filled in turn, beginning with empty.
 */

import { clip, product } from "./numbers.js";
import { resizeFloats } from "./preprocessing.js";

const THRESHOLD = 0.5;

/**
 * The mask of an object, cropped to its box, which is in pixels of the picture.
 *
 * Probabilities are resized to the pixels of the picture and only then cut at 0.5, so that outlines are smooth.
 *
 * @param found what the head found, with `prototypes` or `maskSize`.
 */
export function pictureMask(object, found, box, placement) {
  const [gridHeight, gridWidth] = found.maskSize ?? found.prototypes.dims.slice(1);
  const [height, width] = placement.pictureSize;
  const columns = pixels(box[0], box[2], placement, 0);
  const lines = pixels(box[1], box[3], placement, 1);
  const [wide, high] = [columns[1] - columns[0], lines[1] - lines[0]];
  const whole = new Uint8Array(width * height);
  if (wide > 0 && high > 0) {
    const logits = object.logits ?? weighted(object.weights, found.prototypes);
    const shares = Float32Array.from(logits, (value) => 1 / (1 + Math.exp(-clip(value, -30, 30))));
    const [left, right] = onGrid(columns, gridWidth, placement, 0);
    const [top, bottom] = onGrid(lines, gridHeight, placement, 1);
    const grid = { width: gridWidth, height: gridHeight, data: shares };
    const part = resizeFloats(grid, wide, high, [left, top, right, bottom]);
    for (let y = 0; y < high; y++) {
      for (let x = 0; x < wide; x++) {
        if (part[y * wide + x] > THRESHOLD) whole[(lines[0] + y) * width + columns[0] + x] = 1;
      }
    }
  }
  return encode(whole, height, width);
}

/** The sum of the prototypes, each times its weight. */
function weighted(weights, { dims, data }) {
  const size = product(dims.slice(1));
  const made = new Float32Array(size);
  weights.forEach((weight, index) => {
    for (let cell = 0; cell < size; cell++) made[cell] += weight * data[index * size + cell];
  });
  return made;
}

/** The pixels of the picture whose centres lie in the box, as far as the model's input shows them. */
function pixels(start, end, { scale, offset, inputSize, pictureSize }, axis) {
  if (!(start < end)) return [0, 0]; // or NaN
  const first = Math.max(0, Math.ceil(-offset[axis] / scale[axis] - 1e-3));
  const last = Math.min(pictureSize[1 - axis], Math.floor((inputSize[1 - axis] - offset[axis]) / scale[axis] + 1e-3));
  return [Math.max(first, Math.ceil(start - 0.5)), Math.min(last, Math.ceil(end - 0.5))];
}

/** The same span of the picture in cells of the grid, which covers the whole input. */
function onGrid(span, cellCount, { scale, offset, inputSize }, axis) {
  const share = cellCount / inputSize[1 - axis];
  const [first, last] = span.map((pixel) => (pixel * scale[axis] + offset[axis]) * share);
  return [Math.max(0, first), Math.min(cellCount, last)];
}

/** A mask of ones and zeros, row by row, as run lengths. */
export function encode(mask, height, width) {
  const counts = [];
  let [value, count] = [0, 0];
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      if (mask[y * width + x] !== value) {
        counts.push(count);
        value = 1 - value;
        count = 0;
      }
      count++;
    }
  }
  if (count) counts.push(count);
  return { size: [height, width], counts };
}

/** The inverse of encode. */
export function decode({ size: [height, width], counts }) {
  const mask = new Uint8Array(height * width);
  let at = 0;
  counts.forEach((count, index) => {
    for (let end = at + count; at < end; at++) {
      if (index % 2) mask[(at % height) * width + Math.floor(at / height)] = 1;
    }
  });
  return mask;
}
