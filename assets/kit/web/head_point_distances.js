/** RTMDet, RTMDet-Ins and FCOS: distances in pixels from the place of a cell to the sides of its box. */

import { bestOfLogits, bestOfScores, cells, fromDistances, rows, sigmoid } from "./boxes.js";
import { descending, firstOf } from "./numbers.js";

export function decode(outputs, size, least, head) {
  let best = bestOf(outputs, least, head);
  if (head.kernels.length && best.length > head.most_masks) {
    best = descending(best.map((one) => one.score)).slice(0, head.most_masks).map((index) => best[index]);
  }
  const places = cells(size, head.strides, head.offset);
  const distances = rows(outputs, head.distances, 4);
  const maskOf = head.kernels.length ? maskMaker(outputs, head) : null;
  const objects = best.map(({ row, ...one }) => ({
    ...one,
    box: fromDistances(places[row], distances.row(row)),
    ...(maskOf && { logits: maskOf(row, places[row]) }),
  }));
  return { objects, maskSize: maskOf ? firstOf(outputs[head.features]).dims.slice(1) : undefined };
}

function bestOf(outputs, least, head) {
  const values = rows(outputs, head.classes, head.class_count);
  const found = (head.activated ? bestOfScores : bestOfLogits)(values, least);
  if (!head.quality.length) return found;
  const quality = rows(outputs, head.quality, 1).data;
  return found
    .map((one) => ({ ...one, score: Math.fround(one.score * (head.activated ? quality[one.row] : sigmoid(quality[one.row]))) }))
    .filter((one) => one.score >= Math.fround(least));
}

/**
 * Makes the mask of a cell: three convolutions of size 1 with weights of its own.
 *
 * The first sees, besides the features, how far right of and below a pixel the cell lies, in eight of its strides.
 */
function maskMaker(outputs, head) {
  const { dims, data: features } = firstOf(outputs[head.features]);
  const [count, height, width] = dims;
  const size = height * width;
  const inner = head.mask_width;
  const lengths = [(count + 2) * inner, inner * inner, inner, inner, inner, 1];
  const kernels = rows(outputs, head.kernels, lengths.reduce((all, one) => all + one, 0));
  return (row, place) => {
    const [first, second, last, ...biases] = split(kernels.row(row), lengths);
    let values = new Float32Array((count + 2) * size);
    for (let pixel = 0; pixel < size; pixel++) {
      const x = (pixel % width) * head.feature_stride;
      const y = Math.floor(pixel / width) * head.feature_stride;
      values[pixel] = (place.x - x) / (place.stride * 8);
      values[size + pixel] = (place.y - y) / (place.stride * 8);
    }
    values.set(features, 2 * size);
    values = convolve(values, first, biases[0], size).map((value) => Math.max(value, 0));
    values = convolve(values, second, biases[1], size).map((value) => Math.max(value, 0));
    return convolve(values, last, biases[2], size);
  };
}

/** A convolution of size 1 of channels that lie one after another. */
function convolve(values, weights, biases, size) {
  const channels = values.length / size;
  const made = new Float32Array(biases.length * size);
  biases.forEach((bias, to) => {
    const map = made.subarray(to * size, (to + 1) * size).fill(bias);
    for (let from = 0; from < channels; from++) {
      const weight = weights[to * channels + from];
      for (let pixel = 0; pixel < size; pixel++) map[pixel] += weight * values[from * size + pixel];
    }
  });
  return made;
}

function split(values, lengths) {
  let at = 0;
  return lengths.map((length) => values.subarray(at, (at += length)));
}
