/** DETR, RT-DETR and relatives: a score for each class and a box for each query, without suppression. */

import { bestInRow, sigmoid, softmax, tableOf, toCorners, toPixels } from "./boxes.js";
import { firstOf, product } from "./numbers.js";

export function decode(outputs, size, least, head) {
  const boxes = tableOf(outputs[head.boxes]);
  const scores = tableOf(outputs[head.scores]);
  const start = head.scores === head.boxes ? 4 : 0; // in one output the scores follow the box
  const masks = head.masks ? firstOf(outputs[head.masks]) : null;
  const maskSize = masks?.dims.slice(1);
  const objects = [];
  for (let row = 0; row < scores.count; row++) {
    const best = bestInRow(activated(scores.row(row).subarray(start), head.activation).subarray(0, head.class_count));
    if (!(best.score >= Math.fround(least))) continue;
    const object = { ...best, box: toCorners(toPixels(boxes.row(row), size)) };
    if (masks) object.logits = masks.data.subarray(row * product(maskSize), (row + 1) * product(maskSize));
    objects.push(object);
  }
  return { objects, maskSize };
}

function activated(values, activation) {
  if (activation === "none") return values;
  return activation === "sigmoid" ? Float32Array.from(values, sigmoid) : softmax(values);
}
