// What all drawings share: sharp canvases, zoom and pan, and colours of families.

// After Okabe and Ito (2008), without black and with a lighter blue: told apart on dark ground by colour-blind readers.
const COLORS = ["#e69f00", "#56b4e9", "#00b487", "#f0e442", "#6f9bff", "#ff7a33", "#e58fc0", "#d9d9d9"];

const colorOf = (family) => COLORS[family % COLORS.length];

/** Context of a canvas with as many pixels as the screen has there. */
function sharpContext(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** Zoom and place of a plane on a canvas: screen = zoom * plane + offset, along each axis. */
class View {
  constructor(x = 0, y = 0, zoomX = 1, zoomY = 1) {
    Object.assign(this, { x, y, zoomX, zoomY, isMoved: false });
  }

  /** Call fit() for a canvas of another size than before, unless a person has chosen what is seen. */
  follow(canvas, fit) {
    const size = `${canvas.clientWidth} ${canvas.clientHeight}`;
    if (!this.isMoved && size !== this.size) fit();
    this.size = size;
  }

  /** Show everything again. */
  reset() {
    this.isMoved = false;
    this.size = "";
  }

  /** Show all of a plane in the middle of a canvas. */
  fit(canvas, width, height, pad = 4) {
    const zoom = Math.min((canvas.clientWidth - 2 * pad) / width, (canvas.clientHeight - 2 * pad) / height);
    this.zoomX = this.zoomY = Math.max(zoom, 1e-3);
    this.x = (canvas.clientWidth - width * this.zoomX) / 2;
    this.y = (canvas.clientHeight - height * this.zoomY) / 2;
  }

  toPlane(x, y) {
    return [(x - this.x) / this.zoomX, (y - this.y) / this.zoomY];
  }

  /** Zoom around a place on the screen. */
  zoomAt(x, y, factorX, factorY = factorX) {
    this.isMoved = true;
    this.x = x - (x - this.x) * factorX;
    this.y = y - (y - this.y) * factorY;
    this.zoomX *= factorX;
    this.zoomY *= factorY;
  }

  pan(x, y) {
    this.isMoved = true;
    this.x += x;
    this.y += y;
  }

  /** Put a place of the plane into the middle of a canvas. */
  center(canvas, x, y) {
    this.isMoved = true;
    this.x = canvas.clientWidth / 2 - x * this.zoomX;
    this.y = canvas.clientHeight / 2 - y * this.zoomY;
  }
}

/** Let a canvas be dragged, and tell clicks from drags. */
function onDrag(canvas, { drag, click }) {
  let last = null;
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    last = [event.clientX, event.clientY];
    moved = 0;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const [x, y] = [event.clientX - last[0], event.clientY - last[1]];
    moved += Math.abs(x) + Math.abs(y);
    last = [event.clientX, event.clientY];
    if (moved > 4) drag(x, y);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (last && moved <= 4) click(event.offsetX, event.offsetY, event);
    last = null;
  });
}
