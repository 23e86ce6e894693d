/** Classification: one score for each class, of which the best is the answer, or all above a threshold. */

import { descending, labelOf, rounded, smallest, sum } from "./numbers.js";
import { different, within } from "./verdicts.js";
import { percent, t } from "./words.js";

const SUM_TOLERANCE = 1e-2;

/** The best class with its probability, the next ones, and for multi-label models all that are present. */
export function answer(outputs, _sample, task, labels) {
  const scores = scoresOf(outputs, task);
  const named = (index) => ({ class: index, label: labelOf(labels, index) });
  const [first, ...next] = descending(scores).slice(0, task.top);
  const shares = task.multi_label ? scores : probabilities(scores);
  const found = { kind: "classes", best: { ...named(first), score: rounded(shares[first], 6) }, next: next.map(named) };
  if (task.multi_label) {
    const least = Math.fround(task.score);
    found.present = Array.from(scores.keys()).filter((index) => scores[index] >= least).map(named);
  }
  return found;
}

function scoresOf(outputs, task) {
  const { dims, data } = outputs[task.output];
  return dims.length > 1 ? data.subarray(0, data.length / dims[0]) : data;
}

/** Softmax; scores that sum to 1 are probabilities already. */
function probabilities(scores) {
  if (smallest(scores) >= 0 && Math.abs(sum(Array.from(scores)) - 1) < SUM_TOLERANCE) return scores;
  const most = scores[descending(scores)[0]];
  const exponentials = Array.from(scores, (score) => Math.exp(score - most));
  const total = sum(exponentials);
  return exponentials.map((one) => one / total);
}

/** Scores of the classes that the answer names, which it holds of the best one only: class -> score. */
export function details(outputs, task) {
  const scores = scoresOf(outputs, task);
  return task.multi_label ? scores : probabilities(scores);
}

/** The classes that the answer names with bars, and which ones are present. */
export function table(found, shares) {
  const present = found.present?.filter((one) => one.class !== found.best.class && !found.next.some((next) => next.class === one.class)) ?? [];
  const isPresent = (one) => found.present?.some((other) => other.class === one.class);
  const rows = [found.best, ...found.next, ...present].map((one) => {
    const share = shares ? shares[one.class] : one.score;
    const cells = [one.label, percent(share), ...(found.present ? [isPresent(one) ? t("yes") : t("no")] : [])];
    return { cells, share };
  });
  return { columns: [t("Class"), t("Score"), ...(found.present ? [t("Present")] : [])], rows };
}

/** The same best class, and the same ones present. */
export function compare(expected, found) {
  if (expected.best.class !== found.best.class) {
    return different("NOT the expected answer: {found} instead of {expected}", { found: found.best.label, expected: expected.best.label });
  }
  const present = (one) => JSON.stringify(one.present?.map((each) => each.class));
  if (present(expected) !== present(found)) return different("NOT the expected answer: other classes are present");
  return within(Math.abs(expected.best.score - found.best.score));
}
