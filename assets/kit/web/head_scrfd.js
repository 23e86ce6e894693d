/** SCRFD of InsightFace: distances from the upper left corner of a cell in strides, and five points. */

import { bestOfScores, cells, fromDistances, pointsOf, rows } from "./boxes.js";

export function decode(outputs, size, least, head) {
  const places = cells(size, head.strides, 0, head.per_cell);
  const distances = rows(outputs, head.distances, 4);
  const keypoints = head.keypoints.length ? rows(outputs, head.keypoints, 10) : null;
  const objects = bestOfScores(rows(outputs, head.scores, 1), least).map(({ row, ...best }) => {
    const { x, y, stride } = places[row];
    const box = fromDistances(places[row], distances.row(row).map((value) => value * stride));
    if (!keypoints) return { ...best, box };
    const points = pointsOf(keypoints.row(row).map((value, index) => value * stride + (index % 2 ? y : x)));
    return { ...best, box, points };
  });
  return { objects };
}
