/** Rounding as numpy and Python do it, tables of numbers, and small arithmetic that several modules share. */

export class UserError extends Error {
  /** What is told to the person: a sentence of words.js with its values. */
  constructor(sentence, values = {}) {
    super(sentence);
    this.values = values;
  }
}

/** To the nearest whole number, halves to the even one. */
export function rint(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** With so many digits after the point. */
export function rounded(value, digits) {
  const factor = 10 ** digits;
  return rint(value * factor) / factor;
}

export const clip = (value, low, high) => Math.min(Math.max(value, low), high);

export const product = (numbers) => numbers.reduce((all, one) => all * one, 1);

export const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);

/** The largest, without the limit that Math.max(...numbers) has; `least` where there is none. */
export function largest(numbers, least = -Infinity) {
  let found = least;
  for (const one of numbers) if (one > found) found = one;
  return found;
}

export function smallest(numbers, most = Infinity) {
  let found = most;
  for (const one of numbers) if (one < found) found = one;
  return found;
}

/** Index of the largest number; the first of several. */
export function indexOfLargest(numbers) {
  let best = 0;
  for (let index = 1; index < numbers.length; index++) if (numbers[index] > numbers[best]) best = index;
  return best;
}

/** Indices from the largest number to the smallest; equal ones keep their order. */
export function descending(numbers) {
  return Array.from(numbers, (_, index) => index).sort((one, other) => numbers[other] - numbers[one] || one - other);
}

/** Numbers in rows of the same width. */
export class Table {
  constructor(data, width) {
    this.data = data;
    this.width = width;
    this.count = width ? data.length / width : 0;
  }

  row(index) {
    return this.data.subarray(index * this.width, (index + 1) * this.width);
  }
}

/** The part of a tensor that belongs to the first picture of the batch. */
export function firstOf(tensor) {
  const dims = tensor.dims.slice(1);
  return { dims, data: tensor.data.subarray(0, product(dims)) };
}

/** A table (rows, columns) as (columns, rows). */
export function transposed(data, rows, columns) {
  const made = new data.constructor(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) made[column * rows + row] = data[row * columns + column];
  }
  return made;
}

/** Maps (rows, columns, channels) as (channels, rows, columns). */
export function channelsFirst(maps) {
  const [rows, columns, channels] = maps.dims;
  return { dims: [channels, rows, columns], data: transposed(maps.data, rows * columns, channels) };
}

/** Name of a class, or its number where it has none. */
export const labelOf = (labels, index) => (index >= 0 && index < labels.length ? labels[index] : String(index));

export const isInteger = (tensor) => !tensor.dtype.startsWith("float");
