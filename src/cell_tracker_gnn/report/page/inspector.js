// The chosen cell with its links, and what can be done to them.

class Inspector {
  constructor(place, report) {
    Object.assign(this, { place, report });
  }

  draw() {
    const { state, edits } = this.report;
    const key = [state.cell, state.mode, edits.now];
    if (this.drawn && key.every((part, i) => part === this.drawn[i])) return;
    this.drawn = key;
    this.place.replaceChildren(...(state.cell < 0 ? this.nothing() : this.cell(state.cell)));
  }

  nothing() {
    return [element("h2", {}, "No cell chosen"), element("p", {}, "Click a cell, a lineage or a row below.")];
  }

  cell(row) {
    const { movie, edits, state } = this.report;
    const link = (ends, text, other) => this.link(ends, text, other);
    const into = movie.linksInto(row).map((at) => link([movie.links.source[at], row], "from", movie.links.source[at]));
    const out = movie.linksOutOf(row).map((at) => link([row, movie.links.target[at]], "to", movie.links.target[at]));
    for (const { op, source, target } of edits.all()) {
      if (movie.linkBetween(source, target) >= 0 || op === "cut") continue;
      if (target === row) into.push(link([source, row], "from", source));
      if (source === row) out.push(link([row, target], "to", target));
    }
    const size = movie.cells.size[row] ? `, ${movie.cells.size[row]} pixels` : "";
    const parts = [
      element("h2", {}, `Cell ${movie.cells.label[row]}, frame ${movie.number(row)}`),
      element("p", {}, `track ${movie.cells.track[row]}, lineage ${movie.family(row)}${size}`),
      element("ul", {}, ...into, ...out),
    ];
    if (!edits.canEdit) return parts;
    const mode = (op, title, help) => element("button", { id: op, title: help, "aria-pressed": state.mode?.op === op, onclick: () => this.report.begin(op) }, title);
    parts.push(element("div", { class: "bar" }, mode("add", "Link to ...", "A: then click the cell in another frame"), mode("divide", "Divides into ...", "D: then click both daughters")));
    return parts;
  }

  /** One line: where the link leads, how probable it is, and the buttons. */
  link([source, target], direction, other) {
    const { movie, edits } = this.report;
    const at = movie.linkBetween(source, target);
    const done = edits.of(source, target);
    const kind = at < 0 ? "added" : KINDS[movie.links.kind[at]];
    const sure = done === "cut" ? "cut" : done ? (done === "add" ? "added" : "confirmed") : at < 0 ? "" : percent(movie.links.probability[at]);
    const line = element("li", {}, element("span", {}, `${direction} ${movie.name(other)} (${kind}) ${sure}`), element("button", { onclick: () => this.report.select(other) }, "Go"));
    if (!edits.canEdit) return line;
    const button = (op, title) => element("button", { "data-op": op, "aria-pressed": done === op, onclick: () => this.report.edit(op, source, target) }, title);
    const isPassing = at >= 0 && movie.links.kind[at] >= KINDS.indexOf("merge");
    if (at < 0) line.append(button(done, "Take back"));
    else line.append(...(isPassing ? [] : [button("confirm", "Confirm")]), button("cut", "Cut"));
    return line;
  }
}
