// The viewer of stored pictures: two predictions side by side, or under a slider. Everything that comes from models and
// files is written as text, never as markup. Only the picture that is seen, and its neighbours, are fetched.

const DRAWN = ["objects", "points", "map", "image"]; // kinds of predictions that are pictures themselves
const KEPT = 12; // pictures whose elements stay ready
const FIRST = 30; // small pictures that are there at once, and behind the one that is shown
const MORE = 40; // that are added at a time
const STEP = 2; // of the slider by a key, in per cent
const WIDTHS = 200; // drawings are asked for in steps of so many pixels

const viewers = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  let viewer = viewers.get(parentElement);
  if (!viewer) {
    viewer = new Viewer(parentElement);
    viewers.set(parentElement, viewer);
  }
  viewer.show(data);
  return () => viewer.close();
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function line(attributes) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 42 22");
  svg.setAttribute("aria-hidden", "true");
  for (const [tag, given] of attributes) {
    const shape = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(given)) shape.setAttribute(name, value);
    svg.append(shape);
  }
  return svg;
}

class Viewer {
  constructor(parent) {
    this.parent = parent;
    this.mode = "pair";
    this.at = 50;
    this.current = null;
    this.ready = new Map();
    this.photos = new Map();
    this.small = new Map();
    this.frames = new Map();
    this.root = make("div", { class: "viewer", tabindex: "0", role: "group" });
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    parent.append(this.root);
    this.seen = null;
    this.onFull = () => this.onFullScreen();
    document.addEventListener("fullscreenchange", this.onFull);
    // Letters keep their height on the screen, whatever the width of the picture.
    this.resized = new ResizeObserver(() => this.onResize());
    this.resized.observe(this.root);
  }

  close() {
    document.removeEventListener("fullscreenchange", this.onFull);
    this.resized.disconnect();
    if (this.seen) this.seen.disconnect();
    viewers.delete(this.parent);
    this.root.remove();
  }

  // data: address, query, pictures ([index, is changed, name]), kind, words
  show(data) {
    const state = JSON.stringify([data.address, data.query, data.words.language]);
    if (state !== this.state) {
      this.ready.clear();
      this.frames.clear();
    }
    // Photos stay, whatever is drawn over them: another file or filter waits for no image that is there already.
    if (this.data && data.address !== this.data.address) {
      this.photos.clear();
      this.small.clear();
    }
    const order = JSON.stringify(data.pictures);
    const isSame = state === this.state && order === this.order;
    this.data = data;
    this.state = state;
    this.root.setAttribute("aria-label", data.words.title);
    if (isSame) return;
    this.order = order;
    this.pictures = data.pictures;
    this.place = Math.max(0, this.pictures.findIndex(([index]) => index === this.current));
    if (data.first) this.place = 0;
    this.build();
    this.go(this.place, false);
  }

  build() {
    const { words } = this.data;
    this.buttons = {
      pair: make("button", { type: "button", onclick: () => this.setMode("pair") }, words.pair),
      slider: make("button", { type: "button", onclick: () => this.setMode("slider") }, words.slider),
      before: make("button", { type: "button", "aria-label": words.before, onclick: () => this.step(-1) }, "←"),
      after: make("button", { type: "button", "aria-label": words.after, onclick: () => this.step(1) }, "→"),
      full: make("button", { type: "button", onclick: () => this.toggleFullScreen() }, words.full),
    };
    this.count = make("span", { class: "count", "aria-live": "polite" });
    this.name = make("span", { class: "name" });
    this.strip = make("div", { class: `strip ${this.data.kind}`, role: "list", "aria-label": words.all });
    this.words = make("div", { class: "words" });
    this.stage = make("div", { class: "stage" });
    this.answers = make("div", { class: "answers" });
    this.legend = make("div", { class: "legend" }, ...this.legendItems());
    this.files = make("ul", { class: "files" });
    const { pair, slider, before, after, full } = this.buttons;
    // Where nothing is drawn over the picture, both sides would be the same under the slider.
    const isDrawn = DRAWN.includes(this.data.kind);
    if (!isDrawn) this.mode = "pair";
    const bar = make(
      "div",
      { class: "bar" },
      ...(isDrawn ? [pair, slider] : []),
      make("span", { class: "gap" }),
      ...(this.pictures.length > 1 ? [before, this.count, after, make("span", { class: "gap" })] : []),
      full,
    );
    this.shown = null;
    if (!this.pictures.length) {
      this.root.replaceChildren(make("div", { class: "empty" }, words.none));
      return;
    }
    const hint = make("div", { class: "hint" }, DRAWN.includes(this.data.kind) ? words.keys : words.fewerKeys);
    const parts = [bar, this.pictures.length > 1 ? this.strip : null, this.words, this.stage, this.answers];
    this.root.replaceChildren(...parts.filter(Boolean), this.legend, this.files, hint);
    this.fillStrip();
    this.setMode(this.mode);
  }

  fillStrip() {
    if (this.seen) this.seen.disconnect();
    this.seen = new IntersectionObserver(
      (found) => {
        for (const { isIntersecting, target } of found) {
          if (!isIntersecting) continue;
          this.seen.unobserve(target);
          const image = target.querySelector("img");
          const address = `${this.data.address}/${target.dataset.index}/thumbnail.jpg`;
          // The large picture comes first.
          if (!image.getAttribute("src")) Promise.resolve(this.drawing).then(() => (image.src = address));
        }
      },
      { root: this.strip, rootMargin: "0px 300px" },
    );
    this.thumbs = [];
    this.strip.replaceChildren();
    this.addThumbs(FIRST);
    const { strip } = this;
    const more = () => {
      if (strip !== this.strip || this.thumbs.length >= this.pictures.length) return;
      this.addThumbs(this.thumbs.length + MORE);
      setTimeout(more);
    };
    setTimeout(more, 200);
  }

  // Up to so many: the first ones at once, the others while nothing else is to be done.
  addThumbs(count) {
    const made = this.pictures.slice(this.thumbs.length, count).map((picture, index) => {
      const [number, isChanged, name] = picture;
      const place = this.thumbs.length + index;
      const words = isChanged ? this.data.words.changed : this.data.words.same;
      const thumb = make(
        "button",
        { type: "button", title: `${name} · ${words}`, "aria-label": `${name}, ${words}`, "data-index": number },
        this.thumbnail(number),
        make("span", { class: isChanged ? "sign changed" : "sign", "aria-hidden": "true" }, isChanged ? "≠" : "="),
      );
      thumb.addEventListener("click", () => this.go(place));
      this.seen.observe(thumb);
      return thumb;
    });
    this.thumbs.push(...made);
    this.strip.append(...made);
  }

  thumbnail(number) {
    if (!this.small.has(number)) this.small.set(number, make("img", { alt: "" }));
    return this.small.get(number);
  }

  legendItems() {
    const { kind, words } = this.data;
    const box = { x: 5, y: 4, width: 32, height: 14, fill: "none" };
    const marks = [
      ["kept", "#56B4E9", { "stroke-width": 2 }],
      ["lost", "#D55E00", { "stroke-width": 2.4, "stroke-dasharray": "6 4" }],
      ["new", "#CC79A7", { "stroke-width": 4 }],
      ["moved", "#E69F00", { "stroke-width": 2.4, "stroke-dasharray": "9 3 2 3" }],
      ["renamed", "#F0E442", { "stroke-width": 3, "stroke-dasharray": "3 3" }],
    ];
    const item = (svg, text) => make("span", { class: "item" }, svg, text);
    if (kind === "objects") {
      return marks.map(([mark, stroke, style]) => item(line([["rect", { ...box, stroke, ...style }]]), words[mark]));
    }
    if (kind === "points") {
      const dot = line([["circle", { cx: 21, cy: 11, r: 5, fill: "#56B4E9" }]]);
      const diamond = line([
        ["line", { x1: 8, y1: 11, x2: 26, y2: 11, stroke: "#E69F00", "stroke-width": 2 }],
        ["path", { d: "M26 3L34 11L26 19L18 11Z", fill: "#E69F00" }],
      ]);
      return [item(dot, words.kept), item(diamond, words.movedPoint)];
    }
    if (kind === "map") {
      const lines = (stroke, ways) => line([["path", { d: ways, stroke, "stroke-width": 3 }]]);
      const rising = "M4 20L20 2M14 20L30 2M24 20L40 2";
      const falling = "M4 2L20 20M14 2L30 20M24 2L40 20";
      return [
        item(lines("#D55E00", rising), words.lost),
        item(lines("#CC79A7", falling), words.new),
        item(lines("#F0E442", rising + falling), words.renamed),
      ];
    }
    return [];
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.pictures.length) return;
    const isHandle = event.target.classList.contains("handle");
    const keys = isHandle
      ? {}
      : {
          ArrowLeft: () => this.step(-1),
          ArrowRight: () => this.step(1),
          Home: () => this.go(0),
          End: () => this.go(this.pictures.length - 1),
        };
    keys.f = keys.F = () => this.toggleFullScreen();
    if (DRAWN.includes(this.data.kind)) keys.s = keys.S = () => this.setMode(this.mode === "pair" ? "slider" : "pair");
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  step(by) {
    this.go(Math.min(this.pictures.length - 1, Math.max(0, this.place + by)));
  }

  go(place, isScrolled = true) {
    if (!this.pictures.length) return;
    this.place = place;
    [this.current] = this.pictures[place];
    this.count.textContent = `${place + 1} / ${this.pictures.length}`;
    this.buttons.before.disabled = place === 0;
    this.buttons.after.disabled = place === this.pictures.length - 1;
    this.addThumbs(place + FIRST);
    const thumb = this.thumbs[place];
    if (this.marked) this.marked.removeAttribute("aria-current");
    thumb.setAttribute("aria-current", "true");
    this.marked = thumb;
    // Only the strip is scrolled, never the page.
    const left = thumb.offsetLeft - this.strip.offsetLeft - (this.strip.clientWidth - thumb.clientWidth) / 2;
    this.strip.scrollTo({ left, behavior: isScrolled ? "smooth" : "instant" });
    this.drawing = this.draw(this.current);
    this.drawing.then(() => this.fetchNeighbours(place));
  }

  fetchNeighbours(place) {
    if (place !== this.place) return;
    for (const next of [place + 1, place - 1]) {
      if (this.pictures[next]) this.frame(this.pictures[next][0]).then((found) => found && this.elements(found));
    }
  }

  // Done when all of it is seen.
  async draw(index) {
    const state = this.state;
    const found = await this.frame(index);
    if (index !== this.current || state !== this.state) return;
    if (!found) {
      this.stage.replaceChildren(make("div", { class: "empty" }, this.data.words.gone));
      return;
    }
    this.shown = found;
    this.fill(found);
    await Promise.all(this.elements(found).flat().map((image) => image.decode().catch(() => null)));
  }

  frame(index) {
    if (!this.frames.has(index)) {
      const address = `${this.data.address}/${index}/frame.json?${this.data.query}&language=${this.data.words.language}`;
      const asked = fetch(address)
        .then((answer) => (answer.ok ? answer.json() : null))
        .catch(() => null);
      this.frames.set(
        index,
        asked.then((found) => (found ? { ...found, index, base: `${this.data.address}/${index}/` } : null)),
      );
    }
    return this.frames.get(index);
  }

  // The images of a picture; kept for a while, so that going back shows them at once.
  elements(found) {
    const width = this.drawnWidth();
    const key = `${found.index} ${width}`;
    let made = this.ready.get(key);
    if (made) this.ready.delete(key);
    else {
      made = found.sides.map((side, number) => {
        const picture = this.photo(side.picture ?? `${found.base}picture.jpg`, number);
        picture.alt = side.title;
        if (!side.drawing) return [picture];
        const drawing = make("img", { alt: "", draggable: "false", src: `${found.base}${side.drawing}&width=${width}` });
        drawing.addEventListener("error", () => drawing.remove());
        return [picture, drawing];
      });
    }
    this.ready.set(key, made);
    while (this.ready.size > KEPT) this.ready.delete(this.ready.keys().next().value);
    return made;
  }

  // The photo below a drawing, one for each side.
  photo(address, side) {
    const key = `${side} ${address}`;
    let photo = this.photos.get(key);
    this.photos.delete(key);
    if (!photo) {
      photo = make("img", { draggable: "false", src: address });
      photo.addEventListener("error", () => {
        this.photos.delete(key);
        photo.remove();
      });
    }
    this.photos.set(key, photo);
    while (this.photos.size > 2 * KEPT) this.photos.delete(this.photos.keys().next().value);
    return photo;
  }

  drawnWidth() {
    const width = this.root.clientWidth / (this.mode === "pair" && this.root.clientWidth > 640 ? 2 : 1);
    return Math.max(WIDTHS, Math.round(width / WIDTHS) * WIDTHS);
  }

  onResize() {
    if (this.shown && this.drawn !== this.drawnWidth()) this.fill(this.shown);
  }

  setMode(mode) {
    this.mode = mode;
    for (const name of ["pair", "slider"]) this.buttons[name].setAttribute("aria-pressed", String(name === mode));
    if (this.shown && this.pictures.length) this.fill(this.shown);
  }

  fill(found) {
    const { words } = this.data;
    const truth = found.truth === null ? null : make("span", {}, `${words.truth} ${found.truth}`);
    this.words.replaceChildren(
      make("strong", {}, `${found.changed ? "≠" : "="} ${found.words.join(" · ")}`),
      ...(truth ? [truth] : []),
      make("span", { class: "name", title: found.name }, found.name),
    );
    this.drawn = this.drawnWidth();
    const [left, right] = this.elements(found);
    this.stage.classList.toggle("slider", this.mode === "slider");
    this.stage.replaceChildren(...(this.mode === "slider" ? [this.slider(found, left, right)] : this.pair(found, left, right)));
    this.answers.replaceChildren(...this.answerParts(found));
    const lines = found.files.map(({ title, words: said, changed }) =>
      make(
        "li",
        { class: changed ? "changed" : "" },
        make("span", { class: "file" }, `${changed ? "≠" : "="} ${title}: `),
        make("span", { class: "answer" }, said || words.same),
      ),
    );
    this.files.replaceChildren(...lines);
  }

  box(found, ...children) {
    const [width, height] = found.size[0] ? found.size : [4, 3];
    const frame = make("div", { class: "frame" }, ...children);
    frame.style.aspectRatio = `${width} / ${height}`;
    frame.style.width = `min(100%, calc(var(--stage-height) * ${width / height}))`;
    return frame;
  }

  pair(found, left, right) {
    for (const image of [...left, ...right]) image.style.clipPath = "";
    return [left, right].map((images, index) => {
      const side = found.sides[index];
      const note = side.missing ? make("div", { class: "hint" }, this.data.words.missing) : null;
      return make("div", { class: "side" }, make("div", { class: "title" }, side.title), this.box(found, ...images), note);
    });
  }

  slider(found, left, right) {
    const handle = make("div", {
      class: "handle",
      role: "slider",
      tabindex: "0",
      "aria-label": this.data.words.handle,
      "aria-valuemin": "0",
      "aria-valuemax": "100",
      "aria-orientation": "horizontal",
    });
    const corners = found.sides.map(({ title }, index) =>
      make("span", { class: `corner ${index ? "right" : "left"}` }, title),
    );
    const frame = this.box(found, ...right, ...left, ...corners, handle);
    const move = (at) => {
      this.at = Math.min(100, Math.max(0, at));
      handle.style.left = `${this.at}%`;
      handle.setAttribute("aria-valuenow", String(Math.round(this.at)));
      for (const image of left) image.style.clipPath = `inset(0 ${100 - this.at}% 0 0)`;
      for (const image of right) image.style.clipPath = `inset(0 0 0 ${this.at}%)`;
    };
    const toPointer = (event) => {
      const { left: start, width } = frame.getBoundingClientRect();
      move(((event.clientX - start) / width) * 100);
    };
    frame.addEventListener("pointerdown", (event) => {
      frame.setPointerCapture(event.pointerId);
      toPointer(event);
      handle.focus({ preventScroll: true });
      event.preventDefault();
    });
    frame.addEventListener("pointermove", (event) => frame.hasPointerCapture(event.pointerId) && toPointer(event));
    handle.addEventListener("keydown", (event) => {
      const by = event.shiftKey ? 5 * STEP : STEP;
      const places = {
        ArrowLeft: this.at - by,
        ArrowDown: this.at - by,
        ArrowRight: this.at + by,
        ArrowUp: this.at + by,
        PageDown: this.at - 5 * STEP,
        PageUp: this.at + 5 * STEP,
        Home: 0,
        End: 100,
      };
      if (!(event.key in places)) return;
      event.preventDefault();
      event.stopPropagation();
      move(places[event.key]);
    });
    move(this.at);
    return frame;
  }

  answerParts(found) {
    const parts = found.sides.map((side) => {
      const title = this.mode === "slider" ? make("div", { class: "title" }, side.title) : null;
      if (side.bars) return make("div", {}, title, this.bars(side.bars));
      if (side.text) return make("div", {}, title, this.text(side));
      if (side.legend) return make("div", {}, title, this.chips(side.legend));
      if (side.numbers) return make("div", {}, title, side.numbers.map((one) => one.toFixed(2)).join("  "));
      return null;
    });
    return parts.some(Boolean) ? parts.map((part) => part ?? make("div")) : [];
  }

  bars(bars) {
    const rows = bars.flatMap(([name, share, isGiven, isChanged]) => {
      const fill = make("div", { class: isChanged ? "fill changed" : "fill" });
      fill.style.width = `${100 * share}%`;
      const label = `${isChanged ? "≠ " : ""}${name}`;
      return [
        make("span", { class: isGiven ? "label given" : "label", title: name }, label),
        make("div", { class: "track" }, fill),
        make("span", { class: "share" }, `${(100 * share).toFixed(1)}%`),
      ];
    });
    return make("div", { class: "bars" }, ...rows);
  }

  text({ text, score }) {
    const pieces = text.map(([piece, mark]) => make("span", { class: mark ?? "" }, piece));
    const words = pieces.length ? pieces : [make("em", {}, this.data.words.noText)];
    const share = score === null ? null : make("span", { class: "hint" }, ` · ${(100 * score).toFixed(0)}%`);
    return make("div", { class: "text" }, ...words, share);
  }

  chips(legend) {
    const chips = legend.map(([name, color]) => {
      const swatch = make("span", { class: "swatch" });
      swatch.style.background = color;
      return make("span", { class: "chip" }, swatch, name);
    });
    return make("div", { class: "chips" }, ...chips);
  }

  toggleFullScreen() {
    const shown = this.root.getRootNode().fullscreenElement;
    if (shown) document.exitFullscreen();
    else if (this.root.requestFullscreen) this.root.requestFullscreen().catch(() => {});
  }

  onFullScreen() {
    const isFull = this.root.getRootNode().fullscreenElement === this.root;
    this.buttons.full.textContent = isFull ? this.data.words.leave : this.data.words.full;
    this.root.focus({ preventScroll: true });
  }
}
