// The linked viewer: photo and maps side by side with a common zoom, cross-hair and box. No request, no library.

// The display settings, kept for new maps and after visits to other pages.
const remembered = new Map();

const BLANK = {
  kind: "absolute", average: "pixels", colours: "inferno", scale: "per map", percent: 99, over: false, opacity: 80, smooth: false,
  extra: "", flipped: false, first: 0, second: 1, peek: false, size: "",
};

// All of the photo, and nothing marked in it.
const WHOLE = { zoom: 1, left: 0, top: 0, at: null, box: null, corner: null };

const KEYS = [
  ["arrows", "move the cross-hair (with shift: by ten)"], ["+ − 0", "zoom in, zoom out, show all"], ["v", "next kind of values"],
  ["c", "next colours"], ["s", "next scale"], ["[ ]", "clip lower, higher"], ["o", "over the photo"], ["p", "pixels or smooth"],
  ["g", "averaged over pixels, 56 or 28 cells a side"],
  ["n", "the maps of the random network, and back"], ["b", "blink: swap the two maps"], ["d", "difference of the two maps"], ["r", "set the first corner of the box, then the second"],
  ["Esc", "remove box and cross-hair"],
];

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// Sets a text or an attribute that is another one: even the same one would have the browser lay out the page again.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
function mark(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// The root has these children, in this order. Those that are in order already stay on the page: a hand or the focus may be
// in them.
function arrange(root, children) {
  for (const old of [...root.children]) if (!children.includes(old)) old.remove();
  let at = root.firstChild;
  for (const child of children) {
    if (child === at) at = at.nextSibling;
    else root.insertBefore(child, at);
  }
}

// Where an element begins on the screen, and how high it is.
function placed(element) {
  const { top, height } = element.getBoundingClientRect();
  return { top: Math.round(top), high: height };
}

// Whether two lists have the same entries; anything but a list is another one.
const alike = (one, other) => one?.length === other?.length && one.every((entry, k) => entry === other[k]);

// The values and the colours of a tile, from a map; true if they are not made of these already.
function coloured(tile, of) {
  if (alike(tile.made, of)) return false;
  const [raw, kind, low, high, palette, grey, strength] = of;
  fill(tile.values, raw, kind, [low, high]);
  paint(tile.pixels.data, tile.values, palette, kind === "signed", grey, strength);
  tile.made = of;
  return true;
}

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const told = (value) => (value === 0 ? "0" : Math.abs(value) < 0.001 ? value.toExponential(1) : value.toPrecision(3));

class Viewer {
  constructor(root, name) {
    this.root = root;
    this.state = remembered.get(name) ?? { ...BLANK, ...WHOLE };
    remembered.set(name, this.state);
    this.tiles = [];
    this.palettes = {};
    this.grid = make("div", { class: "grid" });
    this.line = make("p", { class: "line", "aria-live": "polite" });
    this.controls = make("div", { class: "controls" });
    this.frame = make(
      "section",
      { class: "viewer", tabindex: "0", "aria-label": "Photo and maps, linked. Keyboard keys are listed under Keys.",
        onkeydown: (event) => this.key(event) },
      this.grid, this.line, this.controls,
    );
    root.append(this.frame);
    this.sizes = new ResizeObserver(() => this.redraw());
    this.sizes.observe(this.frame);
  }

  close() {
    this.state.corner = null; // of a box that nobody ends any more
    this.sizes.disconnect();
    this.frame.remove();
  }

  show(head) {
    const shape = (of) => of && JSON.stringify([of.photo.width, of.photo.height, of.maps.map((map) => map.title)]);
    const before = this.head;
    this.head = head;
    this.changed ||= head.offer?.on !== before?.offer?.on; // it can come after the maps
    try {
      if (shape(head) !== shape(before)) this.place();
      if (!before) this.build();
    } catch (error) {
      this.head = null; // a browser that cannot make pictures: then nothing else may look for them
      throw error;
    }
    this.develop();
    this.recolour();
  }

  // The photo always has its own colours.
  develop() {
    const [{ pixels: from }, tile] = [this.head.photo, this.tiles[0]];
    if (tile.made === from) return;
    tile.made = from;
    this.changed = true;
    const { pixels: to, picture } = tile;
    for (let k = 0, p = 0; p < from.length; k += 4, p += 3) {
      for (let c = 0; c < 3; c++) to.data[k + c] = from[p + c];
      to.data[k + 3] = 255;
    }
    picture.getContext("2d").putImageData(to, 0, 0);
  }

  // One tile for the photo, one for each map, and one more for blink or difference. Those of before stay on the page.
  place() {
    const { photo: { width, height }, maps } = this.head;
    const size = `${width} × ${height}`;
    if (this.state.size !== size) {
      Object.assign(this.state, WHOLE, { size }); // a place in a photo of another size means nothing in this one
      this.tiles = [];
    }
    const before = this.tiles.filter((tile, k) => !k || tile.bars);
    this.tiles = [null, ...maps].map((_, k) => before[k] ?? this.tile(k));
    if (this.extra()) this.tiles.push(this.tile(this.tiles.length));
    if (this.looked > maps.length) this.looked = null; // the link that was pointed at is gone
    this.titles = null; // the new titles have heights of their own
    this.changed = true;
    const cells = this.tiles.map((tile) => tile.cell);
    arrange(this.grid, cells);
    this.grid.style.setProperty("--tiles", cells.length);
  }

  tile(k) {
    const { width, height } = this.head.photo;
    const canvas = make("canvas", { role: "img" });
    const tile = {
      canvas, heading: make("b"), gloss: make("small"), note: make("p", { class: "note" }),
      bars: k > 0 && k <= this.head.maps.length ? make("canvas", { class: "bars", "aria-hidden": "true" }) : null,
      picture: new OffscreenCanvas(width, height), pixels: new ImageData(width, height),
      values: new Float32Array(width * height),
    };
    canvas.style.aspectRatio = `${width} / ${height}`;
    this.listen(canvas);
    tile.cell = make("figure", {}, make("figcaption", {}, tile.heading, tile.gloss), canvas, tile.note);
    if (!tile.bars) return tile;
    tile.random = this.glance(k);
    tile.cell.insertBefore(tile.bars, tile.note);
    tile.cell.insertBefore(tile.random.link, tile.note);
    return tile;
  }

  extra() {
    return this.head?.maps.length > 1 ? this.state.extra : "";
  }

  // The maps as they are drawn: pixel by pixel, or averaged over cells.
  maps() {
    const { photo: { width, height }, maps } = this.head;
    return maps.map((map) => averaged(map, width, height, this.state.average));
  }

  pair() {
    const last = this.head.maps.length - 1;
    return [clamp(this.state.first, 0, last), clamp(this.state.second, 0, last)];
  }

  set(change) {
    const before = this.extra();
    Object.assign(this.state, change);
    if (this.extra() !== before) {
      this.place();
      this.develop();
    }
    this.recolour(true);
  }

  // A frame that is taken off the page has no colours: those of before hold.
  dark() {
    const found = getComputedStyle(this.frame).backgroundColor.match(/[\d.]+/g);
    if (found) this.isDark = 0.299 * found[0] + 0.587 * found[1] + 0.114 * found[2] < 128;
    return this.isDark;
  }

  palette(signed) {
    const anchors = signed ? this.head.diverging[this.dark() ? "on_dark" : "on_light"] : this.head.colours[this.state.colours];
    const name = anchors.join();
    return (this.palettes[name] ??= paletteOf(anchors));
  }

  // Maps -> colours. Every change of a control runs this, and then `all` is drawn again; else only what is new.
  recolour(all = false) {
    if (!this.head) return;
    const began = performance.now();
    const { kind, percent, scale, over, opacity } = this.state;
    const { photo } = this.head;
    const maps = this.maps();
    const signed = kind === "signed";
    const strength = over ? opacity / 100 : 0;
    const palette = this.palette(signed);
    this.ends = allEnds(maps, kind, percent, scale);
    const fresh = maps.filter((map, m) => this.tint(m, [map.raw, kind, ...this.ends[m], palette, photo.grey, strength]));
    const random = this.recolourRandom(palette, strength);
    const changed = all || this.changed || random || fresh.length > 0;
    this.changed = false;
    if (changed && this.extra()) this.mix(this.tiles[maps.length + 1], palette, signed, strength);
    this.words();
    if (changed) {
      this.bars();
      this.sync();
      this.draw();
    } else {
      this.values();
    }
    this.frame.dataset.redraw = (performance.now() - began).toFixed(1);
  }

  // Makes the picture of a map if it is not made of these already; true if it is a new one.
  tint(m, of) {
    const { instead } = this.head.maps[m];
    const tile = this.tiles[m + 1];
    if (!coloured(tile, of) && tile.instead === instead) return false;
    tile.instead = instead;
    tile.picture.getContext("2d").putImageData(instead ?? tile.pixels, 0, 0);
    return true;
  }

  mix(tile, palette, signed, strength) {
    const [a, b] = this.pair();
    const [one, two] = [this.tiles[a + 1].values, this.tiles[b + 1].values];
    const [first, second] = [this.head.maps[a].title, this.head.maps[b].title];
    if (this.state.extra === "blink") {
      tile.heading.textContent = this.state.flipped ? second : first;
      tile.gloss.textContent = `blink: press b or click to show ${this.state.flipped ? first : second}`;
      tile.values.set(this.state.flipped ? two : one);
      paint(tile.pixels.data, tile.values, palette, signed, this.head.photo.grey, strength);
    } else {
      tile.heading.textContent = `${first} − ${second}`;
      tile.gloss.textContent = "of the scaled values; orange: the first is larger";
      tile.values.forEach((_, k) => (tile.values[k] = clamp(one[k] - two[k], -1, 1)));
      paint(tile.pixels.data, tile.values, this.palette(true), true, this.head.photo.grey, strength);
    }
    tile.picture.getContext("2d").putImageData(tile.pixels, 0, 0);
  }

  // Pictures -> screen: the zoomed part, the cross-hair, the box.
  draw() {
    if (!this.head) return;
    const { width, height } = this.head.photo;
    const { zoom, left, top, smooth, at, box, corner } = this.state;
    const wide = width / zoom;
    const high = height / zoom;
    const frame = box ?? (corner && at && around(corner, at));
    this.frame.classList.toggle("zoomed", zoom > 1);
    this.tiles.forEach(({ canvas, picture: own, random }, k) => {
      const picture = this.looksAtRandom(k) ? random.picture : own;
      const across = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
      const down = Math.max(1, Math.round((across * height) / width));
      if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
      const context = canvas.getContext("2d");
      context.imageSmoothingEnabled = smooth;
      context.drawImage(picture, left, top, wide, high, 0, 0, across, down);
      const unit = across / wide;
      const line = (paint) => {
        context.lineWidth = 3 * devicePixelRatio;
        context.strokeStyle = "#000a";
        paint();
        context.lineWidth = devicePixelRatio;
        context.strokeStyle = "#fff";
        paint();
      };
      if (frame) line(() => context.strokeRect((frame[0] - left) * unit, (frame[1] - top) * unit, (frame[2] - frame[0]) * unit, (frame[3] - frame[1]) * unit));
      if (at) {
        const [x, y] = [(at[0] + 0.5 - left) * unit, (at[1] + 0.5 - top) * unit];
        line(() => {
          context.beginPath();
          context.moveTo(x, 0), context.lineTo(x, down), context.moveTo(0, y), context.lineTo(across, y);
          context.stroke();
        });
      }
    });
    this.drawRandom();
    this.values();
  }

  // The pictures of a row begin at one height, though one title takes more lines than another.
  even() {
    const captions = this.tiles.map((tile) => tile.cell.firstChild);
    for (const caption of captions) caption.style.minHeight = "";
    const found = captions.map((caption) => ({ caption, ...placed(caption) }));
    for (const { caption, top } of found) {
      caption.style.minHeight = `${Math.max(...found.filter((one) => one.top === top).map(({ high }) => high))}px`;
    }
  }

  redraw() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.even();
      this.draw();
      this.bars();
    });
  }
}
