// The knobs: a slider and a box for each number, pictures for each choice.

const HELD = 500; // milliseconds after which a slider that is still held says so again
const GOES = ["pointerup", "pointercancel", "lostpointercapture"]; // what says that a hand leaves a slider
const FOCUSED = "button, input, select";

// The number that somebody typed; NaN if it is none. Where numbers have `parts`, a comma is a decimal point; in a whole
// number, as in 1,000 or 1.000, a comma or a point can be anything.
function numberOf(text, parts) {
  const plain = parts ? text.replace(",", ".") : text;
  if (!plain.trim() || (!parts && /[.,]/.test(plain))) return NaN;
  return parts || Number.isInteger(Number(plain)) ? Number(plain) : NaN;
}

// With the parts that a value has, up to four and no fewer than two.
function inParts(value) {
  const parts = String(Number(value.toFixed(4))).split(".")[1]?.length ?? 0;
  return value.toFixed(Math.max(2, parts));
}

// What an element is called, and in which knob.
function calledIn(one) {
  return [one.closest(".knob")?.getAttribute("aria-label"), one.getAttribute("aria-label") ?? one.textContent].join();
}

class Knobs {
  // `turn(values)` is called while a hand moves, `release(values)` when it lets go, `press(values)` for a button below a knob,
  // `near()` when a hand comes to a slider, and again and again while it holds it, or types in a box.
  constructor(root, turn, release, press, near) {
    Object.assign(this, { root, turn, release, press, near, typed: null, knobs: [], values: {}, acts: {} });
    this.moved = {}; // the values of sliders in a hand, which are still to be told: two fingers can hold two
  }

  // A slider in a hand, or null.
  get held() {
    return Object.keys(this.moved)[0] ?? null;
  }

  // The knobs as the script declares them. A knob in a hand keeps its value, and so does a box in which somebody types.
  show(knobs) {
    const shape = JSON.stringify(knobs.map(({ value, enabled, unused, options, ...rest }) => [rest, options.map(({ picture, ...own }) => [own, !picture])]));
    const gone = shape !== this.shape || knobs.some(({ name, enabled, unused }) => name in this.moved && (unused || !enabled));
    if (gone) this.letGo(); // some browsers tell nothing of a slider that goes
    const there = knobs.filter(({ enabled }) => enabled).map(({ name }) => name);
    const opened = [this.opened, "sigma", ...there].find((name) => there.includes(name));
    if (shape !== this.shape) {
      this.shape = shape;
      this.acts = {};
      this.typed = null; // that box goes: its blur must not show the former knobs
      const focused = this.root.contains(document.activeElement) && calledIn(document.activeElement);
      this.rows = knobs.map((knob) => (knob.options.length ? this.choice(knob) : this.number(knob)));
      this.tabs = knobs.map((knob) => make("button", { type: "button", onclick: () => this.open(knob.name) }, knob.letter));
      this.root.replaceChildren(make("div", { class: "tabs", role: "group", "aria-label": "Choose a knob" }, ...this.tabs),
        ...this.rows.map((row) => row.element));
      this.names = knobs.map((knob) => knob.name);
      this.open(opened);
      if (focused) [...this.root.querySelectorAll(FOCUSED)].find((one) => calledIn(one) === focused)?.focus({ preventScroll: true });
    } else if (opened !== this.opened) {
      this.open(opened);
    }
    this.knobs = knobs;
    knobs.forEach((knob, k) => {
      this.rows[k].element.hidden = this.tabs[k].hidden = !knob.enabled;
      this.dim(this.rows[k].element, knob.unused ?? "");
      this.rows[k].renew?.(knob.options);
      if (!(knob.name in this.moved) && this.typed !== knob.name) this.set(k, knob.value);
    });
  }

  // A knob that changes nothing on screen cannot be turned, and says why in place of what would turn it.
  dim(element, why) {
    say(element.querySelector(".why"), why);
    element.classList.toggle("unused", Boolean(why));
    for (const one of element.querySelectorAll("input, .pictures button")) one.disabled = Boolean(why);
  }

  // On a narrow screen one knob is shown at a time.
  open(name) {
    this.opened = name;
    this.names.forEach((other, k) => {
      this.rows[k].element.classList.toggle("open", other === name);
      this.tabs[k].setAttribute("aria-pressed", String(other === name));
    });
  }

  set(k, value) {
    this.values[this.knobs[k].name] = value;
    this.rows[k].set(value);
  }

  heading(knob) {
    return make("span", { class: "name" }, make("b", {}, knob.letter), ` ${knob.label}`, helpOf(knob.help));
  }

  number(knob) {
    const range = { min: knob.low, max: knob.high, step: knob.step };
    const told = (value) => (knob.step < 1 ? inParts(Number(value)) : String(value));
    const slider = make("input", { type: "range", ...range, "aria-label": [knob.letter, knob.label].filter(Boolean).join(", ") });
    // Not of the type "number": there Chromium drops a comma, and 0,3 would be 3.
    const box = make("input", { type: "text", inputmode: "decimal", autocomplete: "off", role: "spinbutton",
      "aria-label": `${knob.letter}, exact value`, "aria-valuemin": knob.low, "aria-valuemax": knob.high });
    const note = make("small", { role: "status" });
    let noted = null; // the value that the note is about
    const set = (value) => {
      slider.value = value;
      box.value = told(value);
      slider.setAttribute("aria-valuetext", told(value));
      box.setAttribute("aria-valuenow", value);
      if (noted !== value) say(note, "");
    };
    this.announce(slider);
    slider.addEventListener("input", () => {
      this.moved[knob.name] = Number(slider.value);
      set((this.values[knob.name] = this.moved[knob.name]));
      this.turn({ [knob.name]: this.values[knob.name] });
    });
    slider.addEventListener("change", () => this.letGo());
    // Of a slider that comes back to where it was, browsers tell no change.
    for (const goes of GOES) slider.addEventListener(goes, () => setTimeout(() => this.letGo()));
    const enter = (value, words = "") => {
      this.typed = null;
      noted = value;
      say(note, words);
      set((this.values[knob.name] = value));
    };
    box.addEventListener("input", () => {
      this.typed = knob.name;
      this.near();
    });
    box.addEventListener("blur", () => {
      if (this.typed !== knob.name) return;
      this.typed = null;
      this.show(this.knobs);
    });
    box.addEventListener("change", () => {
      const value = numberOf(box.value, knob.step < 1);
      if (Number.isNaN(value)) return enter(this.values[knob.name], `a ${knob.step < 1 ? "" : "whole "}number from ${knob.low} to ${knob.high}`);
      enter(clamp(value, knob.low, knob.high), value > knob.high ? `at most ${knob.high}` : value < knob.low ? `at least ${knob.low}` : "");
      this.release({ [knob.name]: this.values[knob.name] });
    });
    box.addEventListener("keydown", (event) => {
      const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!way) return;
      event.preventDefault();
      const from = numberOf(box.value, knob.step < 1);
      const value = clamp(Number(told((Number.isNaN(from) ? this.values[knob.name] : from) + way * knob.step)), knob.low, knob.high);
      const before = this.values[knob.name];
      enter(value);
      if (value !== before) this.release({ [knob.name]: value });
    });
    const element = make("div", { class: "knob", role: "group", "aria-label": knob.label || knob.letter },
      make("div", { class: "top" }, this.heading(knob), box), note, make("small", { class: "why" }), slider, ...(knob.act ? [this.act(knob.act)] : []));
    return { element, set };
  }

  // The hand lets go of what it holds, if it holds something.
  letGo() {
    const { moved } = this;
    this.moved = {};
    for (const [name, value] of Object.entries(moved)) this.release({ [name]: value });
  }

  // Says when a hand is at a slider, before it moves it.
  announce(slider) {
    let holding = null;
    for (const comes of ["pointerenter", "focus"]) slider.addEventListener(comes, () => this.near());
    slider.addEventListener("pointerdown", () => {
      this.near();
      clearInterval(holding);
      // A slider that is taken away in mid-drag is never let go.
      holding = setInterval(() => (slider.isConnected ? this.near() : clearInterval(holding)), HELD);
    });
    for (const goes of GOES) slider.addEventListener(goes, () => clearInterval(holding));
  }

  // A button that starts work which sets the knob; while it works, the same button ends it.
  act({ name, label, help, options, idle }) {
    const one = { label, idle, live: false };
    one.choice = make("select", { "aria-label": `${label}: where` }, ...options.map((option) => make("option", { value: option.value }, option.label)));
    one.button = make("button", { type: "button", title: help, onclick: () => this.press({ [name]: one.live ? "" : one.choice.value }) }, label);
    one.bar = make("progress", { max: 1, value: 0, "aria-label": `${label}: share of the budget`, hidden: true });
    one.text = make("small", {}, idle);
    one.aloud = make("span", { class: "unseen", role: "status" });
    this.acts[name] = one;
    return make("div", { class: "act" }, make("div", { class: "top" }, one.button, one.choice), one.bar, one.text, one.aloud);
  }

  // How far the work of such a button is; nothing if there is none.
  tell(name, state) {
    const one = this.acts[name];
    if (!one) return;
    const text = state?.text || one.idle;
    say(one.text, text);
    if (one.live !== Boolean(state?.live)) say(one.aloud, `${one.label}: ${text}`); // not each number of samples
    one.live = Boolean(state?.live);
    say(one.button, one.live ? "Cancel" : one.label);
    mark(one.button, "aria-label", one.live ? `${one.label}: cancel` : one.label);
    one.choice.disabled = one.live;
    if (one.live) one.choice.value = state.side;
    one.bar.hidden = !one.live;
    one.bar.value = state?.share ?? 0;
  }

  choice(knob) {
    const buttons = knob.options.map((option) => make("button",
      { type: "button", "aria-label": option.label, title: option.label,
        onclick: () => this.release({ [knob.name]: (this.values[knob.name] = option.value) }) },
      option.picture ? make("img", { src: option.picture, alt: "" }) : option.label));
    const more = knob.file ? [make("button", { type: "button", "aria-label": "Your own photo", title: "Your own photo", class: "file",
      onclick: () => document.querySelector(knob.file)?.click() }, "+")] : [];
    const set = (value) => buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(knob.options[k].value === value)));
    const chosen = make("small");
    const element = make("div", { class: "knob", role: "group", "aria-label": knob.label || knob.letter },
      make("div", { class: "top" }, this.heading(knob), chosen), make("small", { class: "why" }), make("div", { class: "pictures" }, ...buttons, ...more));
    const renew = (options) => options.forEach(({ picture }, k) => picture && mark(buttons[k].firstElementChild, "src", picture));
    return { element, renew, set: (value) => {
      set(value);
      chosen.textContent = knob.options.find((option) => option.value === value)?.label ?? "";
    } };
  }
}
