/** CenterNet: a heatmap for each class, whose peaks are the centres of objects. */

import { logit, sigmoid, toCorners } from "./boxes.js";
import { firstOf } from "./numbers.js";

export function decode(outputs, _size, least, head) {
  const heatmaps = firstOf(outputs[head.heatmaps]);
  const [classes, height, width] = heatmaps.dims;
  const cellCount = height * width;
  const offsets = firstOf(outputs[head.offsets]).data;
  const sizes = firstOf(outputs[head.sizes]).data;
  const threshold = head.activated ? Math.fround(least) : logit(least);
  const objects = [];
  for (let number = 0; number < classes; number++) {
    const map = heatmaps.data.subarray(number * cellCount, (number + 1) * cellCount);
    for (let cell = 0; cell < cellCount; cell++) {
      if (!(map[cell] >= threshold) || !isPeak(map, cell, height, width)) continue;
      const [x, y] = [cell % width, Math.floor(cell / width)];
      const centre = [x + offsets[cell], y + offsets[cellCount + cell], sizes[cell], sizes[cellCount + cell]];
      const box = toCorners(centre.map((value) => value * head.stride));
      objects.push({ box, score: head.activated ? map[cell] : sigmoid(map[cell]), class: number });
    }
  }
  return { objects };
}

/** Whether a cell is no lower than its eight neighbours. */
function isPeak(map, cell, height, width) {
  const [x, y] = [cell % width, Math.floor(cell / width)];
  for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
    for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
      if (map[row * width + column] > map[cell]) return false;
    }
  }
  return true;
}
