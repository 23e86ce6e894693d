/** Whether an answer is the expected one. */

/** On a processor of the same kind the answers are the same up to here. */
export const SCORE_TOLERANCE = 1e-3;
export const PIXEL_TOLERANCE = 1.0;

/** Another processor, or arithmetic in 16 bit, rounds differently: up to here it is the same answer. */
export const CLOSE_SCORE = 0.05;

/** Likewise the least overlap (IoU) of two boxes or areas. */
export const CLOSE_OVERLAP = 0.8;

/** A verdict is {isRight, sentence, values}; the sentence is one of words.js. */
export const SAME = { isRight: true, sentence: "the expected answer", values: {} };

/** The verdict on the same objects, points or classes, by how far their numbers differ at most. */
export function within(score, pixels = 0) {
  if (score <= SCORE_TOLERANCE && pixels <= PIXEL_TOLERANCE) return SAME;
  const values = { score: score.toFixed(3), pixels: pixels.toFixed(1) };
  const isRight = score <= CLOSE_SCORE;
  if (pixels > PIXEL_TOLERANCE) {
    return isRight
      ? { isRight, sentence: "the expected answer; scores differ by up to {score}, places by up to {pixels} pixels, as they do where another processor rounds differently", values }
      : { isRight, sentence: "NOT the expected answer: scores differ by up to {score}, places by up to {pixels} pixels", values };
  }
  return isRight
    ? { isRight, sentence: "the expected answer; scores differ by up to {score}, as they do where another processor rounds differently", values }
    : { isRight, sentence: "NOT the expected answer: scores differ by up to {score}", values };
}

/** Another answer. */
export const different = (sentence, values = {}) => ({ isRight: false, sentence, values });
