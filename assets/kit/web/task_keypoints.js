/** The points of the one body, face or hand in the picture, or in a box of it. */

import { channelsFirst, firstOf, indexOfLargest, largest, rounded, smallest } from "./numbers.js";
import { toPicture } from "./preprocessing.js";
import { different, within } from "./verdicts.js";
import { percent, t } from "./words.js";

const LEAST_POINT = 0.3; // score from which a point is drawn

/** Each point as x, y and score, in pixels of the whole picture. */
export function answer(outputs, sample, task) {
  const { placement, origin, shrunk } = sample;
  const points = DECODERS[task.decoder.kind](outputs, placement.inputSize, task.decoder);
  const rows = points.map(([x, y, score]) => {
    const place = toPicture([x, y], placement).map((value, axis) => rounded(Math.fround(value) / shrunk + origin[axis], 2));
    return [...place, rounded(score, 6)];
  });
  return { kind: "points", points: rows };
}

/** One distribution along x and one along y for each point (SimCC, Li et al., 2022). */
function simcc(outputs, [height, width], decoder) {
  const [across, down] = [firstOf(outputs[decoder.x]), firstOf(outputs[decoder.y])];
  const best = ({ dims, data }, point) => {
    const row = data.subarray(point * dims[1], (point + 1) * dims[1]);
    const bin = indexOfLargest(row);
    return { bin, score: row[bin] };
  };
  return Array.from({ length: across.dims[0] }, (_, point) => {
    const [x, y] = [best(across, point), best(down, point)];
    return [x.bin / (across.dims[1] / width), y.bin / (down.dims[1] / height), Math.min(x.score, y.score)];
  });
}

/** One map for each point: its highest cell, moved a quarter cell towards the higher neighbour (HRNet). */
function heatmaps(outputs, size, decoder) {
  const first = firstOf(outputs[decoder.output]);
  const { dims, data } = decoder.channels_last ? channelsFirst(first) : first;
  const [count, height, width] = dims;
  return Array.from({ length: count }, (_, point) => {
    const map = Float32Array.from(data.subarray(point * height * width, (point + 1) * height * width));
    const cell = indexOfLargest(map);
    const [row, column] = [Math.floor(cell / width), cell % width];
    const isInsideX = column > 1 && column < width - 1 && row > 0;
    const isInsideY = row > 1 && row < height - 1 && column > 0;
    const x = column + (isInsideX ? 0.25 * Math.sign(map[cell + 1] - map[cell - 1]) : 0);
    const y = row + (isInsideY ? 0.25 * Math.sign(map[cell + width] - map[cell - width]) : 0);
    return [(x * size[1]) / width, (y * size[0]) / height, map[cell]];
  });
}

/** Both coordinates of each point as numbers; all scores are 1. */
function coordinates(outputs, [height, width], decoder) {
  const { data } = firstOf(outputs[decoder.output]);
  const step = decoder.dimensions;
  const [across, down] = decoder.in_pixels ? [1, 1] : [width, height];
  return Array.from({ length: data.length / step }, (_, point) => [data[point * step] * across, data[point * step + 1] * down, 1]);
}

const DECODERS = { simcc, heatmaps, coordinates };

/** One line for each point. */
export function table(found) {
  const rows = found.points.map(([x, y, score], index) => ({ cells: [String(index), x.toFixed(1), y.toFixed(1), percent(score)], color: 1 }));
  return { columns: [t("Point"), "x", "y", t("Score")], rows };
}

/** The points at the same places, and their scores; unsure ones may be anywhere. */
export function compare(expected, found) {
  const [before, after] = [expected.points, found.points];
  if (before.length !== after.length) {
    return different("NOT the expected answer: {found} points instead of {expected}", { found: after.length, expected: before.length });
  }
  const least = Math.min(LEAST_POINT, largest(before.map((point) => point[2]), 0));
  const moved = before
    .map((point, index) => ({ score: point[2], by: Math.max(Math.abs(point[0] - after[index][0]), Math.abs(point[1] - after[index][1])) }))
    .filter(({ score }) => score >= least)
    .map(({ by }) => by);
  const extents = [0, 1].map((axis) => largest(before.map((point) => point[axis])) - smallest(before.map((point) => point[axis])));
  const limit = 0.05 * Math.max(1, ...extents) + 1;
  const most = largest(moved, 0);
  if (moved.filter((by) => by > limit).length > 0.1 * moved.length) {
    return different("NOT the expected answer: points are moved by up to {pixels} pixels", { pixels: most.toFixed(1) });
  }
  return within(largest(before.map((point, index) => Math.abs(point[2] - after[index][2])), 0), most);
}

/** A dot for each point that is sure. */
export function draw(drawing, found) {
  const least = Math.min(LEAST_POINT, largest(found.points.map((point) => point[2]), 0));
  drawing.points(found.points.filter((point) => point[2] >= least), 1);
}
