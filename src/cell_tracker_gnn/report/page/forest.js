// The lineages: time from left to right, a row for every leaf; only what is visible is drawn.

class Forest {
  constructor(canvas, report, rows) {
    Object.assign(this, { canvas, report, rows, view: new View() });
    onDrag(canvas, {
      drag: (x, y) => this.move(() => this.view.pan(x, y)),
      click: (x, y) => {
        const [frame, row] = this.view.toPlane(x, y);
        const track = this.trackAt(frame, row);
        if (track) report.showTrack(track, Math.round(frame));
        else report.goTo(Math.min(Math.max(Math.round(frame), 0), report.movie.frames - 1));
      },
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const factor = Math.exp(-event.deltaY * 0.0015);
      const across = event.shiftKey || event.ctrlKey;
      this.move(() => (across ? this.view.zoomAt(event.offsetX, event.offsetY, factor, 1) : this.view.zoomAt(event.offsetX, event.offsetY, 1, factor)));
    }, { passive: false });
  }

  move(change) {
    change();
    this.report.redraw();
  }

  fit() {
    this.view.zoomX = (this.canvas.clientWidth - 30) / Math.max(this.report.movie.frames - 1, 1);
    this.view.zoomY = Math.min(Math.max(this.canvas.clientHeight / Math.max(this.rows, 1), 5), 24);
    this.view.x = 14;
    this.view.y = 18;
  }

  /** Bring the row of a track into sight. */
  lookAt(track) {
    const y = this.view.zoomY * this.report.movie.tracks.row[track] + this.view.y;
    if (y < 12 || y > this.canvas.clientHeight - 12) this.view.y += this.canvas.clientHeight / 2 - y;
  }

  /** Track nearest to a place, 0 if none is near. */
  trackAt(frame, row) {
    const { begin, end, row: rows } = this.report.movie.tracks;
    let [best, nearest] = [0, 8 / this.view.zoomY];
    for (let track = 1; track < begin.length; track++) {
      if (begin[track] < 0 || frame < begin[track] - 1 || frame > end[track] + 1) continue;
      const away = Math.abs(rows[track] - row);
      if (away < nearest) [best, nearest] = [track, away];
    }
    return best;
  }

  /** The lines are drawn again only when they change; the current frame is a line on top of them. */
  draw() {
    this.view.follow(this.canvas, () => this.fit());
    const { x, y, zoomX, zoomY } = this.view;
    const key = [x, y, zoomX, zoomY, this.report.state.family, this.canvas.clientWidth, this.canvas.clientHeight].join();
    if (key !== this.drawn) this.drawLines();
    this.drawn = key;
    this.placeCursor();
  }

  drawLines() {
    const context = sharpContext(this.canvas);
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    context.fillStyle = "#15181c";
    context.fillRect(0, 0, width, height);
    for (const [style, path] of this.paths(height)) {
      const [color, isLit, isGap] = style.split(" ");
      context.strokeStyle = color;
      context.globalAlpha = isLit === "1" ? 1 : 0.3;
      context.lineWidth = isLit === "1" && this.report.state.family ? 2.6 : 1.5;
      context.setLineDash(isGap === "1" ? [3, 3] : []);
      context.stroke(path);
    }
    context.globalAlpha = 1;
    context.setLineDash([]);
    context.fillStyle = "#a9b1bd";
    context.font = "11px system-ui, sans-serif";
    context.fillText(`${this.report.movie.tracks.begin.filter((frame) => frame >= 0).length} tracks; wheel: rows, Shift + wheel: time`, 8, 11);
  }

  /** Lines of the visible tracks, and from their mothers, by style. */
  paths(height) {
    const { movie, state } = this.report;
    const { begin, end, parent, family, row } = movie.tracks;
    const { x, y, zoomX, zoomY } = this.view;
    const children = this.childCounts();
    const paths = new Map();
    const path = (style) => paths.get(style) ?? paths.set(style, new Path2D()).get(style);
    for (let track = 1; track < begin.length; track++) {
      if (begin[track] < 0) continue;
      const at = row[track] * zoomY + y;
      const from = parent[track] ? row[parent[track]] * zoomY + y : at;
      if (Math.max(at, from) < -5 || Math.min(at, from) > height + 5) continue;
      const style = `${colorOf(family[track])} ${!state.family || family[track] === state.family ? 1 : 0}`;
      const line = path(style + " 0");
      line.moveTo(begin[track] * zoomX + x, at);
      line.lineTo(Math.max(end[track] * zoomX, begin[track] * zoomX + 2) + x, at);
      if (!parent[track]) continue;
      const bridge = children[parent[track]] > 1 ? line : path(style + " 1");
      bridge.moveTo(end[parent[track]] * zoomX + x, from);
      bridge.lineTo(begin[track] * zoomX + x, at);
    }
    return paths;
  }

  childCounts() {
    if (this.counts) return this.counts;
    this.counts = new Int32Array(this.report.movie.tracks.parent.length);
    for (const parent of this.report.movie.tracks.parent) if (parent) this.counts[parent]++;
    return this.counts;
  }

  placeCursor() {
    const { movie, state } = this.report;
    const { frame, track } = movie.cells;
    const { x, y, zoomX, zoomY } = this.view;
    document.getElementById("forest-cursor").style.transform = `translateX(${state.frame * zoomX + x}px)`;
    const mark = document.getElementById("forest-cell");
    mark.hidden = state.cell < 0;
    if (state.cell >= 0) mark.style.transform = `translate(${frame[state.cell] * zoomX + x}px, ${movie.tracks.row[track[state.cell]] * zoomY + y}px)`;
  }
}
