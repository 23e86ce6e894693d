/** Segmentation: the class of every pixel, from class scores, class indices or a map of probabilities. */

import { channelsFirst, firstOf, isInteger, labelOf, largest, rounded } from "./numbers.js";
import { decodePng, encodePng } from "./png.js";
import { CLOSE_OVERLAP, SAME, different, within } from "./verdicts.js";
import { percent, t } from "./words.js";

const LARGEST_IN_8_BIT = 255;

/** The share of the picture that each class has, the largest first, and the map as a PNG of class indices. */
export async function answer(outputs, sample, task, labels) {
  const map = classMap(outputs[task.output], task);
  const region = regionOf(sample.placement);
  const counts = new Map();
  const seen = toPicture(map, region, sample.placement.pictureSize);
  for (const number of seen) if (number >= 0) counts.set(number, (counts.get(number) ?? 0) + 1);
  const whole = Math.max(1, Array.from(counts.values()).reduce((all, count) => all + count, 0));
  const areas = Array.from(counts)
    .sort(([one, count], [other, otherCount]) => otherCount - count || one - other)
    .map(([number, count]) => ({ class: number, label: labelOf(labels, number), share: rounded(count / whole, 6) }));
  return {
    kind: "map",
    areas,
    region: region.map((edge) => rounded(edge, 6)),
    picture_size: sample.placement.pictureSize,
    png: await encode(map),
  };
}

/** The class of every cell: {width, height, data}. */
function classMap(tensor, task) {
  const hasChannels = tensor.dims.length === 4;
  let { dims, data } = hasChannels ? firstOf(tensor) : { dims: [1, ...tensor.dims.slice(1)], data: tensor.data };
  if (hasChannels && task.channels_last) ({ dims, data } = channelsFirst({ dims, data }));
  const [count, height, width] = dims;
  const size = width * height;
  const classes = new Int32Array(size);
  for (let cell = 0; cell < size; cell++) {
    if (isInteger(tensor)) classes[cell] = data[cell];
    else if (count === 1) classes[cell] = data[cell] > Math.fround(task.threshold) ? 1 : 0;
    else for (let number = 1; number < count; number++) if (data[number * size + cell] > data[classes[cell] * size + cell]) classes[cell] = number;
  }
  return { width, height, data: classes };
}

/** The picture in shares of the input: left, top, right, bottom. */
function regionOf({ pictureSize: [height, width], inputSize: [inputHeight, inputWidth], scale, offset }) {
  const [left, top] = [offset[0] / inputWidth, offset[1] / inputHeight];
  return [left, top, left + (width * scale[0]) / inputWidth, top + (height * scale[1]) / inputHeight];
}

/** The map in the pixels of a picture of this [height, width], by the nearest cell; -1 where it was cropped. */
export function toPicture(map, [left, top, right, bottom], [height, width]) {
  const made = new Int32Array(width * height).fill(-1);
  const columns = Array.from({ length: width }, (_, x) => Math.floor((left + ((x + 0.5) / width) * (right - left)) * map.width));
  for (let y = 0; y < height; y++) {
    const row = Math.floor((top + ((y + 0.5) / height) * (bottom - top)) * map.height);
    if (row < 0 || row >= map.height) continue;
    columns.forEach((column, x) => {
      if (column >= 0 && column < map.width) made[y * width + x] = map.data[row * map.width + column];
    });
  }
  return made;
}

/** A map of class indices as a PNG in base64: 8 bit, or 16 bit where there are more than 256 classes. */
function encode({ width, height, data }) {
  const array = largest(data, 0) <= LARGEST_IN_8_BIT ? Uint8Array : Uint16Array;
  return encodePng({ width, height, channels: 1, data: array.from(data, (number) => Math.max(number, 0)) });
}

/** One line for each class. */
export function table(found) {
  const rows = found.areas.map((one) => ({ cells: [one.label, percent(one.share)], share: one.share, color: one.class > 0 ? one.class : null }));
  return { columns: [t("Class"), t("Share of the picture")], rows };
}

/** The overlap of the areas. */
export async function compare(expected, found) {
  const [before, after] = [await decodePng(expected.png), await decodePng(found.png)];
  if (before.width !== after.width || before.height !== after.height) {
    return different("NOT the expected answer: a map of {found} cells instead of {expected}", { found: `${after.width} x ${after.height}`, expected: `${before.width} x ${before.height}` });
  }
  const counts = new Map(); // class -> cells of both, of either
  let same = 0;
  before.data.forEach((one, index) => {
    const other = after.data[index];
    for (const number of new Set([one, other])) {
      const [both, either] = counts.get(number) ?? [0, 0];
      counts.set(number, [both + (one === other), either + 1]);
    }
    same += one === other;
  });
  const share = same / before.data.length;
  if (share === 1) return SAME;
  const overlaps = Array.from(counts.values(), ([both, either]) => both / either);
  if (overlaps.reduce((all, one) => all + one, 0) / overlaps.length < CLOSE_OVERLAP) {
    return different("NOT the expected answer: {share} of the pixels have another class", { share: percent(1 - share) });
  }
  return within(1 - share);
}

/** Each class in its colour over the picture, the first one left as it is. */
export async function draw(drawing, found) {
  const seen = toPicture(await decodePng(found.png), found.region, found.picture_size);
  drawing.tint(seen.map((number) => (number > 0 ? number : -1)), found.picture_size);
}
