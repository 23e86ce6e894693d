/** Boxes, points, areas and text, drawn on a canvas over the picture. */

const COLORS = [
  [230, 57, 70],
  [29, 132, 219],
  [42, 157, 82],
  [244, 140, 6],
  [131, 56, 236],
  [0, 150, 136],
  [216, 27, 146],
  [121, 85, 72],
  [96, 125, 139],
  [158, 157, 36],
];
const SMALLEST = 960; // longest side of the canvas: a smaller picture is enlarged, so that lines and text are sharp
const LARGEST = 1920;
const MOST_CHARACTERS = 60;
const STRENGTH = 0.45;

export const colorOf = (number) => `rgb(${COLORS[number % COLORS.length].join(" ")})`;

export class Drawing {
  /** @param picture {width, height, channels, data}, on which is drawn; places are in its pixels. */
  constructor(canvas, picture) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.show(picture);
  }

  show(picture) {
    const longest = Math.max(picture.width, picture.height);
    this.factor = Math.min(Math.max(1, SMALLEST / longest), LARGEST / longest);
    this.canvas.width = Math.round(picture.width * this.factor);
    this.canvas.height = Math.round(picture.height * this.factor);
    this.context.imageSmoothingQuality = "high";
    this.context.drawImage(toCanvas(picture), 0, 0, this.canvas.width, this.canvas.height);
    this.line = Math.max(2, Math.max(this.canvas.width, this.canvas.height) / 300);
  }

  /** Show another picture, such as the one that the model made. */
  replace(picture) {
    this.show(picture);
  }

  /** A box by its four corners, with its label above the first one. */
  box(corners, label, number) {
    const places = corners.map(([x, y]) => [x * this.factor, y * this.factor]);
    this.context.beginPath();
    places.forEach(([x, y]) => this.context.lineTo(x, y));
    this.context.closePath();
    this.context.lineWidth = this.line;
    this.context.lineJoin = "round";
    this.context.strokeStyle = colorOf(number);
    this.context.stroke();
    const highest = [...places].sort((one, other) => one[1] - other[1] || one[0] - other[0])[0];
    this.label(label, highest, number);
  }

  /** Text on a coloured ground, its lower left corner at a place, moved inside the picture. */
  label(text, [x, y], number) {
    const { context, canvas } = this;
    const size = Math.max(13, Math.max(canvas.width, canvas.height) / 52);
    context.font = `600 ${size}px system-ui, sans-serif`;
    const shown = short(text);
    const width = context.measureText(shown).width + size * 0.7;
    const height = size * 1.4;
    const left = Math.min(Math.max(0, x - this.line / 2), Math.max(0, canvas.width - width));
    const above = y - height;
    const top = Math.min(Math.max(0, above >= 0 ? above : y), Math.max(0, canvas.height - height));
    context.fillStyle = colorOf(number);
    context.fillRect(left, top, width, height);
    context.fillStyle = "white";
    context.textBaseline = "middle";
    context.fillText(shown, left + size * 0.35, top + height / 2 + size * 0.04);
  }

  /** Dots at [x, y, ...]. */
  points(points, number) {
    for (const [x, y] of points) {
      this.context.beginPath();
      this.context.arc(x * this.factor, y * this.factor, this.line * 1.6, 0, 2 * Math.PI);
      this.context.fillStyle = colorOf(number);
      this.context.fill();
      this.context.lineWidth = Math.max(1, this.line / 2);
      this.context.strokeStyle = "white";
      this.context.stroke();
    }
  }

  /** Colour pixels by their classes, in a map of this [height, width] over the whole picture; none below 0. */
  tint(classes, [height, width]) {
    const layer = new ImageData(width, height);
    for (let pixel = 0; pixel < classes.length; pixel++) {
      if (classes[pixel] < 0) continue;
      layer.data.set(COLORS[classes[pixel] % COLORS.length], 4 * pixel);
      layer.data[4 * pixel + 3] = 255 * STRENGTH;
    }
    const canvas = canvasOf(width, height);
    canvas.getContext("2d").putImageData(layer, 0, 0);
    this.context.drawImage(canvas, 0, 0, this.canvas.width, this.canvas.height);
  }

  /** The outline of a box [x1, y1, x2, y2] that a person draws. */
  outline([x1, y1, x2, y2]) {
    const { context, factor } = this;
    context.lineWidth = this.line;
    context.setLineDash([this.line * 3, this.line * 2]);
    context.strokeStyle = "white";
    context.strokeRect(x1 * factor, y1 * factor, (x2 - x1) * factor, (y2 - y1) * factor);
    context.lineDashOffset = this.line * 2.5;
    context.strokeStyle = colorOf(1);
    context.strokeRect(x1 * factor, y1 * factor, (x2 - x1) * factor, (y2 - y1) * factor);
    context.setLineDash([]);
    context.lineDashOffset = 0;
  }
}

function toCanvas({ width, height, channels, data }) {
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) image.data[4 * pixel + channel] = data[pixel * channels + (channels === 1 ? 0 : channel)];
    image.data[4 * pixel + 3] = 255;
  }
  const canvas = canvasOf(width, height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

function short(text) {
  const line = text.split(/\s+/).join(" ");
  return line.length <= MOST_CHARACTERS ? line : `${line.slice(0, MOST_CHARACTERS - 1)}…`;
}
