// The stage: knobs beside the photo, the maps and their curves. What it shows comes by the line, past the script.

const MOST = 64; // the maps of one method that are kept

// What a first visitor reads: how to read a map, and three things to try.
const TRY = [["Less noise: σ 0.1", { sigma: 0.1 }], ["More samples: R 300", { samples: 300 }], ["A white baseline", { baseline: "white" }]];
const MET = "attribution-met";

function greeting(release) {
  try {
    if (localStorage.getItem(MET)) return [];
  } catch {
    return []; // the browser blocks storage: better no greeting than one at each visit
  }
  const close = () => {
    localStorage.setItem(MET, "1");
    box.remove();
  };
  const box = make("div", { class: "greeting" },
    make("p", {}, "Bright: this method says that the pixel matters more here. Drag a knob and watch. Or try:"),
    ...TRY.map(([words, values]) => make("button", { type: "button", onclick: () => release(values) }, words)),
    make("button", { type: "button", class: "close", onclick: close }, "Got it"));
  return [box];
}

class Stage {
  constructor(root, name) {
    this.maps = new Map();
    this.received = {};
    this.step = 0;
    this.knobs = make("div", { class: "knobs" });
    this.bar = make("progress", { max: 1, value: 0, "aria-label": "progress" });
    this.text = make("span", { class: "text", role: "status" });
    this.stop = make("button", { type: "button", onclick: () => this.line?.press(this.stop.dataset.act) }, "Stop");
    this.trouble = make("p", { class: "trouble", role: "alert", hidden: true });
    const title = make("h1", { class: "unseen" }, "What did the model look at?");
    this.rail = make("aside", { class: "rail", "aria-label": "Knobs" }, this.knobs,
      make("div", { class: "state" }, this.bar, make("div", { class: "top" }, this.text, this.stop)));
    this.rail.append(...greeting((values) => this.released(values)));
    this.tiles = make("div", { class: "tiles" });
    this.steps = make("input", { type: "range", min: 0, max: 0, value: 0, oninput: () => this.go(Number(this.steps.value)) });
    this.stepped = make("label", { class: "stepped", hidden: true }, make("span"), this.steps);
    this.verdict = make("p", { class: "headline", role: "status" });
    this.charts = make("div", { class: "charts" });
    this.table = make("div", { class: "table" });
    this.more = make("div");
    this.element = make("section", { class: "stage", "aria-label": "Knobs, maps and curves" }, title, this.rail,
      make("div", { class: "main" }, this.trouble, this.tiles, this.verdict, this.charts, this.stepped, this.table, this.more));
    root.append(this.element);
    this.viewer = this.tiles.attributionViewer = new Viewer(this.tiles, name);
    this.hands = new Knobs(this.knobs, (values, knob) => this.turned(values, knob), (values) => this.released(values));
    this.sizes = new ResizeObserver(() => this.curves?.resize());
    this.sizes.observe(this.charts);
  }

  // What the script says: the knobs, and where the line is.
  show(data, release) {
    this.release = release;
    this.data = data;
    this.hands.show(data.knobs);
    this.curves ??= new Curves(this.charts, `${data.base}${data.plotly}`, (metric, step) => metric === data.stepped && this.go(step));
    if (!this.line) for (const text of data.first) this.hear(message(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer));
    if (!data.token) return;
    const address = new URL(`${data.base}live/${data.token}`, location.origin);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (this.address !== address.href) {
      this.address = address.href;
      this.line?.close();
      this.line = new Line(address.href, (heard) => this.hear(heard), (state) => this.connected(state));
    }
  }

  close() {
    this.sizes.disconnect();
    this.line?.close();
    this.viewer.close();
    this.element.remove();
  }

  connected(state) {
    this.trouble.hidden = state === "open";
    if (state === "cut") this.trouble.textContent = "The connection was cut. Trying again …";
    if (state === "none") {
      const plain = new URL(location.href);
      plain.searchParams.set("viewer", "static");
      this.trouble.replaceChildren("This network lets no live pictures through. ",
        make("a", { href: plain.href }, "Show plain images instead."));
    }
  }

  hear(heard) {
    const { part } = heard;
    if (part === "layout") this.layout(heard);
    else if (part === "photo") this.photo = heard.bytes;
    else if (part === "map") this.take(heard);
    else if (part === "curve") this.curves.curve(heard);
    else if (part === "state") this.state = heard;
    else if (part === "figure") this.curves.figure(this.more, heard, (number) => this.release({ open: number }));
    this.soon();
  }

  layout(head) {
    this.head = head;
    this.curves.layout(head.charts, head.lines, head.control);
    const names = new Set(head.tiles.map((tile) => tile.name));
    for (const name of this.maps.keys()) if (!names.has(name)) this.maps.delete(name);
  }

  // A map, or a part of it. What was received is kept, so that R and M can be turned back without asking.
  take(map) {
    Object.assign(map, { raw: rawOf(map.bytes, map.unit), sorted: {} });
    delete map.bytes;
    if (map.family) {
      const held = this.received[map.name];
      if (held?.family !== map.family) this.received[map.name] = { family: map.family, knob: map.knob, at: new Map() };
      const { at } = this.received[map.name];
      at.set(map.at, map);
      if (at.size > MOST) at.delete(at.keys().next().value);
    }
    this.maps.set(map.name, map);
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.paint();
    });
  }

  paint() {
    if (!this.head || !this.photo) return;
    const { head, state } = this;
    const { width, height } = head.photo;
    if (this.painted !== this.photo) {
      this.painted = this.photo;
      this.grey = greyOf(this.photo);
    }
    const blank = { raw: new Float32Array(width * height), sorted: {}, words: "not computed yet" };
    const maps = head.tiles.map((tile) => {
      const map = this.maps.get(tile.name);
      const fits = map && map.raw.length === width * height;
      return Object.assign(fits ? map : { ...blank }, {
        title: tile.title, gloss: tile.gloss, status: state?.status?.[tile.name] ?? tile.status ?? "",
        old: fits && Boolean(state?.old?.includes(tile.name)),
        instead: fits && this.step ? this.replaced(tile.name) : null,
      });
    });
    const shown = { ...this.data.palettes, photo: { ...head.photo, pixels: this.photo, grey: this.grey }, maps };
    this.viewer.show(shown);
    this.scrub();
    if (state) this.tell(state);
  }

  tell(state) {
    this.bar.value = state.share;
    this.text.textContent = state.text;
    const acts = { live: ["Stop", "stop"], stopped: ["Continue", "resume"], failed: ["Try again", "resume"], done: ["Stop", "stop"] };
    [this.stop.textContent, this.stop.dataset.act] = acts[state.state];
    this.stop.disabled = state.state === "done" || !this.line;
    this.element.dataset.state = state.draft ? "draft" : state.state;
    this.trouble.hidden = !state.errors.length;
    this.trouble.textContent = state.errors.join(" ");
    if (state.draft) return;
    this.verdict.textContent = state.verdict;
    this.curves.verdicts(state.verdicts);
    this.rows(state);
  }

  rows({ table, spent, made }) {
    const text = JSON.stringify([table, spent]);
    if (text === this.told) return;
    this.told = text;
    const names = Object.keys(table[0] ?? {});
    const cells = (row) => names.map((name, k) => make(k ? "td" : "th", k ? {} : { scope: "row" }, row[name]));
    this.table.replaceChildren(
      make("table", {}, make("caption", {}, "The measures of each method"),
        make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)))),
        make("tbody", {}, ...table.map((row) => make("tr", {}, ...cells(row))))),
      make("p", { class: "note" }, `${spent} ${made}`),
    );
  }

  // A hand moves a knob. Maps that were received already need no question.
  turned(values, knob) {
    if (this.back(knob, values[knob])) {
      this.line.forget();
      return;
    }
    const { image, ...knobs } = this.hands.values; // another photo is no draft
    this.line.turn({ ...knobs, ...values });
  }

  // Shows the maps with another value of R or M, if all of them were received. For R, those of slightly fewer samples do.
  back(knob, value) {
    const held = Object.values(this.received).filter((one) => one.knob === knob);
    const found = held.map(({ at }) => {
      const places = [...at.keys()].filter((place) => (knob === "samples" ? place <= value : place === value));
      return Math.max(...at.keys()) >= value ? at.get(Math.max(...places)) : undefined;
    });
    if (!held.length || found.includes(undefined)) return false;
    for (const map of found) this.maps.set(map.name, map);
    this.soon();
    return true;
  }

  released(values) {
    this.line.forget();
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
    this.stepped.firstChild.textContent = this.step
      ? `The photo after ${this.step} replaced regions; 0 shows the maps`
      : "Replaced regions: drag, or click a point of the curve, to see the photo then";
  }

  // The photo after the present step of a map's curve, with a frame around each region.
  replaced(name) {
    const curve = this.curves.now[`${this.data.stepped} ${name}`];
    if (!curve?.replaced) return null;
    const { width, height } = this.head.photo;
    const { data } = (curve.picture ??= new ImageData(width, height));
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
    return curve.picture;
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  parentElement.attributionStage ??= new Stage(parentElement, component.key ?? "stage");
  const stage = parentElement.attributionStage;
  stage.show(data, (values) => setTriggerValue("release", values));
  return () => {
    stage.close();
    delete parentElement.attributionStage;
  };
}
