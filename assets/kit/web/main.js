/** The page: a picture goes in, the answer is drawn and told. Text of strangers becomes text nodes, nothing else. */

import { Drawing, colorOf } from "./drawing.js";
import { Kit } from "./kit.js";
import { UserError } from "./numbers.js";
import { LANGUAGES, currentLanguage, setLanguage, t } from "./words.js";

const MOST_ROWS = 100;
const MOST_BEFORE = 5; // samples with which a new one is compared

const page = Object.fromEntries(Array.from(document.querySelectorAll("[id]"), (element) => [element.id, element]));

let kit = null;
let chosen = null; // {name, blob, box}
let shown = null; // {name, picture, answer, details, time}
let verdicts = null; // [{file, verdict}]
let status = { sentence: "Loading the model …" };
let busy = Promise.resolve(); // pictures are answered one after another
const before = []; // answers so far

async function start() {
  page.dead.remove(); // it is there for those who open the file itself, where no module runs
  say();
  try {
    kit = await Kit.open();
    page.title.textContent = document.title = kit.file;
    page.crop.hidden = kit.settings.object_crop === null;
    await showExamples();
    const begun = performance.now();
    await kit.loadModel();
    status = { sentence: "Ready. The model was loaded in {seconds} s.", values: { seconds: ((performance.now() - begun) / 1000).toFixed(1) } };
    page.choose.disabled = false;
    page.check.disabled = kit.examples.length === 0;
    document.body.dataset.state = "ready";
  } catch (error) {
    fail(error);
  }
  say();
}

/** Small pictures of the examples; a click answers one. */
async function showExamples() {
  page.none.hidden = kit.examples.length > 0;
  for (const one of kit.examples) {
    const image = new Image();
    image.alt = one.file;
    image.src = URL.createObjectURL(await kit.example(one));
    const button = document.createElement("button");
    button.type = "button";
    button.title = one.file;
    button.append(image);
    button.addEventListener("click", async () => look({ name: one.file, blob: await kit.example(one), box: one.box ?? null }));
    page.examples.append(button);
  }
}

/** Answer a picture and show it. */
function look(one) {
  chosen = one;
  busy = busy.then(async () => {
    if (chosen !== one || !kit?.model) return;
    await during({ sentence: "Running …" }, async () => {
      shown = { name: one.name, box: one.box, ...(await kit.answer(one.blob, one.box)) };
      const values = { time: shown.time.toFixed(shown.time < 10 ? 1 : 0), threads: kit.model.threads };
      status = { sentence: kit.model.threads > 1 ? "The model took {time} ms, on {threads} threads of this browser." : "The model took {time} ms, on one thread of this browser.", values };
      await show();
      before.unshift({ name: one.name, answer: shown.answer });
      before.splice(MOST_BEFORE);
      document.body.dataset.shown = one.name;
    });
  });
}

/** Run every example, and say of each whether the answer is the expected one. */
function checkExamples() {
  busy = busy.then(() =>
    during({ sentence: "Running …" }, async () => {
      verdicts = [];
      for (const one of kit.examples) {
        verdicts.push({ file: one.file, verdict: await verdictOf(one) });
        say();
      }
      const right = verdicts.filter(({ verdict }) => verdict.isRight).length;
      const sentence = right === verdicts.length ? "All {count} answers are as expected." : "{right} of {count} answers are as expected.";
      status = { sentence, values: { right, count: verdicts.length }, isError: right < verdicts.length };
      document.body.dataset.checked = `${right}/${verdicts.length}`;
    }),
  );
}

async function verdictOf(one) {
  try {
    const { answer } = await kit.answer(await kit.example(one), one.box ?? null);
    return await kit.task.compare(one.answer, answer);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { isRight: false, sentence: "NOT the expected answer: {error}", values: { error: t(error.message, error.values) } };
  }
}

/** Do work that takes a while, with buttons disabled; what goes wrong is told. */
async function during(message, work) {
  status = message;
  document.body.classList.add("busy");
  page.check.disabled = true;
  say();
  await new Promise((resume) => setTimeout(resume, 20)); // so that the browser shows it
  try {
    await work();
  } catch (error) {
    fail(error);
  }
  document.body.classList.remove("busy");
  page.check.disabled = kit.examples.length === 0;
  say();
}

function fail(error) {
  const isKnown = error instanceof UserError;
  status = isKnown
    ? { sentence: error.message, values: error.values, isError: true }
    : { sentence: "Something unexpected went wrong: {reason}", values: { reason: String(error) }, isError: true };
  document.body.dataset.state = "failed";
  if (!isKnown) console.error(error);
}

/** The drawing, the table and the data of the last answer. */
async function show() {
  page.result.hidden = false;
  page.name.textContent = shown.name;
  const drawing = new Drawing(page.canvas, shown.picture);
  await kit.task.draw?.(drawing, shown.answer);
  if (shown.box && kit.settings.object_crop) drawing.outline(shown.box);
  shown.drawing = drawing;
  showTable();
  page.json.textContent = asText(shown.answer);
}

function showTable() {
  const others = before.filter(({ answer }) => answer !== shown.answer);
  const { columns, rows, empty, caption, isLarge } = kit.task.table(shown.answer, shown.details, others);
  page.caption.textContent = rows.length ? (caption ?? "") : (empty ?? "");
  page.table.hidden = rows.length === 0;
  page.table.classList.toggle("large", Boolean(isLarge));
  page.table.tHead.replaceChildren(rowOf(columns, "th"));
  const lines = rows.slice(0, MOST_ROWS).map(({ cells, share, color }) => {
    const line = rowOf(cells, "td");
    if (color !== undefined && color !== null) line.cells[0].prepend(swatch(color));
    if (share !== undefined) line.cells[1].append(bar(share, color));
    return line;
  });
  page.table.tBodies[0].replaceChildren(...lines);
  page.more.textContent = rows.length > MOST_ROWS ? t("… and {count} more", { count: rows.length - MOST_ROWS }) : "";
}

function rowOf(texts, kind) {
  const row = document.createElement("tr");
  for (const text of texts) {
    const cell = document.createElement(kind);
    cell.textContent = text;
    row.append(cell);
  }
  return row;
}

function swatch(color) {
  const made = document.createElement("i");
  made.className = "swatch";
  made.style.background = colorOf(color);
  return made;
}

function bar(share, color) {
  const [made, filled] = [document.createElement("i"), document.createElement("i")];
  made.className = "bar";
  filled.style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
  if (color !== undefined && color !== null) filled.style.background = colorOf(color);
  made.append(filled);
  return made;
}

/** JSON in which a row of numbers is one line. */
function asText(answer) {
  return JSON.stringify(answer, null, 2).replace(/\[\s+(-?[\d.][^[\]{}"]*?)\s+\]/g, (_, numbers) => `[${numbers.replace(/\s+/g, " ")}]`);
}

/** Write every text of the page in its language. */
function say() {
  document.documentElement.lang = currentLanguage();
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  page.status.textContent = t(status.sentence, status.values);
  page.status.classList.toggle("error", Boolean(status.isError));
  page.checked.hidden = verdicts === null;
  page.checked.replaceChildren(...(verdicts ?? []).map(verdictLine));
  if (shown) showTable();
  for (const button of page.languages.children) button.setAttribute("aria-pressed", String(button.value === currentLanguage()));
}

function verdictLine({ file, verdict }) {
  const line = document.createElement("li");
  line.className = verdict.isRight ? "right" : "wrong";
  const name = document.createElement("b");
  name.textContent = file;
  line.append(name, ` ${t(verdict.sentence, verdict.values)}`);
  return line;
}

function choose(files) {
  if (files.length) look({ name: files[0].name, blob: files[0], box: null });
}

/** A box that the person draws on the picture, for models that look at one object. */
function letDraw() {
  let from = null;
  const place = (event) => {
    const area = page.canvas.getBoundingClientRect();
    const { width, height } = shown.picture;
    const share = [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
    return share.map((one, axis) => Math.min(1, Math.max(0, one)) * (axis ? height : width));
  };
  const boxTo = ([x, y]) => [Math.min(from[0], x), Math.min(from[1], y), Math.max(from[0], x), Math.max(from[1], y)];
  page.canvas.addEventListener("pointerdown", (event) => {
    if (kit.settings.object_crop === null || !shown) return;
    page.canvas.setPointerCapture(event.pointerId);
    from = place(event);
  });
  page.canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    shown.drawing.show(shown.picture);
    shown.drawing.outline(boxTo(place(event)));
  });
  page.canvas.addEventListener("pointerup", (event) => {
    if (!from) return;
    const box = boxTo(place(event));
    from = null;
    const hasArea = box[2] - box[0] >= 4 && box[3] - box[1] >= 4;
    look({ ...chosen, box: hasArea ? box : null });
  });
}

for (const [code, name] of Object.entries(LANGUAGES)) {
  const button = document.createElement("button");
  button.type = "button";
  button.value = code;
  button.textContent = name;
  button.addEventListener("click", () => {
    setLanguage(code);
    say();
  });
  page.languages.append(button);
}
page.choose.addEventListener("change", () => {
  choose(page.choose.files);
  page.choose.value = ""; // so that the same file can be chosen again
});
page.check.addEventListener("click", checkExamples);
page.copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(JSON.stringify(shown.answer));
  page.copy.textContent = t("Copied");
  setTimeout(() => (page.copy.textContent = t("Copy")), 1500);
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("over", kind === "dragover");
    if (kind === "drop") choose(event.dataTransfer.files);
  });
}
letDraw();
start();
