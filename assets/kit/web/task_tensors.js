/** Any other model: its outputs as they are. */

import { largest, smallest } from "./numbers.js";
import { SAME, different, within } from "./verdicts.js";
import { percent, t } from "./words.js";

const TOLD = 16;

/** Difference of the numbers, as a share of the largest. */
const SAME_SHARE = 1e-3;
const CLOSE_SHARE = 0.05;

/** Of each output its shape, lowest, highest and mean value, and its first numbers. */
export function answer(outputs) {
  return { kind: "tensors", outputs: Object.entries(outputs).map(([name, tensor]) => told(name, tensor)) };
}

function told(name, { dims, dtype, data }) {
  const values = Float64Array.from(data, (value) => (Number.isFinite(value) ? value : 0));
  const total = values.reduce((all, one) => all + one, 0);
  return {
    name,
    shape: dims,
    dtype,
    low: values.length ? smallest(values) : 0,
    high: values.length ? largest(values) : 0,
    mean: values.length ? total / values.length : 0,
    first: Array.from(values.subarray(0, TOLD), (value) => Number(value.toPrecision(7))),
  };
}

/** One line for each output. */
export function table(found) {
  const number = (value) => String(Number(value.toPrecision(4)));
  const rows = found.outputs.map((one) => ({
    cells: [one.name, one.shape.join(" x "), number(one.low), number(one.high), number(one.mean), one.first.slice(0, 4).map(number).join(", ")],
  }));
  return { columns: [t("Output"), t("Shape"), t("Lowest"), t("Highest"), t("Mean"), t("First numbers")], rows };
}

/** The numbers of each output, in relation to its largest one. */
export function compare(expected, found) {
  let worst = 0;
  expected.outputs.forEach((before, index) => {
    const after = found.outputs[index];
    if (before.shape.join() !== after.shape.join()) worst = Infinity;
    const numbers = [before, after].map((one) => [one.low, one.high, one.mean, ...one.first]);
    const size = Math.max(Math.abs(before.low), Math.abs(before.high), 1e-9);
    numbers[0].forEach((value, at) => (worst = Math.max(worst, Math.abs(value - numbers[1][at]) / size)));
  });
  if (worst <= SAME_SHARE) return SAME;
  if (worst <= CLOSE_SHARE) return within(worst);
  return worst === Infinity
    ? different("NOT the expected answer: an output has another shape")
    : different("NOT the expected answer: numbers differ by up to {share} of the largest", { share: percent(worst) });
}
