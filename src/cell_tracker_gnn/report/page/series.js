// Small curves of what changes over the movie, with the current frame.

class Series {
  constructor(place, report, series) {
    this.report = report;
    this.curves = series.map(({ name, unit, values }) => {
      const figure = document.createElement("figure");
      const caption = document.createElement("figcaption");
      const canvas = document.createElement("canvas");
      const cursor = element("div", { class: "cursor" });
      figure.append(caption, canvas, cursor);
      place.append(figure);
      canvas.addEventListener("pointerdown", (event) => {
        report.goTo(Math.round((event.offsetX / canvas.clientWidth) * (values.length - 1)));
      });
      return { name, unit, values, caption, canvas, cursor, most: Math.max(...values.map((value) => value ?? 0), 1e-9) };
    });
  }

  draw() {
    const frame = this.report.state.frame;
    for (const curve of this.curves) {
      const { name, unit, values, caption, canvas, cursor } = curve;
      const value = values[frame];
      caption.textContent = `${name}: ${value === null ? "-" : Number(value.toPrecision(3))} ${unit}`;
      const share = frame / Math.max(values.length - 1, 1);
      cursor.style.transform = `translateX(${canvas.offsetLeft + 1 + share * (canvas.clientWidth - 2)}px)`;
      if (curve.width !== canvas.clientWidth) this.drawCurve(curve);
      curve.width = canvas.clientWidth;
    }
  }

  drawCurve({ values, canvas, most }) {
    const context = sharpContext(canvas);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    context.clearRect(0, 0, width, height);
    const x = (at) => (at / Math.max(values.length - 1, 1)) * (width - 2) + 1;
    context.strokeStyle = "#56b4e9";
    context.beginPath();
    let isOn = false;
    values.forEach((at, index) => {
      if (at === null) return (isOn = false);
      const y = height - 2 - (at / most) * (height - 6);
      if (isOn) context.lineTo(x(index), y);
      else context.moveTo(x(index), y);
      isOn = true;
    });
    context.stroke();
  }
}
