// The tabs beside the movie: doubts, errors, scores, corrections and lineages; a row jumps to its place.

const ROWS_AT_ONCE = 300;

/** Element with text or children; strings are never read as HTML. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

const percent = (probability) => (probability >= 0 ? `${(100 * probability).toFixed(1)} %` : "-");

class Tables {
  constructor(tabs, place, report, content) {
    Object.assign(this, { place, report, content, shown: ROWS_AT_ONCE });
    this.tabs = new Map();
    const names = [
      ["doubts", `Doubts (${content.doubts.length})`, content.doubts.length],
      ["errors", `Errors (${content.mistakes.length})`, Object.keys(content.scores).length],
      ["scores", "Scores", Object.keys(content.scores).length],
      ["edits", "Corrections", true],
      ["lineages", "Lineages", true],
    ];
    for (const [name, title, isThere] of names) {
      if (!isThere && name !== "doubts") continue;
      const button = element("button", { role: "tab", id: `tab-${name}`, onclick: () => this.open(name) }, title);
      tabs.append(button);
      this.tabs.set(name, button);
    }
    this.open("doubts");
  }

  open(name) {
    this.name = name;
    this.shown = ROWS_AT_ONCE;
    this.drawn = null;
    for (const [other, button] of this.tabs) button.setAttribute("aria-selected", other === name);
    this.place.setAttribute("aria-labelledby", `tab-${name}`);
    this.place.scrollTop = 0;
    this.draw();
  }

  /** Build the table again if what it shows has changed. */
  draw() {
    const { state, edits } = this.report;
    const key = [this.name, this.shown, this.name === "edits" || this.name === "doubts" ? edits.now : null];
    if (!this.drawn || key.some((part, i) => part !== this.drawn[i])) {
      this.drawn = key;
      this.place.replaceChildren(this[this.name]());
    }
    for (const row of this.place.querySelectorAll("tr.chosen")) row.classList.remove("chosen");
    if (this.name === "doubts" && state.doubt >= 0) {
      const row = this.place.querySelector(`tr[data-doubt="${state.doubt}"]`);
      row?.classList.add("chosen");
      row?.scrollIntoView({ block: "nearest" });
    }
  }

  table(heads, rows, empty) {
    if (!rows.length) return element("p", { class: "empty" }, empty);
    const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
    const made = element("div", {}, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows.slice(0, this.shown).map((row) => row()))));
    if (rows.length > this.shown) {
      const more = () => {
        this.shown += ROWS_AT_ONCE;
        this.draw();
      };
      made.append(element("button", { onclick: more }, `Show more of ${rows.length}`));
    }
    return made;
  }

  /** Row that jumps somewhere by click or Enter. */
  row(cells, jump, attributes = {}) {
    const onkeydown = (event) => event.key === "Enter" && jump();
    return element("tr", { class: "jump", tabindex: 0, onclick: jump, onkeydown, ...attributes }, ...cells.map((cell) => element("td", {}, cell)));
  }

  label(row) {
    return row < 0 ? "" : this.report.movie.cells.label[row];
  }

  frame(source, target) {
    return this.report.movie.number(target >= 0 ? target : source);
  }

  doubts() {
    const { edits } = this.report;
    const rows = this.content.doubts.map(({ kind, source, target, probability }, index) => () => {
      const mark = { confirm: "✓", add: "✓", cut: "✗" }[source >= 0 && target >= 0 && edits.of(source, target)] ?? "";
      const cells = [mark, kind, this.frame(source, target), `${this.label(source)} → ${this.label(target)}`, percent(probability)];
      return this.row(cells, () => this.report.showDoubt(index), { "data-doubt": index });
    });
    return this.table(["", "what", "frame", "cells", "right"], rows, "No decision is doubtful, or the result has no uncertain.csv.");
  }

  errors() {
    const rows = this.content.mistakes.map(({ kind, source, target }) => () =>
      this.row([kind + " link", this.frame(source, target), `${this.label(source)} → ${this.label(target)}`], () => this.report.showLink(source, target)));
    return this.table(["what", "frame", "cells"], rows, "No wrong and no missed link between matched cells.");
  }

  scores() {
    const rows = Object.entries(this.content.scores).map(([name, value]) => () =>
      element("tr", {}, element("td", {}, name.replaceAll("_", " ")), element("td", { class: "number" }, value === null ? "-" : Number.isInteger(value) ? value : value.toFixed(4))));
    return this.table(["measure", "value"], rows, "");
  }

  edits() {
    const { edits } = this.report;
    const rows = edits.content().edits.map((edit) => () => {
      const [source, target] = [this.report.movie.find(edit.frame_from, edit.label_from), this.report.movie.find(edit.frame_to, edit.label_to)];
      return this.row([edit.op, `${edit.frame_from} → ${edit.frame_to}`, `${edit.label_from} → ${edit.label_to}`], () => this.report.showLink(source, target));
    });
    return this.table(["what", "frames", "cells"], rows, "No corrections so far: choose a cell and confirm, cut or add its links.");
  }

  lineages() {
    const { tracks } = this.report.movie;
    const safe = this.content.summary.lineages && new Set(this.content.summary.lineages.safe);
    const sizes = new Map();
    tracks.family.forEach((family, track) => tracks.begin[track] >= 0 && sizes.set(family, (sizes.get(family) ?? 0) + 1));
    const founders = [...sizes.keys()].sort((a, b) => sizes.get(b) - sizes.get(a) || a - b);
    const rows = founders.map((founder) => () => {
      const cells = [founder, sizes.get(founder), this.report.movie.numbers[tracks.begin[founder]], safe ? (safe.has(founder) ? "safe" : "") : "-"];
      return this.row(cells, () => this.report.showTrack(founder, tracks.begin[founder]));
    });
    return this.table(["founder", "tracks", "from frame", "safe"], rows, "No lineages.");
  }
}
