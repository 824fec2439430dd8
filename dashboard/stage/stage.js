// The stage: knobs beside the photo, the maps and their curves; or maps, charts and scrubs without knobs. What it shows comes
// by the line, past the script.

const MOST = 64; // the maps of one method that are kept
const SOON = 500; // milliseconds for which the first page is drawn before the live one is asked for: both take the processor
const UNHEARD = 30000; // milliseconds until the script is told again what it has not heard; each time twice as long
const REACHED = 2000; // the same when the line has opened again: the script can usually be reached a little later

// What a first visitor reads: how to read a map, and three things to try, in full and in short.
const TRY = [["Less noise: σ 0.1", "σ 0.1", { sigma: 0.1 }], ["More samples: R 300", "R 300", { samples: 300 }],
  ["A white baseline", "white", { baseline: "white" }]];
const MET = "attribution-met";

// What is read aloud when the work comes into another state. Beside the bar there is more, which changes all the time.
const ALOUD = { live: "The work goes on.", stopped: "The work is stopped.", failed: "The work failed.", done: "The work is complete." };

// In full for the rail, and as one line for above the maps of a narrow screen; nothing for who has been here before.
function greetings(release) {
  try {
    if (localStorage.getItem(MET)) return [];
  } catch {
    return []; // the browser blocks storage: better no greeting than one at each visit
  }
  const close = () => {
    localStorage.setItem(MET, "1");
    for (const one of both) one.remove();
  };
  const press = (name, words, onclick, knob) => make("button", { type: "button", "aria-label": name, "data-knob": knob, onclick }, words);
  const tries = (words) => TRY.map((one) => press(one[0], one[words], () => release(one[2]), Object.keys(one[2])[0]));
  const both = [
    make("div", { class: "greeting" }, make("p", {}, "Bright: this method says that the pixel matters more here. Drag a knob and watch. Or try:"),
      ...tries(0), press("Got it", "Got it", close)),
    make("div", { class: "greeting short" }, make("p", {}, "Bright matters more. Try"),
      ...tries(1), press("Got it", "×", close)),
  ];
  return both;
}

class Stage {
  constructor(root, name) {
    this.maps = new Map(); // by name of a tile: the map that is shown,
    this.newest = new Map(); // the one that came last,
    this.received = new Map(); // and those of other values of R or M
    this.earlier = null; // [knob, value]: R or M as a hand has turned it back, until the script answers or something is asked
    this.due = {}; // what the script was told and has not heard yet, in the order in which it was told,
    this.number = Date.now(); // and the number of the last of it: the script says which one it has heard
    this.randoms = new Map(); // by name of a tile: the map of the random network
    this.frames = new Map(); // by name of a tile: its maps at several positions of a scrub
    this.step = 0;
    this.knobs = make("div", { class: "knobs" });
    this.bar = make("progress", { max: 1, value: 0, "aria-label": "progress" });
    this.text = make("span", { class: "text" });
    this.aloud = make("span", { class: "unseen", role: "status" });
    this.stop = make("button", { type: "button", onclick: () => this.line?.press(this.stop.dataset.act) }, "Stop");
    this.trouble = make("p", { class: "trouble", role: "alert", hidden: true }); // of the work
    this.broken = make("p", { class: "trouble", role: "alert", hidden: true }); // of the line, or of this browser
    this.title = make("h1", { class: "unseen", hidden: true });
    this.rail = make("aside", { class: "rail", "aria-label": "Knobs" }, this.knobs,
      make("div", { class: "state" }, this.bar, make("div", { class: "top" }, this.text, this.stop), this.aloud));
    this.tiles = make("div", { class: "tiles", tabindex: "-1", hidden: true }); // until there is a layout
    this.steps = make("input", { type: "range", min: 0, max: 0, value: 0, oninput: () => this.go(Number(this.steps.value)) });
    this.stepped = make("label", { class: "stepped", hidden: true }, make("span"), this.steps);
    this.verdict = make("p", { class: "headline", role: "status" });
    this.charts = make("div", { class: "charts" });
    this.table = make("div", { class: "table" });
    this.more = make("div", { class: "charts" });
    this.lines = make("div");
    const [above, below] = [make("div"), make("div")];
    this.scrubs = new Scrubs(above, below, () => this.soon());
    this.element = make("section", { class: "stage", "aria-label": "Maps and their charts" }, this.title, this.rail,
      make("div", { class: "main" }, this.broken, this.trouble, above, this.tiles, this.verdict, this.lines, this.charts, this.stepped, this.table, this.more, below));
    root.append(this.element);
    this.viewer = this.tiles.attributionViewer = new Viewer(this.tiles, name);
    this.viewer.chosen = (values) => this.release(values);
    this.hands = new Knobs(this.knobs, (values) => this.turned(values), (values) => this.released(values), (values) => this.release(values),
      () => this.line?.near());
    this.sizes = new ResizeObserver(() => (this.curves?.resize(), this.figures?.resize()));
    this.sizes.observe(this.charts);
    this.sizes.observe(this.more);
    // Charts and signed maps keep the colours that they were drawn with. The colour of the text has a transition: its end
    // says that the page has other colours.
    this.element.addEventListener("transitionend", ({ target, propertyName }) => {
      if (target === this.element && propertyName === "color") (this.viewer.recolour(true), this.curves?.redraw(), this.figures?.redraw());
    });
    // The curves give way to what stands above them, so that all of it is in one view.
    this.room = new ResizeObserver(() => this.fit());
    for (const one of this.charts.parentElement.children) if (one !== this.charts) this.room.observe(one);
  }

  // What the script says: the knobs, and where the line is. Until it has heard what a hand has set, that stays.
  show(data, trigger) {
    this.trigger = trigger;
    if (data.heard === this.number) this.due = {};
    this.data = data;
    this.greet(data.knobs.filter((knob) => !knob.unused).map((knob) => knob.name));
    this.hands.show(data.knobs.map((knob) => ({ ...knob, value: this.due[knob.name] ?? knob.value })));
    this.element.classList.toggle("flat", Boolean(data.flat));
    this.title.hidden = !data.title;
    this.title.textContent = data.title;
    const plotly = `${data.base}${data.plotly}`;
    const free = async () => {
      if (this.pending) await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted))); // maps come first
      return this.hands.held === null && !this.line?.unanswered;
    };
    this.curves ??= new Curves(this.charts, plotly, (metric, step) => metric === this.data.stepped && this.go(step), free);
    this.figures ??= new Figures(this.more, plotly, (what, number) => this.release({ [what]: number }), (scrub, x) => this.scrubs.near(scrub, x));
    if (!this.line) for (const text of data.first) this.hear(message(bufferOf(text)));
    // The first page comes again, and asks again, when the session of a tab that was away for long is another one.
    if (data.asks !== this.asked) {
      this.asked = data.asks;
      if (data.asks) requestAnimationFrame(() => (this.later = setTimeout(() => this.ask(data.asks), SOON)));
    }
    if (!data.token) return;
    const address = new URL(`${data.base}live/${data.token}/${data.page}`, location.origin);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (this.address !== address.href) {
      this.address = address.href;
      // Of what the session before has not heard, only knobs are of use to this one.
      this.due = Object.fromEntries(Object.entries(this.due).filter(([name]) => data.knobs.some((knob) => knob.name === name)));
      this.line?.close();
      this.line = new Line(address.href, (heard) => this.hear(heard), (state, why) => this.connected(state, why));
    }
  }

  // Greets once there is a knob to try; one that changes nothing on screen cannot be tried.
  greet(used) {
    if (!this.greeted && TRY.some(([, , values]) => used.includes(Object.keys(values)[0]))) {
      this.greeted = true;
      const [full, short] = greetings((values) => this.released(values));
      if (full) this.rail.append(full), this.tiles.before(short);
    }
    for (const one of this.element.querySelectorAll(".greeting [data-knob]")) one.disabled = !used.includes(one.dataset.knob);
  }

  // How far below the top of the stage the charts begin.
  fit() {
    const [top, from] = [this.charts, this.element].map((one) => one.getBoundingClientRect().top);
    this.element.style.setProperty("--above", `${Math.ceil(top - from)}px`);
  }

  close() {
    this.closed = true; // a box that is left now, or a frame that is drawn, tells nothing
    this.sizes.disconnect();
    this.room.disconnect();
    clearTimeout(this.later);
    clearTimeout(this.again);
    cancelAnimationFrame(this.pending);
    this.curves?.close();
    for (const plot of this.element.querySelectorAll(".plot")) loaded?.purge(plot);
    this.line?.close();
    this.viewer.close();
    this.element.remove();
  }

  connected(state, why) {
    this.broken.hidden = state === "open";
    this.unpainted = false;
    if (state === "open") this.resume();
    if (state === "cut" || state === "unknown") say(this.broken, "The connection was cut. Trying again …");
    // The server has begun anew, or this tab was away for long. A run of the script brings the present session.
    if (state === "unknown") this.ask("anew");
    if (state === "none") this.offer("This network lets no live pictures through. ");
    if (state === "refused") this.offer(`No live pictures for now: ${why}. `);
  }

  // A line that opens shows what the session shows, and knows nothing of questions before it: a hand asks again. What was let
  // go while there was none is asked again too, and told again.
  resume() {
    const { held, values: { image, ...knobs } } = this.hands;
    this.awaited = Object.keys(this.due).some((name) => name in knobs);
    if (held !== null || this.awaited) this.line.turn(knobs);
    this.resend(REACHED);
  }

  hear(heard) {
    const { part } = heard;
    if (part === "layout") this.layout(heard);
    else if (part === "photo") this.photo = heard.bytes;
    else if (part === "beneath") this.beneath = heard.bytes;
    else if (part === "map") this.take(heard);
    else if (part === "random") this.randoms.set(heard.name, { raw: rawOf(heard.bytes, heard.unit), sorted: {} });
    else if (part === "curve") this.curves.curve(Object.assign(heard, { photo: this.photo }));
    else if (part === "state") this.stated(heard);
    else if (part === "settled") this.settled();
    else if (part === "figure") this.figures.hear(heard);
    else if (part === "scrub") this.scrubs.hear(heard);
    this.soon();
  }

  // A draft that comes when no knob is in a hand answers a question that came late, unless the script has not answered yet.
  // A tile that a draft says nothing of stays as it is.
  stated(state) {
    if (state.draft && this.state) {
      state.old.push(...this.state.old.filter((name) => !(name in state.status)));
      state.status = { ...this.state.status, ...state.status };
    }
    this.state = state;
    if (!state.draft) {
      this.last = state; // a draft says nothing of what is computed last
      if (state.rerun && state.rerun !== this.rerun) this.ask(state.rerun); // here, because a hidden tab draws nothing
      this.rerun = state.rerun;
    }
    if (!state.draft && state.curves) this.curves.only(state.curves, ["done", "failed"].includes(state.state));
    if (state.draft && !this.awaited && this.hands.held === null) this.line?.drop();
  }

  // The script has answered. What only a hand could still ask is over.
  settled() {
    [this.awaited, this.said] = [false, null]; // the state may be that of before
    if (this.hands.held !== null) return;
    this.earlier = null;
    this.line?.forget();
  }

  layout(head) {
    this.head = head;
    this.tiles.hidden = false;
    this.tiles.id = "maps";
    this.curves.layout(head.charts ?? [], head.lines ?? {}, head.control);
    this.figures.layout(head.figures ?? []);
    this.scrubs.layout(head.scrubs ?? []);
    const names = new Set(head.tiles.map((tile) => tile.name));
    for (const held of [this.maps, this.newest, this.received, this.frames, this.randoms]) {
      for (const name of held.keys()) if (!names.has(name)) held.delete(name);
    }
  }

  // A map, or a part of it. What was received is kept, so that R and M can be turned back without asking.
  take(map) {
    const { bytes, unit, status: own } = map; // `paint` gives it the status that is shown
    Object.assign(map, { own, raw: rawOf(bytes, unit), halves: new Uint16Array(bytes.slice().buffer), sorted: {} });
    delete map.bytes;
    if (map.scrub) return this.keep(map);
    if (map.family) {
      const held = this.received.get(map.name);
      if (held?.family !== map.family) this.received.set(map.name, { family: map.family, knob: map.knob, at: new Map() });
      const { at } = this.received.get(map.name);
      at.set(map.at, map);
      if (at.size > MOST) at.delete(at.keys().next().value);
    }
    for (const all of [this.maps, this.newest]) all.set(map.name, map);
    if (this.earlier) this.back(...this.earlier);
  }

  // A map of several, each at its position of a scrub. Those of another setting are forgotten.
  keep(map) {
    const held = this.frames.get(map.name);
    const at = held?.of === map.of ? held.at : new Map();
    this.frames.set(map.name, { of: map.of, scrub: map.scrub, at: at.set(map.at, map) });
  }

  // The map that a tile shows: of several, the last one up to where its scrub is, or else the first.
  shown(name) {
    const held = this.frames.get(name);
    const to = held && this.scrubs.place(held.scrub)?.at;
    if (to === undefined) return this.maps.get(name);
    const places = [...held.at.keys()];
    const within = places.filter((place) => place <= to + 1e-9);
    return held.at.get(within.length ? Math.max(...within) : Math.min(...places));
  }

  // The photo, or its mixture with the picture beneath it, where the scrub of the mixture is.
  pixels() {
    const { mix } = this.head.photo;
    if (!mix || this.beneath?.length !== this.photo.length) return this.photo;
    const share = this.scrubs.place(mix)?.mix ?? 1;
    return this.photo.map((value, k) => Math.round(share * value + (1 - share) * this.beneath[k]));
  }

  soon() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      try {
        this.paint();
        if (this.unpainted) this.broken.hidden = true;
        this.unpainted = false;
      } catch (error) {
        this.unpainted = true;
        this.offer(`Pictures cannot be drawn in this browser (${error.message}). `);
      }
    });
  }

  // Says what is wrong, and offers the page without the stage. The same words again would be read aloud again.
  offer(words) {
    const plain = new URL(location.href);
    plain.searchParams.set("viewer", "static");
    this.broken.hidden = false;
    const link = make("a", { href: plain.href }, "Show plain images instead.");
    if (this.broken.textContent === words + link.textContent) this.broken.lastChild.href = plain.href;
    else this.broken.replaceChildren(words, link);
  }

  paint() {
    const { head, state } = this;
    if (state && state !== this.said) this.tell(state);
    if (!head || this.photo?.length !== 3 * head.photo.width * head.photo.height) return; // it is still to come
    const { width, height } = head.photo;
    const mixed = [this.photo, this.beneath, this.scrubs.place(head.photo.mix)?.mix];
    if (mixed.some((one, k) => one !== this.painted?.[k])) {
      this.painted = mixed;
      this.picture = this.pixels();
      this.grey = greyOf(this.picture);
    }
    const scrubbed = this.scrubs.at();
    if (JSON.stringify(scrubbed) !== JSON.stringify(this.figures.at)) this.figures.move(scrubbed);
    if (this.blank?.raw.length !== width * height) this.blank = { raw: new Float32Array(width * height), sorted: {}, averages: {} };
    const blank = { ...this.blank, words: "not computed yet" };
    const maps = head.tiles.map((tile) => {
      const map = this.shown(tile.name);
      const fits = map && map.raw.length === width * height;
      return Object.assign(fits ? map : { ...blank }, {
        title: tile.title, gloss: tile.gloss, status: this.fewer(map) ?? state?.status?.[tile.name] ?? map?.own ?? tile.status ?? "",
        old: fits && Boolean(state?.old?.includes(tile.name)),
        instead: fits && this.step ? this.replaced(tile.name) : null,
        random: this.glance(tile.name, width * height),
      });
    });
    const status = this.scrubs.place(head.photo.mix)?.words ?? head.photo.status;
    this.viewer.show({ ...this.data.palettes, photo: { ...head.photo, status, pixels: this.picture, grey: this.grey }, maps, offer: this.last?.checks });
    this.scrub();
  }

  // What stands above a map: the map of the random network, once it is there; nothing if it is not wanted.
  glance(name, size) {
    const { random, checks } = this.last ?? {};
    const told = random?.[name];
    if (!told) return null;
    const map = told.there ? this.randoms.get(name) : null;
    return { ...told, old: this.state.draft, map: map?.raw.length === size ? map : null, href: `${this.data.base}${checks.page}` };
  }

  tell(state) {
    this.said = state;
    this.hands.tell("settle", state.settling);
    this.bar.value = state.share;
    say(this.text, state.text);
    const acts = { live: ["Stop", "stop"], stopped: ["Continue", "resume"], failed: ["Try again", "resume"], done: ["Stop", "stop"] };
    const [word, act] = acts[state.state];
    say(this.stop, word);
    this.stop.dataset.act = act;
    this.stop.disabled = state.state === "done" || !this.line;
    this.element.dataset.state = state.draft ? "draft" : state.state;
    this.trouble.hidden = !state.errors.length;
    say(this.trouble, state.errors.join(" "));
    if (state.draft) return;
    say(this.aloud, ALOUD[state.state]);
    say(this.verdict, state.verdict ?? "");
    this.curves.verdicts(state.verdicts);
    const lines = state.lines ?? [];
    if (JSON.stringify(lines) !== this.spoken) {
      this.spoken = JSON.stringify(lines);
      this.lines.replaceChildren(...lines.map(([title, text]) => make("p", { class: "said" }, make("b", {}, title), ` · ${text}`)));
    }
    if (state.table) this.rows(state);
  }

  // The work has come to something that only the script can do.
  ask(rerun) {
    this.note({ rerun });
    this.resend();
  }

  // The script is to be told this. What is told later stands later.
  note(values) {
    for (const name of Object.keys(values)) delete this.due[name];
    Object.assign(this.due, values);
    this.number += 1;
  }

  // Tells the script, with all that it has not heard yet: of two things that it is told while it is busy it gets the last one
  // only, and of those that it is told while the network is away it gets none.
  release(values) {
    this.note(values);
    this.send();
  }

  send(wait = UNHEARD) {
    clearTimeout(this.again);
    if (this.closed || !Object.keys(this.due).length) return;
    this.trigger({ ...this.due, number: this.number });
    this.again = setTimeout(() => this.resend(2 * wait), wait);
  }

  // The same without a hand: nothing is told on the way to another page (visit.js).
  resend(wait) {
    clearTimeout(this.again);
    const left = window.streamlitVisit?.wait() ?? 0;
    if (left) this.again = setTimeout(() => this.resend(wait), left);
    else this.send(wait);
  }

  rows({ table, spent, made, columns }) {
    const text = JSON.stringify([table, spent]);
    if (text === this.told) return;
    this.told = text;
    const fresh = [tableOf("The measures of each method", table, columns), make("p", { class: "note" }, `${spent} ${made}`)];
    const head = JSON.stringify([Object.keys(table[0] ?? {}), columns]);
    if (head !== this.columned) this.table.replaceChildren(...fresh);
    else { // the head has a question mark, which may have the focus
      this.table.querySelector("tbody").replaceWith(fresh[0].tBodies[0]);
      this.table.lastChild.replaceWith(fresh[1]);
    }
    this.columned = head;
  }

  // A hand moves a knob. Maps that were received already need no question.
  turned(values) {
    const [[knob, value]] = Object.entries(values);
    const { image, ...knobs } = this.hands.values;
    this.earlier = this.back(knob, value) ? [knob, value] : null;
    if (knob === "image") this.line?.forget(); // another photo is no draft
    else if (this.earlier) this.undo();
    else this.line?.turn({ ...knobs, ...values });
  }

  // Nothing is asked any more. A draft goes, but not before the script has answered, if it is going to.
  undo() {
    this.line?.forget();
    if (!this.awaited && (this.state?.draft || this.line?.unanswered)) this.line?.drop();
  }

  // Shows the maps with another value of R or M, if all of them were received. For R, those of slightly fewer samples do.
  back(knob, value) {
    const held = [...this.received.values()].filter((one) => one.knob === knob);
    const found = held.map(({ at }) => {
      const places = [...at.keys()].filter((place) => (knob === "samples" ? place <= value : place === value));
      return Math.max(...at.keys()) >= value ? at.get(Math.max(...places)) : undefined;
    });
    if (!held.length || found.includes(undefined)) return false;
    for (const map of found) this.maps.set(map.name, map);
    this.soon();
    return true;
  }

  // What stands below a map, if it is one that a hand has turned back to.
  fewer(map) {
    if (!this.earlier || !map?.family || map === this.newest.get(map.name)) return undefined;
    const { knob, at } = map;
    return knob === "samples" ? (at === 1 ? "the first point" : `the first ${at} points`) : `with ${at} ${at === 1 ? "step" : "steps"}`;
  }

  // A hand lets go. The line answers sooner than the script, above all with maps that the server still has.
  released(values) {
    this.awaited = true;
    this.turned(values);
    this.release(values);
    // The script answers soon; until then what is on screen is not what was asked for.
    this.element.dataset.state = "live";
    this.text.textContent = "computing …";
  }

  // From now on each tile shows the photo after so many replaced regions; the map again if it is none.
  go(step) {
    this.step = step;
    this.soon();
  }

  // The control of `go`, and in words what it shows.
  scrub() {
    const found = this.head.tiles.map((tile) => this.curves.now[`${this.data.stepped} ${tile.name}`]?.replaced?.length ?? 0);
    const most = Math.max(0, ...found);
    this.stepped.hidden = !most;
    this.steps.max = most;
    this.step = Math.min(this.step, most);
    this.steps.value = this.step;
    say(this.stepped.firstChild, this.step
      ? `The photo after ${this.step} replaced regions; 0 shows the maps`
      : "Replaced regions: drag, or click a point of the curve, to see the photo then");
  }

  // The photo after the present step of a map's curve, with a frame around each region.
  replaced(name) {
    const curve = this.curves.now[`${this.data.stepped} ${name}`];
    if (!curve?.replaced || curve.photo !== this.photo) return null; // the regions of the former photo
    if (curve.shown?.photo === this.photo && curve.shown.step === this.step) return curve.shown.picture;
    const { width, height } = this.head.photo;
    const picture = new ImageData(width, height);
    const { data } = picture;
    const put = (x, y, colour) => data.set([...colour, 255], 4 * (y * width + x));
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) put(x, y, this.photo.subarray(3 * (y * width + x), 3 * (y * width + x) + 3));
    const { replaced, side, bytes } = curve;
    replaced.slice(0, this.step).forEach(([top, left], k) => {
      for (let v = 0; v < side; v++) {
        for (let u = 0; u < side; u++) {
          const at = 3 * ((k * side + v) * side + u);
          const edge = u === 0 || v === 0 || u === side - 1 || v === side - 1;
          put(left + u, top + v, edge && k === this.step - 1 ? [255, 255, 255] : bytes.subarray(at, at + 3));
        }
      }
    });
    curve.shown = { photo: this.photo, step: this.step, picture };
    return picture;
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  parentElement.attributionStage ??= new Stage(parentElement, data.page); // its key is another one at each visit
  const stage = parentElement.attributionStage;
  stage.show(data, (told) => setTriggerValue("release", told));
  // Streamlit may begin anew before a former call has come to its end, and then ends that one.
  const turn = (stage.turn = {});
  return () => {
    if (stage.turn !== turn) return;
    stage.close();
    delete parentElement.attributionStage;
  };
}
