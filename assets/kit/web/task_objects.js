/** Detection, instance segmentation and pose: the objects of a picture, in its own pixels. */

import { suppress } from "./boxes.js";
import { labelOf, rounded } from "./numbers.js";
import { boxToPicture, toPicture } from "./preprocessing.js";
import { CLOSE_OVERLAP, CLOSE_SCORE, PIXEL_TOLERANCE, different, within } from "./verdicts.js";
import { percent, t } from "./words.js";

const LEAST_POINT = 0.3; // score from which a point is drawn

/** The objects with at least the task's score, the best first. */
export async function answer(outputs, sample, task, labels) {
  const { placement } = sample;
  const { decode } = await import(`./head_${task.head.module}.js`);
  const found = decode(outputs, placement.inputSize, task.score, task.head);
  // No overlap is larger than infinity: boxes that the model has suppressed itself are only sorted.
  const kept = suppress(found.objects, task.head.nms_iou ?? Infinity, task.most_objects);
  const masks = task.has_masks ? await import("./masks.js") : null;
  const objects = [];
  for (const one of kept) {
    const { box, angle } = one.angle === undefined ? { box: boxToPicture(one.box, placement) } : turnedToPicture(one, placement);
    // NaN, which damaged weights give, is not greater than anything either.
    if (!(box[2] > box[0] && box[3] > box[1])) continue;
    objects.push({
      class: one.class,
      label: labelOf(labels, one.class),
      score: rounded(one.score, 6),
      box: box.map((value) => rounded(value, 2)),
      ...(angle !== undefined && { angle: rounded(angle, 5) }),
      ...(one.points && { points: one.points.map((point) => pointToPicture(point, placement)) }),
      ...(masks && { mask: masks.pictureMask(one, found, box, placement) }),
    });
  }
  return { kind: "objects", objects };
}

function pointToPicture([x, y, ...rest], placement) {
  return [...toPicture([x, y], placement), ...rest].map((value) => rounded(value, 4));
}

/** A rotated box, which is not clipped; where the axes are scaled differently, its area and its long axis stay. */
function turnedToPicture({ box: [x1, y1, x2, y2], angle }, placement) {
  const [x, y] = toPicture([(x1 + x2) / 2, (y1 + y2) / 2], placement);
  const [width, height] = [x2 - x1, y2 - y1];
  const isUpright = height > width;
  const turn = isUpright ? Math.PI / 2 : 0;
  const [across, down] = placement.scale;
  const alongX = (Math.max(width, height) * Math.cos(angle + turn)) / across;
  const alongY = (Math.max(width, height) * Math.sin(angle + turn)) / down;
  const length = Math.hypot(alongX, alongY);
  const breadth = length > 0 ? (width * height) / (across * down) / length : 0;
  const [wide, high] = isUpright ? [breadth, length] : [length, breadth];
  return { box: [x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], angle: Math.atan2(alongY, alongX) - turn };
}

/** One line for each object. */
export function table(found) {
  const has = (key) => found.objects.some((one) => key in one);
  const columns = [t("Object"), t("Score"), "x", "y"];
  if (has("angle")) columns.push(t("Turned by"));
  if (has("points")) columns.push(t("Points"));
  if (has("mask")) columns.push(t("Pixels"));
  const rows = found.objects.map((one) => {
    const [x1, y1, x2, y2] = one.box.map(Math.round);
    const cells = [one.label, percent(one.score), `${x1} – ${x2}`, `${y1} – ${y2}`];
    if (has("angle")) cells.push(`${Math.round((one.angle * 180) / Math.PI)}°`);
    if (has("points")) cells.push(String(one.points.filter((point) => point[2] >= LEAST_POINT).length));
    if (has("mask")) cells.push(String(one.mask.counts.reduce((all, count, index) => all + (index % 2 ? count : 0), 0)));
    return { cells, color: one.class };
  });
  return { columns, rows, empty: t("no objects") };
}

/** The same objects at the same places; those near the threshold may come or go by rounding. */
export function compare(expected, found) {
  const all = [...expected.objects, ...found.objects];
  const least = all.length ? Math.min(...all.map((one) => one.score)) : 0;
  const free = new Set(found.objects);
  let [score, pixels] = [0, 0];
  for (const one of expected.objects) {
    const other = mostAlike(one, free);
    if (!other || likeness(one, other) < CLOSE_OVERLAP) {
      if (one.score >= least + CLOSE_SCORE) return different("NOT the expected answer: {label} ({score}) was not found", told(one));
      score = Math.max(score, one.score - least);
      continue;
    }
    free.delete(other);
    score = Math.max(score, Math.abs(one.score - other.score));
    pixels = Math.max(pixels, distance(one, other));
  }
  for (const one of free) {
    if (one.score >= least + CLOSE_SCORE) return different("NOT the expected answer: {label} ({score}) was found besides", told(one));
    score = Math.max(score, one.score - least);
  }
  return within(score, pixels);
}

const told = (one) => ({ label: one.label, score: percent(one.score) });

function mostAlike(one, others) {
  let best = null;
  for (const other of others) if (!best || likeness(one, other) > likeness(one, best)) best = other;
  return best;
}

/** Overlap (IoU) of two boxes, 1 where they differ by a pixel at most; 0 for different classes. */
function likeness(one, other) {
  if (one.class !== other.class) return 0;
  const [a, b] = [one.box, other.box];
  if (a.every((value, index) => Math.abs(value - b[index]) <= PIXEL_TOLERANCE)) return 1;
  const common = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]);
  return common / Math.max(areas - common, 1e-9);
}

/** Largest difference of a coordinate, of the points that are sure too. */
function distance(one, other) {
  const differences = one.box.map((value, index) => Math.abs(value - other.box[index]));
  one.points?.forEach(([x, y, score], index) => {
    const point = other.points[index];
    if (score >= LEAST_POINT) differences.push(Math.abs(x - point[0]), Math.abs(y - point[1]));
  });
  return Math.max(...differences);
}

/** Boxes with their labels, and what they have besides: masks, points. */
export async function draw(drawing, found) {
  for (const one of [...found.objects].reverse()) {
    if (one.mask) {
      const { decode } = await import("./masks.js");
      drawing.tint(Int32Array.from(decode(one.mask), (isInside) => (isInside ? one.class : -1)), one.mask.size);
    }
    drawing.box(corners(one), `${one.label} ${percent(one.score, 0)}`, one.class);
    if (one.points) drawing.points(one.points.filter((point) => point[2] >= LEAST_POINT), one.class + 1);
  }
}

function corners({ box: [x1, y1, x2, y2], angle = 0 }) {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [x, y, wide, high] = [(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2, (y2 - y1) / 2];
  const ways = [[-wide, -high], [wide, -high], [wide, high], [-wide, high]];
  return ways.map(([across, down]) => [x + across * cos - down * sin, y + across * sin + down * cos]);
}
