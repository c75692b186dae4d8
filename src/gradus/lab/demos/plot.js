// Drawing on canvases: axes, lines, points, pictures and their level lines. Nothing here computes
// what a network or a descent does; it looks recorded numbers up and puts ink where they say.

/** An array of the recording: of floats, or of pictures with a byte a place. */
class Recorded {
  constructor(packed) {
    const { shape, float32, int8, limits } = packed;
    const bytes = Uint8Array.from(atob(float32 ?? int8), (letter) => letter.charCodeAt(0));
    this.shape = shape;
    this.values = float32 === undefined ? new Int8Array(bytes.buffer) : new Float32Array(bytes.buffer);
    this.limits = limits && new Recorded(limits);
  }

  /** What stands at the first indices: a number, or the rest of the axes as one flat array. */
  at(...index) {
    const rest = this.shape.slice(index.length).reduce((a, b) => a * b, 1);
    const place = index.reduce((sum, i, axis) => sum * this.shape[axis] + i, 0);
    const part = this.values.subarray(place * rest, (place + 1) * rest);
    if (this.limits) {
      const scale = this.limits.at(...index) / 127;
      return Float32Array.from(part, (byte) => byte * scale);
    }
    return rest === 1 && index.length === this.shape.length ? part[0] : part;
  }
}

/** A number for people: three digits that count, and a true minus sign. */
function number(value) {
  if (!Number.isFinite(value)) return "not a number any more";
  const size = Math.abs(value);
  const text = size === 0 ? "0"
    : size < 1e-4 || size >= 1e5 ? value.toExponential(1) : Number(value.toPrecision(3)).toString();
  return text.replaceAll("-", "−");
}

/** Round places for the marks of an axis, about so many. */
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough * 0.8);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step);
  return found;
}

/** Marks of an axis by powers of ten: 1, 2 and 5 times them, or fewer, at most so many. */
function powers(low, high, count) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  for (const [digits, step] of [[[1, 2, 5], 1], [[1, 3], 1], [[1], 1], [[1], 2], [[1], 5]]) {
    const found = [];
    for (let k = first; k <= last; k += step) found.push(...digits.map((digit) => digit * 10 ** k));
    const inside = found.filter((value) => value >= low && value <= high);
    if (inside.length <= count) return inside;
  }
  return [];
}

/** Pieces of the line where a picture passes a level, as [column, row, column, row]. */
function levelLine(values, columns, level) {
  const pieces = [];
  const rows = values.length / columns;
  for (let r = 0; r + 1 < rows; r++) {
    for (let c = 0; c + 1 < columns; c++) {
      const corners = [[c, r], [c + 1, r], [c + 1, r + 1], [c, r + 1]];
      const heights = corners.map(([x, y]) => values[y * columns + x] - level);
      const cuts = [];
      for (let k = 0; k < 4; k++) {
        const [a, b] = [heights[k], heights[(k + 1) % 4]];
        if (a > 0 === b > 0) continue;
        const part = a / (a - b);
        const [[x, y], [u, v]] = [corners[k], corners[(k + 1) % 4]];
        cuts.push([x + part * (u - x), y + part * (v - y)]);
      }
      for (let k = 0; k + 1 < cuts.length; k += 2) pieces.push([...cuts[k], ...cuts[k + 1]]);
    }
  }
  return pieces;
}

/** A canvas of its shown size, on screens of any fineness. */
function fresh(canvas, width, height) {
  const fine = window.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * fine);
  canvas.height = Math.round(height * fine);
  const pen = canvas.getContext("2d");
  pen.scale(fine, fine);
  pen.clearRect(0, 0, width, height);
  return pen;
}

/** A colour of the page, by the name of its CSS variable. */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** A picture into a box, smooth between its places: ink(value) gives [red, green, blue, 0 to 1]. */
function paint(pen, values, columns, [left, top, width, height], ink) {
  const rows = values.length / columns;
  const small = document.createElement("canvas");
  [small.width, small.height] = [columns, rows];
  const image = new ImageData(columns, rows);
  values.forEach((value, k) => {
    const row = rows - 1 - Math.floor(k / columns); // rows go upwards, those of a canvas downwards
    const [red, green, blue, strength] = ink(value);
    image.data.set([red, green, blue, 255 * strength], 4 * (row * columns + (k % columns)));
  });
  small.getContext("2d").putImageData(image, 0, 0);
  // The outermost places lie on the edge of the box, so half of their squares lies outside.
  const [wide, high] = [width / (columns - 1), height / (rows - 1)];
  pen.drawImage(small, left - wide / 2, top - high / 2, width + wide, height + high);
}

/** Red, green and blue of a colour like #0072b2. */
function rgb(hex) {
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
}

/** Ink for what is below and above 0, full at a limit. */
function twoSided(limit, most = 0.75) {
  const [below, above] = [rgb(colour("below")), rgb(colour("above"))];
  return (value) => [...(value < 0 ? below : above), most * Math.min(Math.abs(value) / limit, 1)];
}

/** A figure with axes. Ranges are pairs; with `equal` both axes have one scale. */
class Plot {
  constructor(name, options) {
    this.canvas = document.getElementById(`figure-${name}`);
    Object.assign(this, { shape: 0.7, log: false, equal: false }, options);
    if (this.pick) {
      this.canvas.classList.add("picked");
      this.canvas.addEventListener("click", (event) => {
        const box = this.canvas.getBoundingClientRect();
        this.pick(...this.back(event.clientX - box.left, event.clientY - box.top));
      });
    }
  }

  /** Begin anew: size, axes and labels. */
  begin(ranges = {}) {
    Object.assign(this, ranges);
    const width = this.canvas.clientWidth;
    const [left, right, top, bottom] = [46, 16, 8, 42];
    const across = width - left - right;
    const span = ([low, high]) => high - low;
    const up = Math.round(across * (this.equal ? span(this.y) / span(this.x) : this.shape));
    this.box = [left, top, across, up];
    const pen = (this.pen = fresh(this.canvas, width, up + top + bottom));
    pen.font = '13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
    pen.fillStyle = colour("soft");
    pen.strokeStyle = colour("line");
    pen.lineWidth = 1;
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const value of ticks(...this.x, across / 70)) {
      const x = this.across(value);
      this.stroke([[x, top], [x, top + up]]);
      pen.fillText(number(value), x, top + up + 5);
    }
    pen.fillText(this.xlabel, left + across / 2, top + up + 24);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const value of this.log ? powers(...this.y, up / 40) : ticks(...this.y, Math.max(up / 45, 3))) {
      const y = this.up(value);
      this.stroke([[left, y], [left + across, y]]);
      pen.fillText(number(value), left - 5, y);
    }
    pen.save();
    pen.translate(11, top + up / 2);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "center";
    pen.fillText(this.ylabel, 0, 0);
    pen.restore();
    pen.strokeRect(...this.box);
  }

  /** Draw something that ends where the axes do. */
  inside(drawing) {
    this.pen.save();
    this.pen.beginPath();
    this.pen.rect(...this.box);
    this.pen.clip();
    drawing();
    this.pen.restore();
  }

  /** Whether a place lies between the axes. */
  holds(x, y) {
    return x >= this.x[0] && x <= this.x[1] && y >= this.y[0] && y <= this.y[1];
  }

  across(x) {
    const [left, , width] = this.box;
    return left + ((x - this.x[0]) / (this.x[1] - this.x[0])) * width;
  }

  up(y) {
    const [, top, , height] = this.box;
    const scale = this.log ? Math.log10 : (value) => value;
    const [low, high] = this.y.map(scale);
    return top + height - ((scale(y) - low) / (high - low)) * height;
  }

  /** The place under a pixel; for linear axes. */
  back(across, up) {
    const [left, top, width, height] = this.box;
    const inside = (share, [low, high]) => low + share * (high - low);
    return [inside((across - left) / width, this.x), inside(1 - (up - top) / height, this.y)];
  }

  stroke(pixels) {
    const { pen } = this;
    pen.beginPath();
    pixels.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.stroke();
  }

  /** A line through places; what is not finite ends it. */
  line(places, ink, { width = 2, dash = [] } = {}) {
    const end = places.findIndex(([x, y]) => !Number.isFinite(x + y));
    const kept = end < 0 ? places : places.slice(0, end);
    Object.assign(this.pen, { strokeStyle: ink, lineWidth: width, lineJoin: "round" });
    this.pen.setLineDash(dash);
    this.inside(() => this.stroke(kept.map(([x, y]) => [this.across(x), this.up(y)])));
    this.pen.setLineDash([]);
  }

  /** A mark at a place, where that is inside: "o", "s" for a square, or "x". */
  mark([x, y], ink, { kind = "o", size = 4 } = {}) {
    if (!this.holds(x, y)) return;
    const { pen } = this;
    const [u, v] = [this.across(x), this.up(y)];
    Object.assign(pen, { fillStyle: ink, strokeStyle: kind === "x" ? ink : colour("paper") });
    pen.lineWidth = kind === "x" ? 2.5 : 1;
    pen.beginPath();
    if (kind === "o") pen.arc(u, v, size, 0, 2 * Math.PI);
    else if (kind === "s") pen.rect(u - size, v - size, 2 * size, 2 * size);
    else {
      for (const side of [1, -1]) {
        pen.moveTo(u - size, v - side * size);
        pen.lineTo(u + size, v + side * size);
      }
    }
    if (kind !== "x") pen.fill();
    pen.stroke();
  }

  /** An arrow of fixed length from a place, in the direction of a vector. */
  arrow([x, y], [dx, dy], ink, length = 38) {
    const { pen } = this;
    const [u, v] = [this.across(x), this.up(y)];
    const [across, down] = [this.across(x + dx) - u, this.up(y + dy) - v];
    const size = Math.hypot(across, down);
    if (!this.holds(x, y) || size === 0) return;
    pen.save();
    pen.translate(u, v);
    pen.rotate(Math.atan2(down, across));
    Object.assign(pen, { strokeStyle: ink, fillStyle: ink, lineWidth: 3 });
    this.stroke([[0, 0], [length - 8, 0]]);
    pen.beginPath();
    pen.moveTo(length, 0);
    pen.lineTo(length - 11, 6);
    pen.lineTo(length - 11, -6);
    pen.fill();
    pen.restore();
  }


  /** A picture over the whole figure. */
  picture(values, columns, ink) {
    this.inside(() => paint(this.pen, values, columns, this.box, ink));
  }

  /** Where a picture passes a level. */
  level(values, columns, level, ink, width = 1) {
    const { pen } = this;
    const [left, top, wide, high] = this.box;
    const rows = values.length / columns;
    Object.assign(pen, { strokeStyle: ink, lineWidth: width, lineCap: "round" });
    pen.beginPath();
    for (const [a, b, c, d] of levelLine(values, columns, level)) {
      pen.moveTo(left + (a / (columns - 1)) * wide, top + high - (b / (rows - 1)) * high);
      pen.lineTo(left + (c / (columns - 1)) * wide, top + high - (d / (rows - 1)) * high);
    }
    pen.stroke();
  }

  /** A landscape: level lines, and ink that grows with the number of lines below. */
  landscape(values, columns, levels) {
    const tint = rgb(colour("tone"));
    const below = (value) => levels.filter((level) => level < value).length / levels.length;
    this.picture(values, columns, (value) => [...tint, 0.05 + 0.45 * below(value)]);
    for (const level of levels) this.level(values, columns, level, colour("contour"));
  }
}
