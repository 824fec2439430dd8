// Input: pointer, wheel, keys and controls. Each handler ends with `set` or `redraw`.

const STILL = 5; // pixels that a hand may move in a click

// The box between two pixels, both included.
const around = (a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]) + 1, Math.max(a[1], b[1]) + 1];

const next = (list, item) => list[(list.indexOf(item) + 1) % list.length];

Object.assign(Viewer.prototype, {
  // The pixel of the photo under the pointer.
  pixel(event) {
    const { width, height } = this.head.photo;
    const box = event.currentTarget.getBoundingClientRect();
    const { zoom, left, top } = this.state;
    const x = left + ((event.clientX - box.left) / box.width) * (width / zoom);
    const y = top + ((event.clientY - box.top) / box.height) * (height / zoom);
    return [clamp(Math.floor(x), 0, width - 1), clamp(Math.floor(y), 0, height - 1)];
  },

  listen(canvas) {
    const held = new Map();
    let drawing = null; // the pointer that draws a box
    let before = null; // the cross-hair before the press
    let pressed = null; // where the last press began
    const forget = ({ pointerId }) => {
      held.delete(pointerId);
      if (drawing !== pointerId) return;
      drawing = null;
      this.set({ corner: null });
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      pressed = [event.clientX, event.clientY];
      held.set(event.pointerId, pressed);
      canvas.setPointerCapture(event.pointerId);
      this.frame.focus({ preventScroll: true });
      before = this.state.at;
      this.state.at = this.pixel(event);
      if (event.shiftKey) {
        drawing = event.pointerId;
        this.set({ corner: this.state.at, box: null });
      }
      this.redraw();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!event.buttons) forget(event); // a menu of the browser swallows the end of a press
      this.state.at = this.pixel(event);
      const from = held.get(event.pointerId);
      if (from && !this.state.corner) {
        const now = [event.clientX, event.clientY];
        if (held.size === 2) this.pinch(canvas, held, event.pointerId, now);
        else this.pan(((from[0] - now[0]) / canvas.clientWidth), (from[1] - now[1]) / canvas.clientHeight);
        held.set(event.pointerId, now);
      }
      this.redraw();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (drawing === event.pointerId) {
        drawing = null;
        if (this.state.corner) this.corner(); // else Escape has ended it
      }
      held.delete(event.pointerId);
    });
    canvas.addEventListener("pointercancel", (event) => {
      forget(event);
      this.state.at = before; // the press became a scroll of the page
      this.redraw();
    });
    // A finger leaves with each tap, and the value that it asked for is to be read.
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse" && !held.size && !this.state.corner) this.state.at = null;
      this.redraw();
    });
    canvas.addEventListener("click", ({ clientX, clientY }) => {
      const [x, y] = pressed ?? [clientX, clientY]; // a screen reader clicks without a press
      pressed = null;
      if (Math.hypot(clientX - x, clientY - y) > STILL) return; // a drag ends with a click too
      const last = this.tiles[this.tiles.length - 1];
      if (this.state.extra === "blink" && canvas === last.canvas) this.set({ flipped: !this.state.flipped });
    });
    // The wheel scrolls the page until a map is clicked: a viewer must not block scrolling.
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && this.root.activeElement !== this.frame && document.activeElement !== this.frame) return;
      event.preventDefault();
      this.zoom(1.0015 ** -event.deltaY, this.pixel(event));
    }, { passive: false });
  },

  pan(across, down) {
    const { width, height } = this.head.photo;
    const { zoom, left, top } = this.state;
    this.state.left = clamp(left + (across * width) / zoom, 0, width - width / zoom);
    this.state.top = clamp(top + (down * height) / zoom, 0, height - height / zoom);
    this.redraw();
  },

  zoom(by, [x, y]) {
    const { width } = this.head.photo;
    const zoom = clamp(this.state.zoom * by, 1, width / 8);
    const kept = this.state.zoom / zoom;
    this.state.left = x + 0.5 - (x + 0.5 - this.state.left) * kept;
    this.state.top = y + 0.5 - (y + 0.5 - this.state.top) * kept;
    this.state.zoom = zoom;
    this.pan(0, 0);
  },

  pinch(canvas, held, id, now) {
    const [other] = [...held].filter(([key]) => key !== id).map(([, place]) => place);
    const far = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
    this.zoom(far(now) / Math.max(1, far(held.get(id))), this.state.at);
  },

  corner() {
    const { at, corner } = this.state;
    if (!at) return;
    this.set(corner ? { box: around(corner, at), corner: null } : { corner: at, box: null });
  },

  move(across, down) {
    const { width, height } = this.head.photo;
    const { zoom, left, top } = this.state;
    const [x, y] = this.state.at ?? [Math.floor(left + width / zoom / 2), Math.floor(top + height / zoom / 2)];
    const at = [clamp(x + across, 0, width - 1), clamp(y + down, 0, height - 1)];
    this.state.at = at;
    this.state.left = clamp(clamp(left, at[0] + 1 - width / zoom, at[0]), 0, width - width / zoom);
    this.state.top = clamp(clamp(top, at[1] + 1 - height / zoom, at[1]), 0, height - height / zoom);
    this.redraw();
  },

  key(event) {
    if (!this.head || event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input, select, button, summary")) return;
    const { state } = this;
    const centre = () => state.at ?? [Math.floor(state.left + this.head.photo.width / state.zoom / 2), Math.floor(state.top + this.head.photo.height / state.zoom / 2)];
    const far = event.shiftKey ? 10 : 1;
    const does = {
      ArrowLeft: () => this.move(-far, 0), ArrowRight: () => this.move(far, 0),
      ArrowUp: () => this.move(0, -far), ArrowDown: () => this.move(0, far),
      "+": () => this.zoom(1.5, centre()), "=": () => this.zoom(1.5, centre()), "-": () => this.zoom(1 / 1.5, centre()),
      0: () => this.zoom(1e-9, centre()),
      v: () => this.set({ kind: next(KINDS, state.kind) }), s: () => this.set({ scale: next(SCALES, state.scale) }),
      c: () => this.set({ colours: next(Object.keys(this.head.colours), state.colours) }),
      g: () => this.set({ average: next(AVERAGES, state.average) }),
      n: () => this.set({ peek: !state.peek }), o: () => this.set({ over: !state.over }), p: () => this.set({ smooth: !state.smooth }),
      "[": () => this.set({ percent: clamp(state.percent - 1, 50, 100) }),
      "]": () => this.set({ percent: clamp(state.percent + 1, 50, 100) }),
      b: () => this.set(state.extra === "blink" ? { flipped: !state.flipped } : { extra: "blink" }),
      d: () => this.set({ extra: state.extra === "difference" ? "" : "difference" }),
      r: () => (state.at || this.move(0, 0), this.corner()),
      Escape: () => this.set({ box: null, corner: null, at: null, extra: "" }),
    }[event.key];
    if (!does) return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has keys of its own: r runs the page again
    does();
  },

  // Builds the controls; `sync` updates them from the state.
  build() {
    this.shown = [];
    const choice = (label, name, options) => {
      const buttons = options.map((option) =>
        make("button", { type: "button", onclick: () => this.set({ [name]: option }) }, option));
      this.shown.push(() => buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(this.state[name] === options[k]))));
      return make("div", { class: "choice", role: "group", "aria-label": label }, make("span", {}, label), make("div", {}, ...buttons));
    };
    const toggle = (label, name) => {
      const input = make("input", { type: "checkbox", onchange: () => this.set({ [name]: input.checked }) });
      this.shown.push(() => (input.checked = this.state[name]));
      return make("label", { class: "tick" }, input, label);
    };
    const slide = (label, name, low, high, unit) => {
      // Not an <output>: the label would then belong to it instead of the slider.
      const number = make("span");
      const input = make("input", { type: "range", min: low, max: high, step: 1, oninput: () => this.set({ [name]: Number(input.value) }) });
      this.shown.push(() => ((input.value = this.state[name]), (number.textContent = `${this.state[name]} ${unit}`)));
      return make("label", { class: "slide" }, make("span", {}, label, " ", number), input);
    };
    const pick = (label, name) => {
      const input = make("select", { "aria-label": label, onchange: () => this.set({ [name]: Number(input.value) }) });
      let last;
      this.shown.push(() => {
        const titles = this.head.maps.map((map) => map.title);
        if (!alike(titles, last)) input.replaceChildren(...titles.map((title, k) => make("option", { value: k }, title)));
        last = titles;
        input.value = this.pair()[name === "first" ? 0 : 1];
      });
      return input;
    };
    const mixer = (label, name) => {
      const button = make("button", { type: "button", onclick: () => this.set({ extra: this.state.extra === name ? "" : name }) }, label);
      this.shown.push(() => {
        button.disabled = this.head.maps.length < 2;
        button.setAttribute("aria-pressed", String(this.extra() === name));
      });
      return button;
    };
    // A choice that the script makes: it computes. Until it answers, the tick stays as the hand has set it.
    let on;
    const offered = make("input", { type: "checkbox", onchange: () => this.chosen({ random: offered.checked ? "on" : "off" }) });
    const offer = make("label", { class: "tick", hidden: true }, offered, "random network");
    this.shown.push(() => {
      const { offer: given } = this.head;
      if (on !== given?.on) offered.checked = on = given?.on;
      offer.hidden = !given;
      offer.title = given?.help ?? "";
    });
    const bar = make("canvas", { class: "bar", width: 256, height: 8, role: "img" });
    const ends = make("small");
    this.shown.push(() => this.colourBar(bar, ends));
    const keys = make("dl", {}, ...KEYS.flatMap(([key, does]) => [make("dt", {}, key), make("dd", {}, does)]));
    this.controls.replaceChildren(
      choice("Values", "kind", KINDS),
      make("div", { class: "ticks" }, toggle("over the photo", "over")),
      make("div", { class: "choice" }, make("span", {}, "Two maps"),
        make("div", {}, pick("first map", "first"), pick("second map", "second"), mixer("blink", "blink"), mixer("difference", "difference"))),
      make("details", { class: "more" }, make("summary", {}, "Display"),
        make("div", { class: "sheet" }, choice("Colours", "colours", Object.keys(this.head.colours)), choice("Scale", "scale", SCALES),
          choice("Averaged over", "average", AVERAGES),
          slide("Clip at the percentile", "percent", 50, 100, "%"), slide("Opacity over the photo", "opacity", 5, 100, "%"),
          make("div", { class: "ticks" }, toggle("smooth", "smooth"), offer), make("div", { class: "choice" }, ends, bar))),
      make("details", { class: "more" }, make("summary", {}, "Keys"),
        make("div", { class: "sheet" }, keys, make("p", {}, "Click a map, then use the wheel to zoom. Drag to move. Drag with shift to draw a box."))),
    );
  },

  sync() {
    for (const show of this.shown) show();
  },

  colourBar(bar, ends) {
    if (!this.head) return;
    const signed = this.state.kind === "signed";
    const context = bar.getContext("2d");
    const palette = this.palette(signed);
    for (let k = 0; k < bar.width; k++) {
      const shade = 3 * Math.round((k / (bar.width - 1)) * (SHADES - 1));
      context.fillStyle = `rgb(${palette.slice(shade, shade + 3).join(" ")})`;
      context.fillRect(k, 0, 1, bar.height);
    }
    const one = (values, words) => (new Set(values).size === 1 ? values[0] : words);
    const top = one(this.ends.map(([, high]) => told(high)), "the top of each map");
    // What has the colour of zero is called so.
    const low = one(this.ends.map(([least, high]) => told(least * SHADES < high ? 0 : least)), "the lowest value");
    ends.textContent = signed ? `against the class ↔ for the class, ±${top}` : `${low} → ${top}`;
    bar.setAttribute("aria-label", `The colours: ${ends.textContent}`);
  },
});
