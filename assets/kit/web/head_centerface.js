/** CenterFace: a heatmap, and for each cell the size of the face, the place of its centre, and five points. */

import { bestOfScores, cells, exponential, rows } from "./boxes.js";

export function decode(outputs, size, least, head) {
  const { stride } = head;
  const places = cells(size, [stride], 0.5);
  const sizes = rows(outputs, [head.sizes], 2);
  const offsets = rows(outputs, [head.offsets], 2);
  const ways = rows(outputs, [head.keypoints], 10);
  const objects = bestOfScores(rows(outputs, [head.heatmap], 1), least).map(({ row, ...best }) => {
    const [height, width] = Array.from(sizes.row(row), (value) => exponential(value) * stride);
    const [down, across] = offsets.row(row);
    const left = places[row].x + across * stride - width / 2;
    const top = places[row].y + down * stride - height / 2;
    const way = ways.row(row);
    const points = Array.from({ length: 5 }, (_, point) => [left + way[2 * point + 1] * width, top + way[2 * point] * height, 1]);
    return { ...best, box: [left, top, left + width, top + height], points };
  });
  return { objects };
}
