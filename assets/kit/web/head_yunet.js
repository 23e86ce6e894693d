/** YuNet of OpenCV's model zoo: centres, sizes and five points in strides; a score is sqrt(class x objectness). */

import { bestOfScores, cells, fromCentre, pointsOf, rows } from "./boxes.js";
import { Table, clip } from "./numbers.js";

export function decode(outputs, size, least, head) {
  const [one, other] = head.scores.map((names) => rows(outputs, names, 1).data);
  const scores = one.map((value, index) => Math.sqrt(Math.fround(clip(value, 0, 1) * clip(other[index], 0, 1))));
  const places = cells(size, head.strides, 0);
  const boxes = rows(outputs, head.boxes, 4);
  const keypoints = rows(outputs, head.keypoints, 10);
  const objects = bestOfScores(new Table(scores, 1), least).map(({ row, ...best }) => {
    const { x, y, stride } = places[row];
    const points = pointsOf(keypoints.row(row).map((value, index) => value * stride + (index % 2 ? y : x)));
    return { ...best, box: fromCentre(places[row], boxes.row(row)), points };
  });
  return { objects };
}
