// The page as a whole: what is shown now, and what clicks and keys do.

const KEYS = [
  ["← →", "one frame back or on (Shift: ten)"],
  ["Space", "play or pause"],
  ["+ − 0", "zoom in, out, fit"],
  ["W A S D with Alt", "move the picture"],
  ["[ ]", "slice down or up, all slices below the first"],
  ["N P", "next, previous doubt"],
  ["C X", "confirm or cut the link into the chosen cell"],
  ["A D", "link the chosen cell to another one, divide it"],
  ["Ctrl+Z Ctrl+Y", "undo, redo"],
  ["Esc", "choose nothing"],
];

const FRAMES_PER_SECOND = 12;
const get = (id) => document.getElementById(id);

class Report {
  constructor(content) {
    this.content = content;
    this.movie = new Movie(content);
    this.edits = new Edits(this.movie, content.masks_sha256, content.edits);
    this.pictures = new Pictures(content);
    this.state = { frame: 0, slice: -1, cell: -1, other: -1, family: 0, doubt: -1, mode: null, tails: 8, outlines: true, images: true, playing: false };
    this.player = new Player(get("movie"), this);
    this.forest = new Forest(get("forest"), this, content.rows);
    this.series = new Series(get("series"), this, content.series);
    this.inspector = new Inspector(get("inspector"), this);
    this.tables = new Tables(get("tabs"), get("table"), this, content);
    this.writeHeadline();
    this.listen();
    this.goTo(0);
  }

  writeHeadline() {
    get("title").textContent = this.content.title;
    const { links, lineages } = this.content.summary;
    const count = (number) => number.toLocaleString("en");
    const head = get("headline");
    const size = `${count(this.movie.count)} cells in ${this.movie.frames} frames`;
    if (!links) return head.append(size);
    const wrong = element("b", {}, `${links.expected_wrong < 10 ? links.expected_wrong.toFixed(1) : Math.round(links.expected_wrong)} of ${count(links.count)} links are probably wrong`);
    head.append(wrong, ` (with 90 % probability ${links.interval_90[0]} to ${links.interval_90[1]}); `);
    head.append(element("b", {}, `${count(lineages.safe.length)} of ${count(lineages.count)} lineages are safe`), `; ${size}`);
  }

  // What is shown

  /** Draw everything before the next picture of the screen. */
  redraw() {
    this.waiting ??= new Promise((done) => requestAnimationFrame(() => {
      this.waiting = null;
      this.draw();
      done();
    }));
    return this.waiting;
  }

  draw() {
    const { state } = this;
    this.player.draw();
    this.forest.draw();
    this.series.draw();
    this.inspector.draw();
    this.tables.draw();
    get("scrub").value = state.frame;
    get("frame-number").textContent = `frame ${this.movie.numbers[state.frame]}`;
    get("slice").value = state.slice;
    get("slice-number").textContent = state.slice < 0 ? "all" : `z ${state.slice}`;
    get("play").textContent = state.playing ? "Pause" : "Play";
    const { edits } = this;
    const count = edits.now.size;
    get("edit-count").textContent = edits.canEdit ? `${count} correction${count === 1 ? "" : "s"}${edits.isSaved ? "" : " *"}` : "Corrections are off";
    get("undo").disabled = !edits.past.length;
    get("redo").disabled = !edits.future.length;
    get("save").disabled = get("load").disabled = !edits.canEdit;
  }

  /** Show a frame; resolves when it is drawn with its picture. */
  async goTo(frame) {
    this.state.frame = frame;
    const load = () => this.pictures.load(frame, this.state.slice);
    if (!this.pictures.get(frame, this.state.slice)) await load();
    if (this.state.frame !== frame) return;
    await this.redraw();
    if (this.pictures.has && frame + 1 < this.movie.frames) this.pictures.load(frame + 1, this.state.slice);
  }

  step(by) {
    return this.goTo(Math.min(Math.max(this.state.frame + by, 0), this.movie.frames - 1));
  }

  setSlice(slice) {
    this.state.slice = Math.min(Math.max(slice, -1), this.movie.slices - 1);
    return this.goTo(this.state.frame);
  }

  async play() {
    this.state.playing = !this.state.playing;
    const run = (this.run = {});
    while (this.state.playing && this.run === run) {
      const due = performance.now() + 1000 / FRAMES_PER_SECOND;
      await this.goTo((this.state.frame + 1) % this.movie.frames);
      await new Promise((done) => setTimeout(done, Math.max(0, due - performance.now())));
    }
    this.redraw();
  }

  // What is chosen

  /** Choose a cell (-1: none), light its family and go to its frame. */
  select(row, { other = -1, look = true } = {}) {
    Object.assign(this.state, { cell: row, other, mode: null, family: row < 0 ? 0 : this.movie.family(row) });
    this.say("");
    if (row < 0) return this.redraw();
    if (!this.movie.isInSlice(row, this.state.slice)) this.state.slice = -1;
    if (look) this.player.lookAt(row);
    this.forest.lookAt(this.movie.cells.track[row]);
    return this.goTo(this.movie.cells.frame[row]);
  }

  /** A click on the movie: on a cell, or beside all of them. */
  click(row) {
    get("movie").focus();
    if (this.state.mode && row >= 0) return this.finish(row);
    this.state.doubt = -1;
    return this.select(row, { look: false });
  }

  showLink(source, target) {
    return target < 0 ? this.select(source) : this.select(target, { other: source });
  }

  showTrack(track, frame) {
    const row = this.movie.cellOfTrack(track, frame);
    if (row >= 0) this.select(row, { look: false });
  }

  showDoubt(index) {
    const { doubts } = this.content;
    if (!doubts.length) return undefined;
    this.state.doubt = Math.min(Math.max(index, 0), doubts.length - 1);
    const { source, target } = doubts[this.state.doubt];
    return this.showLink(source, target);
  }

  // Corrections

  say(text, isRefusal = false) {
    get("message").textContent = text;
    get("message").classList.toggle("refused", isRefusal);
  }

  edit(op, source, target) {
    const problem = this.edits.toggle(op, source, target);
    this.say(problem && `Not possible: ${problem}.`, Boolean(problem));
    this.redraw();
  }

  /** Confirm or cut the link by which the chosen cell came. */
  editParent(op) {
    const { cell } = this.state;
    if (cell < 0 || !this.edits.canEdit) return;
    const link = this.movie.parentLink(cell);
    if (link < 0) return this.say("The chosen cell has no link from an earlier frame.", true);
    this.edit(op, this.movie.links.source[link], cell);
  }

  /** Begin to add a link or a division at the chosen cell; the next clicks say where it leads. */
  begin(op) {
    const { cell } = this.state;
    if (cell < 0 || !this.edits.canEdit) return;
    this.state.mode = this.state.mode?.op === op ? null : { op, cell, daughters: [] };
    if (!this.state.mode) {
      this.say("");
      return this.redraw();
    }
    this.say(op === "add" ? "Click the cell that this one is linked to, in another frame." : "Click the two daughters.");
    if (this.state.frame === this.movie.cells.frame[cell]) this.step(1);
    else this.redraw();
  }

  finish(row) {
    const { op, cell, daughters } = this.state.mode;
    if (op === "divide" && !daughters.includes(row)) daughters.push(row);
    if (op === "divide" && daughters.length < 2) return this.say("Click the other daughter.");
    const isBack = op === "add" && this.movie.cells.frame[row] < this.movie.cells.frame[cell];
    const problem = isBack ? this.edits.link(row, [cell]) : this.edits.link(cell, op === "add" ? [row] : daughters);
    this.state.mode = null;
    this.say(problem ? `Not possible: ${problem}.` : "Noted.", Boolean(problem));
    this.redraw();
  }

  save() {
    const text = JSON.stringify(this.edits.content(), null, 1) + "\n";
    const link = element("a", { download: "edits.json", href: URL.createObjectURL(new Blob([text], { type: "application/json" })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    this.edits.saved = this.edits.now;
    if (this.content.command) get("edit-note").replaceChildren("Now run: ", element("code", {}, this.content.command));
    this.redraw();
  }

  async load(file) {
    let problem;
    try {
      problem = this.edits.load(JSON.parse(await file.text()));
    } catch {
      problem = "the file is no JSON";
    }
    this.say(problem && `Not possible: ${problem}.`, Boolean(problem));
    this.redraw();
  }

  // Buttons and keys

  listen() {
    const on = (id, name, act) => get(id).addEventListener(name, act);
    get("scrub").max = this.movie.frames - 1;
    get("slice").max = this.movie.slices - 1;
    get("slice-control").hidden = this.movie.slices < 2;
    get("image-control").hidden = !this.pictures.has;
    if (!this.edits.canEdit) get("edit-note").textContent = "The result does not say which masks it was made of; track again to correct it.";
    get("keys").append(...KEYS.flatMap(([key, what]) => [element("dt", {}, key), element("dd", {}, what)]));
    on("scrub", "input", (event) => this.goTo(Number(event.target.value)));
    on("slice", "input", (event) => this.setSlice(Number(event.target.value)));
    on("tails", "input", (event) => this.set({ tails: Number(event.target.value) }));
    on("show-outlines", "change", (event) => this.set({ outlines: event.target.checked }));
    on("show-images", "change", (event) => this.set({ images: event.target.checked }));
    on("play", "click", () => this.play());
    on("fit", "click", () => this.fit());
    on("help", "click", () => this.help());
    on("undo", "click", () => this.change("undo"));
    on("redo", "click", () => this.change("redo"));
    on("save", "click", () => this.save());
    on("load", "change", (event) => event.target.files[0] && this.load(event.target.files[0]));
    document.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.redraw()).observe(get("movie"));
    new ResizeObserver(() => this.redraw()).observe(get("forest"));
    window.addEventListener("beforeunload", (event) => this.edits.isSaved || event.preventDefault());
  }

  set(values) {
    Object.assign(this.state, values);
    this.redraw();
  }

  fit() {
    this.player.view.reset();
    this.forest.view.reset();
    this.redraw();
  }

  help() {
    const isOpen = get("keys").toggleAttribute("hidden");
    get("help").setAttribute("aria-expanded", !isOpen);
  }

  change(what) {
    this.edits[what]();
    this.redraw();
  }

  key(event) {
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const isControl = event.ctrlKey || event.metaKey;
    if (["text", "file"].includes(event.target.type)) return;
    if (event.target.type === "range" && name.startsWith("Arrow")) return;
    if (name === " " && event.target.tagName === "BUTTON") return;
    const pan = { w: [0, 60], s: [0, -60], a: [60, 0], d: [-60, 0] }[name];
    let act;
    if (isControl) act = { z: () => this.change(event.shiftKey ? "redo" : "undo"), y: () => this.change("redo") }[name];
    else if (event.altKey) act = pan && (() => { this.player.view.pan(...pan); this.redraw(); });
    else act = this.plainKeys(event.shiftKey ? 10 : 1)[name];
    if (!act) return;
    event.preventDefault();
    act();
  }

  plainKeys(far) {
    const zoom = (factor) => () => {
      this.player.zoom(factor);
      this.redraw();
    };
    return {
      ArrowRight: () => this.step(far),
      ArrowLeft: () => this.step(-far),
      Home: () => this.goTo(0),
      End: () => this.goTo(this.movie.frames - 1),
      " ": () => this.play(),
      "+": zoom(1.3),
      "=": zoom(1.3),
      "-": zoom(1 / 1.3),
      0: () => this.fit(),
      "[": () => this.setSlice(this.state.slice - 1),
      "]": () => this.setSlice(this.state.slice + 1),
      n: () => this.showDoubt(this.state.doubt + 1),
      p: () => this.showDoubt(this.state.doubt - 1),
      c: () => this.editParent("confirm"),
      x: () => this.editParent("cut"),
      a: () => this.begin("add"),
      d: () => this.begin("divide"),
      "?": () => this.help(),
      Escape: () => this.select(-1),
    };
  }
}

if (typeof document !== "undefined") window.report = new Report(JSON.parse(get("content").textContent));
