// Corrections of links: confirm, cut and add, with undo and redo, as the file that `track --fixed` reads.

class Edits {
  constructor(movie, sha256, edits) {
    this.movie = movie;
    this.sha256 = sha256;
    this.past = [];
    this.future = [];
    this.saved = null;
    this.now = new Map(); // "source:target" -> {op, source, target}, rows of cells
    for (const edit of edits) this.now.set(...this.entry(edit));
    this.saved = this.now;
  }

  get canEdit() {
    return Boolean(this.sha256);
  }

  get isSaved() {
    return this.now === this.saved;
  }

  entry(edit) {
    const source = this.movie.find(edit.frame_from, edit.label_from);
    const target = this.movie.find(edit.frame_to, edit.label_to);
    if (source < 0 || target < 0) throw new Error("the corrections name a cell that is not there");
    return [this.key(source, target), { op: edit.op, source, target }];
  }

  key(source, target) {
    return source + ":" + target;
  }

  /** What was done to a link: "confirm", "cut", "add" or undefined. */
  of(source, target) {
    return this.now.get(this.key(source, target))?.op;
  }

  all() {
    return [...this.now.values()];
  }

  /** Links that must be there, from and to a cell. */
  fixedInto(row) {
    return this.all().filter((edit) => edit.op !== "cut" && edit.target === row);
  }

  fixedOutOf(row) {
    return this.all().filter((edit) => edit.op !== "cut" && edit.source === row);
  }

  /** Sentence that says why a link cannot be fixed, or an empty text. */
  objection(source, target) {
    const movie = this.movie;
    if (movie.cells.frame[source] >= movie.cells.frame[target]) return "a link must lead to a later frame";
    const parent = this.fixedInto(target).find((edit) => edit.source !== source);
    if (parent) return `${movie.name(target)} has the fixed parent ${movie.name(parent.source)} already; take that back first`;
    const children = this.fixedOutOf(source).filter((edit) => edit.target !== target);
    if (children.length > 1) return `${movie.name(source)} has two fixed children already; take one of them back first`;
    return "";
  }

  /** Put corrections [{op, source, target}] in the place of former ones of the same links; one step of undo. */
  apply(changes) {
    const next = new Map(this.now);
    for (const { op, source, target } of changes) {
      if (op) next.set(this.key(source, target), { op, source, target });
      else next.delete(this.key(source, target));
    }
    this.past.push(this.now);
    this.future = [];
    this.now = next;
  }

  /** Confirm or cut a link that is shown, or take that back if it was done before. */
  toggle(op, source, target) {
    const before = this.of(source, target);
    const problem = op === "cut" || before === op ? "" : this.objection(source, target);
    if (!problem) this.apply([{ op: before === op ? null : op, source, target }]);
    return problem;
  }

  /** Add links from a cell; a link that is shown is confirmed. Returns a sentence if that is impossible. */
  link(source, targets) {
    const changes = [];
    for (const target of targets) {
      const problem = this.objection(source, target);
      if (problem) return problem;
      changes.push({ op: this.movie.linkBetween(source, target) >= 0 ? "confirm" : "add", source, target });
    }
    const fixed = new Set([...this.fixedOutOf(source).map((edit) => edit.target), ...targets]);
    if (fixed.size > 2) return `${this.movie.name(source)} would have more than two children; take one back first`;
    this.apply(changes);
    return "";
  }

  undo() {
    if (!this.past.length) return;
    this.future.push(this.now);
    this.now = this.past.pop();
  }

  redo() {
    if (!this.future.length) return;
    this.past.push(this.now);
    this.now = this.future.pop();
  }

  /** Content of the file. */
  content() {
    const cells = this.movie.cells;
    const edits = this.all().map(({ op, source, target }) => ({
      op,
      frame_from: this.movie.number(source),
      label_from: cells.label[source],
      frame_to: this.movie.number(target),
      label_to: cells.label[target],
    }));
    edits.sort((a, b) => a.frame_to - b.frame_to || a.label_to - b.label_to || a.label_from - b.label_from);
    return { version: 1, masks_sha256: this.sha256, edits };
  }

  /** Take the corrections of a file; one step of undo. Returns a sentence if they do not fit. */
  load(content) {
    if (content?.version !== 1 || !Array.isArray(content.edits)) return "the file holds no corrections";
    if (content.masks_sha256 !== this.sha256) return "the corrections were made on other masks, so they are left alone";
    try {
      const next = new Map(content.edits.map((edit) => this.entry(edit)));
      this.past.push(this.now);
      this.future = [];
      this.now = next;
    } catch (error) {
      return error.message;
    }
    return "";
  }
}
