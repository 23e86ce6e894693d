/** Runs an ONNX file with onnxruntime-web, on the processor (WebAssembly). */

import { UserError } from "./numbers.js";
import { wholeNumbers } from "./preprocessing.js";

const RUNTIME = new URL("./runtime/", import.meta.url);
const MOST_THREADS = 4;

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
  float16: Uint16Array,
};

export class Model {
  /**
   * @param bytes the ONNX file, as ArrayBuffer.
   * @param settings all of preprocessing.json.
   */
  static async load(bytes, settings) {
    const ort = await loadRuntime();
    try {
      const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
      return new Model(ort, session, settings);
    } catch (error) {
      throw new UserError("onnxruntime-web {version} does not load the model: {reason}", { version: ort.env.versions.web, reason: error.message ?? error });
    }
  }

  constructor(ort, session, settings) {
    this.ort = ort;
    this.session = session;
    this.types = Object.fromEntries(settings.inputs.map(({ name, dtype }) => [name, dtype]));
    this.version = ort.env.versions.web;
    this.threads = ort.env.wasm.numThreads;
  }

  /** The outputs, {name: {dims, dtype, data}}, for inputs {name: {dims, data}}; numbers only, halves as 32 bit. */
  async run(feeds) {
    const given = {};
    for (const name of this.session.inputNames) {
      if (name in feeds) given[name] = this.tensor(name, feeds[name]);
    }
    try {
      const found = await this.session.run(given);
      return Object.fromEntries(this.session.outputNames.map((name) => [name, plain(found[name])]));
    } catch (error) {
      throw new UserError("The model stopped while it was being run: {reason}", { reason: error.message ?? error });
    }
  }

  tensor(name, { dims, data }) {
    const dtype = this.types[name];
    const numbers = wholeNumbers(data, dtype, name);
    const convert = dtype === "float16" ? toHalf : dtype.endsWith("int64") ? BigInt : Number;
    const values = numbers instanceof ARRAYS[dtype] ? numbers : ARRAYS[dtype].from(numbers, convert);
    return new this.ort.Tensor(dtype, values, dims);
  }
}

async function loadRuntime() {
  let ort;
  try {
    ort = await import(new URL("ort.wasm.min.mjs", RUNTIME));
  } catch {
    throw new UserError("The runtime is missing: the folder {folder} lacks a file of onnxruntime-web. README.md says which files belong there, and where to get them.", { folder: "web/runtime" });
  }
  ort.env.wasm.wasmPaths = RUNTIME.href;
  // Threads need memory that they share, which a browser gives to pages with the headers of serve.py only.
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency ?? 1) : 1;
  return ort;
}

function plain(tensor) {
  const { dims, type, data } = tensor;
  if (type === "float16") return { dims: [...dims], dtype: type, data: data instanceof Uint16Array ? Float32Array.from(data, fromHalf) : Float32Array.from(data) };
  const isLong = type === "int64" || type === "uint64";
  return { dims: [...dims], dtype: type, data: isLong ? Float64Array.from(data, Number) : data };
}

/** The bits of a 16-bit float as a number. */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -14 * (fraction / 1024);
}

/** A number as the bits of the nearest 16-bit float, halves to even. */
export function toHalf(value) {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 2 ** -30)));
  const step = 2 ** (exponent - 10);
  const steps = size / step;
  const floor = Math.floor(steps);
  const rest = steps - floor;
  const whole = rest > 0.5 || (rest === 0.5 && floor % 2) ? floor + 1 : floor;
  // A carry out of the fraction raises the exponent by itself.
  return sign | (whole < 1024 ? whole : ((exponent + 15) << 10) + (whole - 1024));
}
