/** Text recognition by CTC: the best class of each step, repeats merged, blanks dropped (Graves et al., 2006). */

import { indexOfLargest, isInteger, labelOf, product, rounded, smallest, sum } from "./numbers.js";
import { different, within } from "./verdicts.js";
import { percent, t } from "./words.js";

/** The text, with the mean probability of its characters. */
export function answer(outputs, _sample, task, labels) {
  const steps = bestOfSteps(outputs[task.output]);
  const kept = steps.filter(({ index }, step) => index !== task.blank && index !== (step ? steps[step - 1].index : -1));
  const characters = kept.map(({ index }) => labelOf(labels, index));
  const score = kept.length ? sum(kept.map((one) => one.probability)) / kept.length : 0;
  return { kind: "text", text: characters.join(labels.length ? "" : " "), score: rounded(score, 6) };
}

/** Best class and its probability at each step. */
function bestOfSteps(tensor) {
  const { dims, data } = tensor;
  if (isInteger(tensor)) return Array.from(data, (index) => ({ index, probability: 1 }));
  const width = dims[2];
  const count = dims[1] === 1 ? dims[0] : dims[1];
  const used = data.subarray(0, product([count, width]));
  const rows = Array.from({ length: count }, (_, step) => used.subarray(step * width, (step + 1) * width));
  const isShares = smallest(used) >= 0 && Math.abs(sum(Array.from(rows[0])) - 1) < 1e-2;
  return rows.map((row) => {
    const index = indexOfLargest(row);
    const total = isShares ? 0 : row.reduce((all, value) => all + Math.exp(value - row[index]), 0);
    return { index, probability: isShares ? row[index] : 1 / total };
  });
}

/** The text, large. */
export function table(found) {
  return {
    columns: [t("Text"), t("Score")],
    rows: found.text ? [{ cells: [found.text, percent(found.score)] }] : [],
    empty: t("no text"),
    isLarge: true,
  };
}

/** The same text. */
export function compare(expected, found) {
  if (expected.text !== found.text) {
    return different('NOT the expected answer: "{found}" instead of "{expected}"', { found: found.text, expected: expected.text });
  }
  return within(Math.abs(expected.score - found.score));
}
