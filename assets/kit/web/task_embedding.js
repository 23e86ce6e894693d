/** Embedding: a vector of length 1; the larger the cosine of two of them, the more alike are the samples. */

import { firstOf, rounded, sum } from "./numbers.js";
import { SAME, different, within } from "./verdicts.js";
import { t } from "./words.js";

const SAME_COSINE = 0.999999;
const CLOSE_COSINE = 0.99;
const TOLD = 8;

/** The vector, or the mean of one vector for each token. */
export function answer(outputs, _sample, task) {
  const { dims, data } = firstOf(outputs[task.output]);
  const width = dims.at(-1) > 1 ? dims.at(-1) : data.length;
  const count = data.length / width;
  const vector = new Array(width).fill(0);
  data.forEach((value, index) => (vector[index % width] += value / count));
  const length = Math.hypot(...vector);
  return { kind: "vector", vector: vector.map((value) => rounded(length ? value / length : value, 7)) };
}

/** The beginning of the vector, and how alike the sample is to those before. */
export function table(found, _details, before) {
  const first = found.vector.slice(0, TOLD).map((value) => value.toFixed(3)).join(", ");
  const rows = [{ cells: [t("a vector of {count} numbers", { count: found.vector.length }), `${first}, …`] }];
  for (const { name, answer: other } of before) {
    rows.push({ cells: [t("cosine with {name}", { name }), cosine(found.vector, other.vector).toFixed(4)] });
  }
  return { columns: [t("What"), t("Value")], rows };
}

/** The cosine of the two vectors. */
export function compare(expected, found) {
  if (expected.vector.length !== found.vector.length) {
    return different("NOT the expected answer: a vector of {found} numbers instead of {expected}", { found: found.vector.length, expected: expected.vector.length });
  }
  const likeness = expected.vector.some((value) => value) ? cosine(expected.vector, found.vector) : 1;
  if (likeness >= SAME_COSINE) return SAME;
  if (likeness >= CLOSE_COSINE) return within(1 - likeness);
  return different("NOT the expected answer: the cosine of the vectors is {cosine}", { cosine: likeness.toFixed(4) });
}

const cosine = (one, other) => sum(one.map((value, index) => value * other[index]));
