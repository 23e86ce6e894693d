/** The kit that the page lies in: its numbers, its labels, its examples, its model. */

import { Model } from "./model.js";
import { UserError } from "./numbers.js";
import { pictureSample, readPicture } from "./preprocessing.js";

const FOLDER = new URL("../", import.meta.url);
const FORMAT = 1; // of preprocessing.json, which this page reads

export class Kit {
  /** Reads everything but the model. */
  static async open() {
    const kit = new Kit();
    kit.settings = await read("preprocessing.json", (response) => response.json());
    if (kit.settings.format !== FORMAT) throw new UserError("preprocessing.json is of another version than this page.");
    kit.file = kit.settings.model.files[0];
    kit.examples = (await read("examples/expected.json", (response) => response.json())).examples;
    kit.labels = kit.settings.labels ? (await read(kit.settings.labels, (response) => response.text())).split("\n").slice(0, -1) : [];
    kit.task = await import(`./task_${kit.settings.task.module}.js`);
    return kit;
  }

  async loadModel() {
    this.model = await Model.load(await read(this.file, (response) => response.arrayBuffer()), this.settings);
  }

  /** An example's picture, as Blob. */
  example(one) {
    return read(`examples/${one.file}`, (response) => response.blob());
  }

  /**
   * What the model says of a picture.
   *
   * @param blob the picture file.
   * @param box [x1, y1, x2, y2] in its pixels, for models that look at one object; null for the whole picture.
   * @returns {{picture, answer, details, time}} details: what is shown besides; time of the model's run, in ms.
   */
  async answer(blob, box = null) {
    const picture = await readPicture(blob);
    const sample = pictureSample(picture, this.settings, box);
    const start = performance.now();
    const outputs = await this.model.run(sample.feeds);
    const time = performance.now() - start;
    const answer = await this.task.answer(outputs, sample, this.settings.task, this.labels);
    return { picture, answer, details: this.task.details?.(outputs, this.settings.task), time };
  }
}

async function read(file, content) {
  try {
    const response = await fetch(new URL(file.split("/").map(encodeURIComponent).join("/"), FOLDER));
    if (response.ok) return await content(response);
  } catch {
    // told below
  }
  throw new UserError('"{file}" is missing or damaged. Unpack the kit again.', { file });
}
