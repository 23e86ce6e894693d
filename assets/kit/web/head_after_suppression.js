/** Detectors that have suppressed already: boxes, scores and classes in outputs of their own. */

import { toPixels } from "./boxes.js";
import { firstOf, product, rint } from "./numbers.js";

export function decode(outputs, size, least, head) {
  const { roles } = head;
  const boxes = first(outputs[roles.boxes], 2);
  const width = boxes.dims.at(-1);
  const labels = roles.labels ? first(outputs[roles.labels], 1).data : null;
  const scores = roles.scores ? first(outputs[roles.scores], 1).data : null;
  const count = roles.count ? Number(outputs[roles.count].data[0]) : boxes.dims[0];
  const masks = ofObjects(outputs, roles.masks);
  const points = ofObjects(outputs, roles.keypoints);
  const objects = [];
  for (let index = 0; index < count; index++) {
    const row = boxes.data.subarray(index * width, (index + 1) * width);
    const score = scores ? scores[index] : row[4];
    const number = (labels ? rint(labels[index]) : 0) - head.first_class;
    if (!(score >= Math.fround(least)) || number < 0) continue;
    const box = head.y_first ? [row[1], row[0], row[3], row[2]] : Array.from(row.subarray(0, 4));
    const object = { box: head.shares ? toPixels(box, size) : box, score, class: number };
    if (points) object.points = Array.from({ length: points.size[0] }, (_, point) => Array.from(points.of(index).subarray(point * points.size[1], (point + 1) * points.size[1])));
    // Probabilities: those above a half are above 0 then, as logits are.
    if (masks) object.logits = Float32Array.from(masks.of(index), (share) => share - 0.5);
    objects.push(object);
  }
  return { objects, maskSize: masks?.size };
}

/** Masks or points of the objects, each of the size of the last two axes. */
function ofObjects(outputs, name) {
  if (!name) return null;
  const { dims, data } = outputs[name];
  const size = dims.slice(-2);
  const step = product(size);
  return { size, of: (index) => data.subarray(index * step, (index + 1) * step) };
}

/** The part of the first picture, of so many axes. */
function first(tensor, axes) {
  const dims = [...tensor.dims];
  while (dims.length > axes + 1 && dims.at(-1) === 1) dims.pop();
  return dims.length > axes ? firstOf({ dims, data: tensor.data }) : { dims, data: tensor.data };
}
