/** Scores: probabilities of something being there, each above or below a threshold. */

import { largest, rounded } from "./numbers.js";
import { CLOSE_SCORE, different, within } from "./verdicts.js";
import { percent, t } from "./words.js";

const TOLD = 100;

/** All scores in one row, and the threshold from which they say yes. */
export function answer(outputs, _sample, task) {
  const scores = task.outputs.flatMap((name) => Array.from(outputs[name].data, (score) => rounded(score, 6)));
  return { kind: "scores", threshold: task.score, scores };
}

/** A bar for each score, and what it says. */
export function table({ scores, threshold }) {
  const rows = scores.slice(0, TOLD).map((score, index) => ({
    cells: [String(index), percent(score), score >= threshold ? t("yes") : t("no")],
    share: score,
    color: score >= threshold ? 2 : 8,
  }));
  const count = scores.filter((score) => score >= threshold).length;
  const caption = t("{count} of {all} say yes, from {threshold} on", { count, all: scores.length, threshold: percent(threshold) });
  return { columns: [t("Number"), t("Score"), t("Present")], rows, caption };
}

/** The same decisions, but for scores near the threshold. */
export function compare(expected, found) {
  const { scores: before, threshold } = expected;
  const after = found.scores;
  if (before.length !== after.length) {
    return different("NOT the expected answer: {found} scores instead of {expected}", { found: after.length, expected: before.length });
  }
  const differences = before.map((score, index) => Math.abs(score - after[index]));
  const changed = differences.filter(
    (difference, index) => before[index] >= threshold !== after[index] >= threshold && difference > CLOSE_SCORE,
  );
  if (changed.length) {
    return different("NOT the expected answer: {found} of {expected} decisions are others", { found: changed.length, expected: before.length });
  }
  return within(largest(differences, 0));
}
