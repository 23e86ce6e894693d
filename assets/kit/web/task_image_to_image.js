/** A picture from a picture: super-resolution, denoising, depth. */

import { channelsFirst, largest, rint, smallest } from "./numbers.js";
import { decodePng, encodePng } from "./png.js";
import { SAME, different, within } from "./verdicts.js";
import { t } from "./words.js";

/** Mean difference of a pixel, of 255. */
const SAME_GREY = 2;
const CLOSE_GREY = 8;

const { fround } = Math;

/** The picture as a PNG, from its lowest value (black) to its highest, both of which are told. */
export async function answer(outputs, _sample, task) {
  const { dims, data } = planes(outputs[task.output], task.channels_last);
  const [channels, height, width] = dims;
  const [low, high] = [smallest(data), largest(data)];
  const span = fround(Math.max(high - low, 1e-12));
  const shown = channels === 1 ? 1 : 3;
  const size = height * width;
  const pixels = new Uint8Array(size * shown);
  for (let pixel = 0; pixel < size; pixel++) {
    for (let channel = 0; channel < shown; channel++) {
      const share = fround(fround(data[channel * size + pixel] - low) / span);
      pixels[pixel * shown + channel] = rint(fround(share * 255));
    }
  }
  const total = data.reduce((all, value) => all + value, 0);
  const png = await encodePng({ width, height, channels: shown, data: pixels });
  return { kind: "image", size: [height, width], low, high, mean: total / data.length, png };
}

/** Of the first sample, (channels, height, width). */
function planes({ dims, data }, channelsLast) {
  if (dims.length === 3) return { dims: [1, ...dims.slice(1)], data: Float32Array.from(data.subarray(0, dims[1] * dims[2])) };
  const first = { dims: dims.slice(1), data: Float32Array.from(data.subarray(0, data.length / dims[0])) };
  return channelsLast ? channelsFirst(first) : first;
}

/** Its size and its range. */
export function table(found) {
  const [height, width] = found.size;
  const number = (value) => String(Number(value.toPrecision(4)));
  const rows = [
    { cells: [t("Size"), t("{width} x {height} pixels", { width, height })] },
    { cells: [t("Lowest value (black)"), number(found.low)] },
    { cells: [t("Highest value"), number(found.high)] },
    { cells: [t("Mean"), number(found.mean)] },
  ];
  return { columns: [t("What"), t("Value")], rows };
}

/** The mean difference of the pixels. */
export async function compare(expected, found) {
  const [before, after] = [await decodePng(expected.png), await decodePng(found.png)];
  if (before.width !== after.width || before.height !== after.height || before.channels !== after.channels) {
    return different("NOT the expected answer: a picture of {found} pixels instead of {expected}", { found: `${after.width} x ${after.height}`, expected: `${before.width} x ${before.height}` });
  }
  const span = Math.max(expected.high - expected.low, 1e-12);
  // In the values of the model, not in greys that each picture spreads for itself.
  const value = (one, grey) => one.low + (grey / 255) * (one.high - one.low);
  const total = before.data.reduce((all, grey, index) => all + Math.abs(value(expected, grey) - value(found, after.data[index])), 0);
  const difference = (total / before.data.length / span) * 255;
  if (difference <= SAME_GREY) return SAME;
  if (difference <= CLOSE_GREY) return within(difference / 255);
  return different("NOT the expected answer: pixels differ by {difference} of 255 on average", { difference: difference.toFixed(1) });
}

/** The picture that the model made, instead of the one that it was given. */
export async function draw(drawing, found) {
  drawing.replace(await decodePng(found.png));
}
