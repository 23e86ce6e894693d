/** YOLOs whose outputs are raw grids with three anchors a cell: YOLOv3, YOLOv4, YOLOv5, YOLOv7. */

import { bestInRow, logit, sigmoid, toCorners } from "./boxes.js";
import { firstOf } from "./numbers.js";

const ANCHORS = 3;

export function decode(outputs, _size, least, head) {
  return { objects: head.grids.flatMap((grid) => decodeGrid(firstOf(outputs[grid.output]), grid, least, head)) };
}

function decodeGrid(tensor, grid, least, head) {
  const { height, width, at } = layout(tensor, head);
  const threshold = head.activated ? Math.fround(least) : logit(least);
  const share = head.activated ? (value) => value : sigmoid;
  const objects = [];
  for (let anchor = 0; anchor < ANCHORS; anchor++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = (index) => tensor.data[at(anchor, y, x, index)];
        if (!(value(4) >= threshold)) continue;
        const objectness = share(value(4));
        const scores = Float32Array.from({ length: head.class_count }, (_, index) => objectness * share(value(5 + index)));
        const best = bestInRow(scores);
        if (!(best.score >= Math.fround(least))) continue;
        const numbers = [0, 1, 2, 3].map(value);
        objects.push({ ...best, box: toCorners(boxOf(numbers, x, y, grid.anchors.slice(2 * anchor, 2 * anchor + 2), grid, head)) });
      }
    }
  }
  return objects;
}

/** Size of a grid, and where a number of it lies: its axes are in one of three orders. */
function layout({ dims }, head) {
  const count = 5 + head.class_count;
  if (dims.length === 3) {
    const [, height, width] = dims;
    return { height, width, at: (anchor, y, x, index) => ((anchor * count + index) * height + y) * width + x };
  }
  if (head.anchors_last) {
    const [height, width] = dims;
    return { height, width, at: (anchor, y, x, index) => ((y * width + x) * ANCHORS + anchor) * count + index };
  }
  const [, height, width] = dims;
  return { height, width, at: (anchor, y, x, index) => ((anchor * height + y) * width + x) * count + index };
}

/** A box [cx, cy, w, h] in pixels. */
function boxOf(values, x, y, anchor, grid, head) {
  if (head.exponential) {
    const [across, down] = values.slice(0, 2).map((value) => (sigmoid(value) - 0.5) * grid.stretch + 0.5);
    const [width, height] = anchor.map((side, axis) => Math.exp(Math.min(values[2 + axis], 20)) * side);
    return [(x + across) * grid.stride, (y + down) * grid.stride, width, height];
  }
  const shares = head.activated ? values : values.map(sigmoid);
  const [width, height] = anchor.map((side, axis) => (shares[2 + axis] * 2) ** 2 * side);
  return [(x + shares[0] * 2 - 0.5) * grid.stride, (y + shares[1] * 2 - 0.5) * grid.stride, width, height];
}
