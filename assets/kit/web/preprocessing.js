/**
 * From a picture to the tensors that the model takes; every number is in preprocessing.json.
 *
 * A picture is {width, height, channels, data}: 8 bit, channel by channel of each pixel, row by row. It is resized by
 * arithmetic of our own, as a canvas' resize differs from browser to browser and from what the model was trained with.
 */

import { UserError, clip, product, rint, smallest, largest } from "./numbers.js";

const MOST_PIXELS = 100_000_000;
const MOST_RESIZED = 50_000_000; // of a picture that is resized as a whole before it is cropped

/** A picture file as a viewer shows it: upright, on white where it is transparent, its colours not converted. */
export async function readPicture(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", imageOrientation: "from-image" });
  } catch (error) {
    throw new UserError("This picture cannot be read: it may be damaged, of a kind that this browser does not know, or no picture at all. ({reason})", { reason: error.message });
  }
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) {
    bitmap.close();
    throw new UserError("This picture has {width} x {height} pixels, which are too many.", { width, height });
  }
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return fromRgba(context.getImageData(0, 0, width, height));
}

/** The three colours of ImageData. */
export function fromRgba({ width, height, data: rgba }) {
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    data[to++] = rgba[from];
    data[to++] = rgba[from + 1];
    data[to++] = rgba[from + 2];
  }
  return { width, height, channels: 3, data };
}

/**
 * What the model is fed, and where the picture lies in it.
 *
 * @param picture as readPicture gives it.
 * @param settings all of preprocessing.json.
 * @param box [x1, y1, x2, y2] in pixels of the picture: what is looked at; null for the whole picture.
 */
export function pictureSample(picture, settings, box = null) {
  let how = settings.picture;
  let seen = { part: picture, origin: [0, 0], scale: 1 };
  const crop = settings.object_crop;
  if (crop && (box || crop.always)) {
    const whole = [0, 0, picture.width, picture.height];
    seen = cutOut(picture, box ?? whole, how.size, box ? crop.padding : 1, crop.longest);
    // Nothing is cut off once more of what was cut out.
    if (how.fit === "crop") how = { ...how, fit: "stretch" };
  }
  const one = toTensor(seen.part, how);
  const data = new Float32Array(one.length * how.batch);
  for (let index = 0; index < how.batch; index++) data.set(one, index * one.length);
  const channels = how.color === "gray" ? 1 : 3;
  const dims = how.layout === "nchw" ? [how.batch, channels, ...how.size] : [how.batch, ...how.size, channels];
  return {
    feeds: { ...fixedInputs(settings), [how.input]: { dims, data } },
    placement: place([seen.part.width, seen.part.height], how),
    origin: seen.origin,
    shrunk: seen.scale,
  };
}

/** The inputs that are the same for every picture. */
function fixedInputs(settings) {
  const made = {};
  for (const { name, shape, values } of settings.fixed_inputs) {
    const count = product(shape);
    made[name] = { dims: shape, data: Array.isArray(values) ? values : new Array(count).fill(values) };
  }
  return made;
}

/** The input of one picture: resized, its channels ordered, (value - mean) / std. */
export function toTensor(picture, how) {
  const { data, channels } = frame(picture, how);
  const [height, width] = how.size;
  const pixels = height * width;
  const mean = Float32Array.from(how.mean);
  const std = Float32Array.from(how.std);
  const tensor = new Float32Array(pixels * channels);
  for (let channel = 0; channel < channels; channel++) {
    const from = how.color === "bgr" ? channels - 1 - channel : channel;
    const [start, step] = how.layout === "nchw" ? [channel * pixels, 1] : [channel, channels];
    for (let pixel = 0; pixel < pixels; pixel++) {
      const centred = Math.fround(data[pixel * channels + from] - mean[channel]);
      tensor[start + pixel * step] = centred / std[channel];
    }
  }
  return tensor;
}

/** The picture in the colours and the size of the input. */
export function frame(picture, how) {
  const [height, width] = how.size;
  const seen = how.color === "gray" ? toGray(picture) : picture;
  const { offset, resized } = offsetAndSize([seen.width, seen.height], how);
  const [left, top] = offset;
  if (how.fit === "crop" && resized[0] * resized[1] > MOST_RESIZED) {
    const across = seen.width / resized[0];
    const down = seen.height / resized[1];
    return resize(seen, width, height, [-left * across, -top * down, (width - left) * across, (height - top) * down]);
  }
  return paste(resize(seen, ...resized), width, height, left, top, how.pad_value);
}

/** The picture on a ground of one value, of this size; what lies outside is cut off. */
function paste(picture, width, height, left, top, ground) {
  const { channels } = picture;
  const data = new Uint8Array(width * height * channels).fill(ground);
  const [x1, x2] = [Math.max(0, left), Math.min(width, left + picture.width)];
  for (let y = Math.max(0, top); y < Math.min(height, top + picture.height); y++) {
    const from = ((y - top) * picture.width + x1 - left) * channels;
    data.set(picture.data.subarray(from, from + (x2 - x1) * channels), (y * width + x1) * channels);
  }
  return { width, height, channels, data };
}

/** Brightness by ITU-R 601-2, in the whole numbers of Pillow. */
export function toGray({ width, height, data: rgb }) {
  const data = new Uint8Array(width * height);
  for (let pixel = 0; pixel < data.length; pixel++) {
    const at = 3 * pixel;
    data[pixel] = (rgb[at] * 19595 + rgb[at + 1] * 38470 + rgb[at + 2] * 7471 + 0x8000) >> 16;
  }
  return { width, height, channels: 1, data };
}

/** Where a picture of this [width, height] lies in the input: input = picture x scale + offset, as [x, y]. */
export function place(size, how) {
  const { offset, resized } = offsetAndSize(size, how);
  return {
    pictureSize: [size[1], size[0]],
    inputSize: how.size,
    scale: [resized[0] / size[0], resized[1] / size[1]],
    offset,
  };
}

/** A point of the input in pixels of the picture, in 32 bit. */
export function toPicture(point, { scale, offset }) {
  const { fround } = Math;
  return point.map((value, axis) => fround(fround(fround(value) - offset[axis]) / fround(scale[axis])));
}

/** A box of the input in pixels of the picture, clipped to it. */
export function boxToPicture([x1, y1, x2, y2], placement) {
  const [height, width] = placement.pictureSize;
  return [...toPicture([x1, y1], placement), ...toPicture([x2, y2], placement)].map((value, axis) =>
    clip(value, 0, axis % 2 ? height : width),
  );
}

/** Offset of the resized picture in the input, and its size; x before y. */
function offsetAndSize([across, down], how) {
  const [height, width] = how.size;
  if (how.fit === "stretch") return { offset: [0, 0], resized: [width, height] };
  const ratios = [width / across, height / down];
  if (how.fit === "crop") {
    const scale = Math.max(...ratios) / how.crop_share;
    const resized = [Math.max(width, rint(across * scale)), Math.max(height, rint(down * scale))];
    return { offset: [-Math.floor((resized[0] - width) / 2), -Math.floor((resized[1] - height) / 2)], resized };
  }
  const scale = Math.min(...ratios);
  const resized = [
    Math.min(width, Math.max(1, rint(across * scale))),
    Math.min(height, Math.max(1, rint(down * scale))),
  ];
  if (how.fit === "pad-corner") return { offset: [0, 0], resized };
  return { offset: [Math.floor((width - resized[0]) / 2), Math.floor((height - resized[1]) / 2)], resized };
}

/**
 * The object in a box with some room around it, in the proportions of the input; outside the picture it is black.
 *
 * @returns {{part, origin, scale}} the part, its left and upper edge in the picture, and by how much it was scaled so
 *   that no side is longer than `longest`.
 */
export function cutOut(picture, [x1, y1, x2, y2], size, padding, longest) {
  const aspect = size[1] / size[0];
  const [wide, high] = [(x2 - x1) * padding, (y2 - y1) * padding];
  const width = Math.max(wide, high * aspect);
  const height = Math.max(high, wide / aspect);
  const left = rint((x1 + x2 - width) / 2);
  const top = rint((y1 + y2 - height) / 2);
  const [across, down] = [Math.max(1, rint(width)), Math.max(1, rint(height))];
  const scale = Math.min(1, longest / Math.max(across, down));
  const inside = [Math.max(left, 0), Math.max(top, 0), Math.min(left + across, picture.width), Math.min(top + down, picture.height)];
  if (inside[0] >= inside[2] || inside[1] >= inside[3]) throw new UserError("The box lies outside the picture.");
  let part = paste(picture, inside[2] - inside[0], inside[3] - inside[1], -inside[0], -inside[1], 0);
  if (scale < 1) part = resize(part, Math.max(1, rint(part.width * scale)), Math.max(1, rint(part.height * scale)));
  const sides = [Math.max(1, rint(across * scale)), Math.max(1, rint(down * scale))];
  const corner = [rint((inside[0] - left) * scale), rint((inside[1] - top) * scale)];
  return { part: paste(part, ...sides, ...corner, 0), origin: [left, top], scale };
}

/**
 * Bilinear resizing that averages over all pixels where it shrinks, to the bit as Pillow's BILINEAR: first the rows,
 * then the columns, in whole numbers, each rounded to 8 bit.
 *
 * @param box part of the picture that is resized, [left, top, right, bottom]; the whole one by default.
 */
export function resize(picture, width, height, box = [0, 0, picture.width, picture.height]) {
  const isWide = width !== picture.width || box[0] !== 0 || box[2] !== width;
  const isHigh = height !== picture.height || box[1] !== 0 || box[3] !== height;
  const made = isWide ? resizeRows(picture, width, box[0], box[2]) : picture;
  return isHigh ? resizeColumns(made, height, box[1], box[3]) : made;
}

const BITS = 22; // of a weight's fraction
const HALF = 1 << (BITS - 1);

function resizeRows({ width: before, height, channels, data: from }, width, start, end) {
  const taps = wholeWeights(tapsOf(before, width, start, end));
  const data = new Uint8ClampedArray(width * height * channels);
  for (let y = 0, to = 0; y < height; y++) {
    for (const { first, weights } of taps) {
      const at = (y * before + first) * channels;
      for (let channel = 0; channel < channels; channel++) {
        let total = HALF;
        for (let tap = 0; tap < weights.length; tap++) total += from[at + tap * channels + channel] * weights[tap];
        data[to++] = total >> BITS;
      }
    }
  }
  return { width, height, channels, data };
}

function resizeColumns({ width, height: before, channels, data: from }, height, start, end) {
  const taps = wholeWeights(tapsOf(before, height, start, end));
  const row = width * channels;
  const data = new Uint8ClampedArray(row * height);
  taps.forEach(({ first, weights }, y) => {
    for (let column = 0; column < row; column++) {
      let total = HALF;
      for (let tap = 0; tap < weights.length; tap++) total += from[(first + tap) * row + column] * weights[tap];
      data[y * row + column] = total >> BITS;
    }
  });
  return { width, height, channels, data };
}

/** The same for one channel of floats, of which the part in a box is resized. */
export function resizeFloats({ width, height, data }, across, down, [left, top, right, bottom]) {
  const rows = new Float32Array(across * height);
  tapsOf(width, across, left, right).forEach(({ first, weights }, x) => {
    for (let y = 0; y < height; y++) {
      let total = 0;
      for (let tap = 0; tap < weights.length; tap++) total += data[y * width + first + tap] * weights[tap];
      rows[y * across + x] = total;
    }
  });
  const made = new Float32Array(across * down);
  tapsOf(height, down, top, bottom).forEach(({ first, weights }, y) => {
    for (let x = 0; x < across; x++) {
      let total = 0;
      for (let tap = 0; tap < weights.length; tap++) total += rows[(first + tap) * across + x] * weights[tap];
      made[y * across + x] = total;
    }
  });
  return made;
}

/** Which pixels of an axis make each new one, and by which weights: a triangle as wide as a new pixel, or as an old. */
function tapsOf(before, after, start, end) {
  const scale = (end - start) / after;
  const support = Math.max(scale, 1);
  return Array.from({ length: after }, (_, index) => {
    const centre = start + (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(before, Math.trunc(centre + support + 0.5));
    const weights = Array.from({ length: last - first }, (_, tap) =>
      Math.max(0, 1 - Math.abs((first + tap - centre + 0.5) * (1 / support))),
    );
    const total = weights.reduce((all, one) => all + one, 0);
    return { first, weights: total ? weights.map((weight) => weight / total) : weights };
  });
}

function wholeWeights(taps) {
  return taps.map(({ first, weights }) => ({
    first,
    weights: Int32Array.from(weights, (weight) => Math.trunc(0.5 + weight * (1 << BITS))),
  }));
}

const LIMITS = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
  bool: [0, 1],
};

/** Numbers as whole ones, of which none is cut off or rounded; of floats, as they are. */
export function wholeNumbers(data, dtype, name) {
  if (!(dtype in LIMITS)) return data;
  const numbers = Array.from(data, Number);
  const whole = numbers.map(rint);
  const [low, high] = LIMITS[dtype];
  const found = [smallest(numbers), largest(numbers)];
  if (found[0] < low || found[1] > high || numbers.some((one, index) => Math.abs(one - whole[index]) > 1e-3)) {
    throw new UserError('The input "{name}" takes whole numbers from {low} to {high}, but was given numbers from {from} to {to}. Check mean and std in preprocessing.json.', { name, low, high, from: found[0], to: found[1] });
  }
  return whole;
}
