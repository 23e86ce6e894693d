/** YOLOX whose graph stops before its boxes are decoded, of Megvii and of MMDetection. */

import { bestInRow, cells, fromCentre, rows, sigmoid } from "./boxes.js";

export function decode(outputs, size, least, head) {
  const partsOf = head.separate.length ? separate(outputs, head) : merged(outputs, head);
  const places = cells(size, head.strides, 0);
  const threshold = Math.fround(least);
  const share = head.activated ? (value) => value : sigmoid;
  const objects = [];
  places.forEach((place, row) => {
    const { box, objectness, classes } = partsOf(row);
    const whole = share(objectness);
    if (!(whole >= threshold)) return;
    const best = bestInRow(Float32Array.from(classes, (value) => share(value) * whole));
    if (best.score >= threshold) objects.push({ ...best, box: fromCentre(place, box) });
  });
  return { objects };
}

function separate(outputs, head) {
  const [boxNames, objectnessNames, classNames] = head.separate;
  const boxes = rows(outputs, boxNames, 4);
  const objectness = rows(outputs, objectnessNames, 1).data;
  const classes = rows(outputs, classNames, head.class_count);
  return (row) => ({ box: boxes.row(row), objectness: objectness[row], classes: classes.row(row) });
}

function merged(outputs, head) {
  const values = rows(outputs, head.merged, 5 + head.class_count);
  return (index) => {
    const row = values.row(index);
    return { box: row.subarray(0, 4), objectness: row[4], classes: row.subarray(5) };
  };
}
