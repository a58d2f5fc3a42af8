// The movie: image, outlines coloured by family, tails, corrections.

class Player {
  constructor(canvas, report) {
    Object.assign(this, { canvas, report, view: new View() });
    onDrag(canvas, {
      drag: (x, y) => {
        this.view.pan(x, y);
        report.redraw();
      },
      click: (x, y) => report.click(this.cellAt(x, y)),
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.view.zoomAt(event.offsetX, event.offsetY, Math.exp(-event.deltaY * 0.0015));
      report.redraw();
    }, { passive: false });
  }

  cellAt(x, y) {
    const { movie, state } = this.report;
    return movie.cellAt(state.frame, ...this.view.toPlane(x, y), state.slice, 6 / this.view.zoomX);
  }

  fit() {
    this.view.fit(this.canvas, this.report.movie.width, this.report.movie.height);
  }

  zoom(factor) {
    this.view.zoomAt(this.canvas.clientWidth / 2, this.canvas.clientHeight / 2, factor);
  }

  /** Make a cell visible, near enough to see it. */
  lookAt(row) {
    const { cells } = this.report.movie;
    const size = Math.max(Math.sqrt(cells.size[row] || 0), this.report.movie.radius, 4);
    const wanted = Math.min(50 / size, 8);
    if (this.view.zoomX < wanted / 2) this.view.zoomX = this.view.zoomY = wanted;
    this.view.center(this.canvas, cells.x[row], cells.y[row]);
  }

  draw() {
    this.view.follow(this.canvas, () => this.fit());
    const { state, movie } = this.report;
    const context = sharpContext(this.canvas);
    context.fillStyle = "#0b0d10";
    context.fillRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    context.translate(this.view.x, this.view.y);
    context.scale(this.view.zoomX, this.view.zoomY);
    context.fillStyle = "#000";
    context.fillRect(0, 0, movie.width, movie.height);
    this.drawPicture(context);
    context.lineJoin = "round";
    if (state.tails) this.drawTails(context);
    if (state.outlines) this.drawCells(context);
    this.drawEdits(context);
    this.drawSelected(context);
  }

  drawPicture(context) {
    const { state, movie, pictures } = this.report;
    const picture = state.images && pictures.get(state.frame, state.slice);
    if (!picture) return;
    context.imageSmoothingEnabled = this.view.zoomX < 3;
    context.drawImage(picture, 0, 0, movie.width, movie.height);
  }

  /** Path of the outline of a cell, or the disc of a point. */
  trace(path, row) {
    const { movie } = this.report;
    if (movie.outlines && movie.outlines.start[row + 1] - movie.outlines.start[row] > 2) {
      movie.eachCorner(row, (x, y, isFirst) => (isFirst ? path.moveTo(x, y) : path.lineTo(x, y)));
      path.closePath();
      return;
    }
    const radius = movie.radius || 0.8;
    path.moveTo(movie.cells.x[row] + 0.5 + radius, movie.cells.y[row] + 0.5);
    path.arc(movie.cells.x[row] + 0.5, movie.cells.y[row] + 0.5, radius, 0, 2 * Math.PI);
  }

  drawCells(context) {
    const { state, movie, pictures } = this.report;
    const paths = new Map(); // one path per style: far fewer strokes than cells
    for (let row = movie.first[state.frame]; row < movie.first[state.frame + 1]; row++) {
      if (!movie.isInSlice(row, state.slice)) continue;
      const family = movie.family(row);
      const isLit = state.family === 0 || family === state.family;
      const style = `${colorOf(family)} ${movie.isDoubtful(row) ? 1 : 0} ${isLit ? 1 : 0}`;
      if (!paths.has(style)) paths.set(style, new Path2D());
      this.trace(paths.get(style), row);
    }
    const unit = 1 / this.view.zoomX;
    for (const [style, path] of paths) {
      const [color, isDoubtful, isLit] = style.split(" ");
      context.strokeStyle = context.fillStyle = color;
      context.setLineDash(isDoubtful === "1" ? [4 * unit, 3 * unit] : []);
      context.lineWidth = (state.family && isLit === "1" ? 2.6 : 1.5) * unit;
      context.globalAlpha = isLit === "1" ? (pictures.has && state.images ? 0 : 0.3) : 0;
      if (context.globalAlpha) context.fill(path);
      context.globalAlpha = isLit === "1" ? 1 : 0.35;
      context.stroke(path);
    }
    context.globalAlpha = 1;
    context.setLineDash([]);
  }

  /** The way of each cell and of its ancestors over the frames before. */
  drawTails(context) {
    const { state, movie } = this.report;
    const { cells, links } = movie;
    const paths = new Map();
    for (let row = movie.first[state.frame]; row < movie.first[state.frame + 1]; row++) {
      const family = movie.family(row);
      if ((state.family && family !== state.family) || !movie.isInSlice(row, state.slice)) continue;
      const color = colorOf(family);
      if (!paths.has(color)) paths.set(color, new Path2D());
      const path = paths.get(color);
      path.moveTo(cells.x[row] + 0.5, cells.y[row] + 0.5);
      for (let cell = row; ; ) {
        const link = movie.parentLink(cell);
        if (link < 0) break;
        cell = links.source[link];
        if (cells.frame[cell] < state.frame - state.tails) break;
        path.lineTo(cells.x[cell] + 0.5, cells.y[cell] + 0.5);
      }
    }
    context.lineWidth = 1.2 / this.view.zoomX;
    context.globalAlpha = 0.7;
    for (const [color, path] of paths) {
      context.strokeStyle = color;
      context.stroke(path);
    }
    context.globalAlpha = 1;
  }

  /** Corrected links that end or begin here: solid if they must be there, dashed with a cross if they must not. */
  drawEdits(context) {
    const { state, movie, edits } = this.report;
    const { x, y, frame } = movie.cells;
    const unit = 1 / this.view.zoomX;
    for (const { op, source, target } of edits.all()) {
      if (state.frame < frame[source] || state.frame > frame[target]) continue;
      const ends = [x[source] + 0.5, y[source] + 0.5, x[target] + 0.5, y[target] + 0.5];
      context.strokeStyle = op === "cut" ? "#ff5252" : "#ffffff";
      context.lineWidth = 3 * unit;
      context.setLineDash(op === "cut" ? [6 * unit, 4 * unit] : []);
      context.beginPath();
      context.moveTo(ends[0], ends[1]);
      context.lineTo(ends[2], ends[3]);
      context.stroke();
      context.setLineDash([]);
      const [middleX, middleY, arm] = [(ends[0] + ends[2]) / 2, (ends[1] + ends[3]) / 2, 5 * unit];
      context.beginPath();
      if (op === "cut") {
        context.moveTo(middleX - arm, middleY - arm);
        context.lineTo(middleX + arm, middleY + arm);
        context.moveTo(middleX - arm, middleY + arm);
        context.lineTo(middleX + arm, middleY - arm);
      } else context.arc(ends[2], ends[3], arm, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  /** The chosen cell, filled; in other frames a ring at its place, and rings of another cell that is looked at. */
  drawSelected(context) {
    const { state, movie } = this.report;
    const unit = 1 / this.view.zoomX;
    for (const [row, color] of [[state.other, "#ff7a33"], [state.cell, "#ffffff"]]) {
      if (row < 0) continue;
      const isHere = movie.cells.frame[row] === state.frame;
      const path = new Path2D();
      this.trace(path, row);
      context.strokeStyle = context.fillStyle = color;
      context.lineWidth = (isHere ? 3 : 1.5) * unit;
      context.setLineDash(isHere ? [] : [2 * unit, 3 * unit]);
      context.stroke(path);
      context.globalAlpha = isHere ? 0.25 : 0;
      if (isHere) context.fill(path);
      context.globalAlpha = 1;
      context.setLineDash([]);
    }
  }
}
