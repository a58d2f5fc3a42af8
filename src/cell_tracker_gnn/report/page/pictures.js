// Pictures of the frames, decoded when they are needed; the last ones are kept.

const MOST_PIXELS_KEPT = 60e6;

class Pictures {
  constructor(content) {
    this.has = content.pictures;
    this.hasSlices = content.slice_pictures;
    this.kept = new Map(); // name -> promise of an ImageBitmap, in the order of use
    this.ready = new Map();
  }

  name(frame, slice) {
    return slice >= 0 && this.hasSlices ? `${frame}-${slice}` : `${frame}`;
  }

  /** The picture if it is decoded already. */
  get(frame, slice) {
    return this.ready.get(this.name(frame, slice));
  }

  /** Promise of the decoded picture. */
  load(frame, slice) {
    const name = this.name(frame, slice);
    const known = this.kept.get(name);
    if (known) {
      this.kept.delete(name);
      this.kept.set(name, known);
      return known;
    }
    const text = document.getElementById("picture-" + name);
    if (!text) return Promise.resolve(undefined);
    const blob = new Blob([bytesOf(text.textContent)], { type: "image/jpeg" });
    const promise = createImageBitmap(blob).then((bitmap) => {
      if (this.kept.get(name) === promise) this.ready.set(name, bitmap);
      this.forget(bitmap.width * bitmap.height);
      return bitmap;
    });
    this.kept.set(name, promise);
    return promise;
  }

  forget(pixels) {
    const most = Math.max(8, Math.floor(MOST_PIXELS_KEPT / pixels));
    for (const name of this.kept.keys()) {
      if (this.kept.size <= most) break;
      this.kept.delete(name);
      this.ready.delete(name);
    }
  }
}
