/** PNG files of maps and pictures in base64, as the answers hold them: grey in 8 or 16 bit, or colours in 8 bit. */

import { UserError } from "./numbers.js";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const GREY = 0;
const COLORS = 2;

/** @param picture {width, height, channels, data}; data is a Uint8Array, or for grey a Uint16Array too. */
export async function encodePng({ width, height, channels, data }) {
  const bytes = data.BYTES_PER_ELEMENT;
  const stride = width * channels * bytes;
  const raw = new Uint8Array(height * (stride + 1)); // a byte before each row says how it is filtered: 0, not at all
  for (let y = 0; y < height; y++) {
    for (let index = 0; index < width * channels; index++) {
      const value = data[y * width * channels + index];
      const at = y * (stride + 1) + 1 + index * bytes;
      if (bytes === 2) raw[at] = value >> 8;
      raw[at + bytes - 1] = value & 255;
    }
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8 * bytes;
  header[9] = channels === 1 ? GREY : COLORS;
  const packed = await through(raw, new CompressionStream("deflate"));
  const parts = [Uint8Array.from(SIGNATURE), chunk("IHDR", header), chunk("IDAT", packed), chunk("IEND", new Uint8Array(0))];
  return toBase64(new Uint8Array(await new Blob(parts).arrayBuffer()));
}

/** The inverse of encodePng, for the files of other programs too. */
export async function decodePng(text) {
  const file = fromBase64(text);
  const view = new DataView(file.buffer);
  const parts = [];
  let header = null;
  for (let at = SIGNATURE.length; at + 8 <= file.length; ) {
    const length = view.getUint32(at);
    const name = String.fromCharCode(...file.subarray(at + 4, at + 8));
    const content = file.subarray(at + 8, at + 8 + length);
    if (name === "IHDR") header = content;
    if (name === "IDAT") parts.push(content);
    at += 12 + length;
  }
  if (!header || header[12] || (header[9] !== GREY && header[9] !== COLORS)) throw new UserError("A picture in expected.json cannot be read. Unpack the kit again.");
  const size = new DataView(header.buffer, header.byteOffset);
  const [width, height] = [size.getUint32(0), size.getUint32(4)];
  const channels = header[9] === GREY ? 1 : 3;
  const raw = await through(new Uint8Array(await new Blob(parts).arrayBuffer()), new DecompressionStream("deflate"));
  return { width, height, channels, data: unfiltered(raw, width, height, channels, header[8]) };
}

/** The values of the rows, each of which is stored as differences from its neighbours. */
function unfiltered(raw, width, height, channels, bits) {
  const step = Math.max(1, (channels * bits) / 8);
  const stride = Math.ceil((width * channels * bits) / 8);
  const bytes = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const kind = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const left = x >= step ? bytes[y * stride + x - step] : 0;
      const above = y ? bytes[(y - 1) * stride + x] : 0;
      const corner = y && x >= step ? bytes[(y - 1) * stride + x - step] : 0;
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][kind];
      bytes[y * stride + x] = raw[y * (stride + 1) + 1 + x] + guess;
    }
  }
  if (bits === 8) return bytes;
  if (bits === 16) return Uint16Array.from({ length: bytes.length / 2 }, (_, index) => (bytes[2 * index] << 8) | bytes[2 * index + 1]);
  const values = new Uint8Array(width * height);
  for (let index = 0; index < values.length; index++) {
    const [y, x] = [Math.floor(index / width), index % width];
    const shift = 8 - bits - ((x * bits) % 8);
    values[index] = (bytes[y * stride + Math.floor((x * bits) / 8)] >> shift) & ((1 << bits) - 1);
  }
  return values;
}

function paeth(left, above, corner) {
  const guess = left + above - corner;
  const [a, b, c] = [left, above, corner].map((one) => Math.abs(guess - one));
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}

function chunk(name, content) {
  const made = new Uint8Array(12 + content.length);
  const view = new DataView(made.buffer);
  view.setUint32(0, content.length);
  for (let index = 0; index < 4; index++) made[4 + index] = name.charCodeAt(index);
  made.set(content, 8);
  view.setUint32(8 + content.length, crc(made.subarray(4, 8 + content.length)));
  return made;
}

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

async function through(bytes, stream) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}

function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
