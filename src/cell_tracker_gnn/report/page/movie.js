// The result: cells, links, tracks and families, with the questions that the page asks about them.

const KINDS = ["move", "gap", "division", "merge", "split"];
const DOUBTFUL = 0.9; // outlines of cells whose link is less probable are dashed

class Movie {
  constructor(content) {
    this.numbers = content.numbers;
    this.frames = content.numbers.length;
    this.height = content.plane[0];
    this.width = content.plane[1];
    this.slices = content.slices;
    this.radius = content.radius;
    this.cells = unpackAll(content.cells);
    this.links = unpackAll(content.links);
    this.tracks = unpackAll(content.tracks);
    this.outlines = content.outlines && unpackAll(content.outlines);
    this.count = this.cells.frame.length;
    this.first = this.firstRows();
    this.into = this.linksBy(this.links.target);
    this.outOf = this.linksBy(this.links.source);
    this.rowOf = new Map();
    for (let row = 0; row < this.count; row++) this.rowOf.set(this.key(this.number(row), this.cells.label[row]), row);
  }

  key(number, label) {
    return number + ":" + label;
  }

  /** Row of the cell of a frame number and a label of the input, -1 if there is none. */
  find(number, label) {
    return this.rowOf.get(this.key(number, label)) ?? -1;
  }

  /** Frame number of a cell, as in the input. */
  number(row) {
    return this.numbers[this.cells.frame[row]];
  }

  family(row) {
    return this.tracks.family[this.cells.track[row]];
  }

  name(row) {
    return `cell ${this.cells.label[row]} of frame ${this.number(row)}`;
  }

  /** Where the cells of each frame begin. */
  firstRows() {
    const first = new Int32Array(this.frames + 1);
    for (const frame of this.cells.frame) first[frame + 1]++;
    for (let frame = 0; frame < this.frames; frame++) first[frame + 1] += first[frame];
    return first;
  }

  /** Links at one end of each cell. */
  linksBy(end) {
    const found = new Map();
    end.forEach((row, link) => (found.has(row) ? found.get(row).push(link) : found.set(row, [link])));
    return found;
  }

  linksInto(row) {
    return this.into.get(row) ?? [];
  }

  linksOutOf(row) {
    return this.outOf.get(row) ?? [];
  }

  /** The link by which a cell goes on from an earlier one, -1 if it has none. */
  parentLink(row) {
    return this.linksInto(row).find((link) => this.links.kind[link] !== KINDS.indexOf("merge")) ?? -1;
  }

  /** The link between two cells, -1 if there is none. */
  linkBetween(source, target) {
    return this.linksInto(target).find((link) => this.links.source[link] === source) ?? -1;
  }

  isDoubtful(row) {
    const link = this.parentLink(row);
    return link >= 0 && this.links.probability[link] < DOUBTFUL;
  }

  isInSlice(row, slice) {
    return slice < 0 || (this.cells.low[row] <= slice && slice <= this.cells.high[row]);
  }

  /** Call visit(x, y, isFirst) for the corners of the outline of a cell. */
  eachCorner(row, visit) {
    const { start, origin, step } = this.outlines;
    let x = origin[2 * row] + 0.5;
    let y = origin[2 * row + 1] + 0.5;
    for (let i = start[row]; i < start[row + 1]; i++) {
      x += step[2 * i];
      y += step[2 * i + 1];
      visit(x, y, i === start[row]);
    }
  }

  /** Row of the cell of a frame at a place, -1 if there is none within reach. */
  cellAt(frame, x, y, slice, reach) {
    let best = -1;
    let nearest = reach + this.radius;
    for (let row = this.first[frame]; row < this.first[frame + 1]; row++) {
      if (!this.isInSlice(row, slice)) continue;
      if (this.outlines && this.isInside(row, x, y)) return row;
      const away = Math.hypot(this.cells.x[row] - x, this.cells.y[row] - y);
      if (away < nearest) [best, nearest] = [row, away];
    }
    return best;
  }

  isInside(row, x, y) {
    if (Math.abs(this.cells.x[row] - x) + Math.abs(this.cells.y[row] - y) > this.width + this.height) return false;
    let inside = false;
    let [firstX, firstY, lastX, lastY] = [0, 0, 0, 0];
    const cross = (x1, y1, x2, y2) => {
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
    };
    this.eachCorner(row, (cornerX, cornerY, isFirst) => {
      if (isFirst) [firstX, firstY] = [cornerX, cornerY];
      else cross(lastX, lastY, cornerX, cornerY);
      [lastX, lastY] = [cornerX, cornerY];
    });
    cross(lastX, lastY, firstX, firstY);
    return inside;
  }

  /** Row of the cell of a track in a frame, or in its nearest frame. */
  cellOfTrack(track, frame) {
    const at = Math.min(Math.max(frame, this.tracks.begin[track]), this.tracks.end[track]);
    for (let row = this.first[at]; row < this.first[at + 1]; row++) if (this.cells.track[row] === track) return row;
    return -1;
  }
}
