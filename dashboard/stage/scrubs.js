// Scrubs: sliders that are answered here, from what was received. Each has values, and may have a sentence and a table for each.

function tableOf(caption, rows, help = "") {
  const names = Object.keys(rows[0] ?? {});
  const cells = (row) => names.map((name, k) => make(k ? "td" : "th", k ? {} : { scope: "row" }, row[name]));
  return make("table", {}, make("caption", {}, caption, ...(help ? [helpOf(help)] : [])),
    make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row)))));
}

class Scrubs {
  // `moved()` is called when a hand moves one.
  constructor(above, below, moved) {
    Object.assign(this, { above, below, moved, all: new Map() });
  }

  // Only these are shown.
  layout(names) {
    for (const [name, one] of this.all) {
      if (names.includes(name)) continue;
      one.element.remove();
      this.all.delete(name);
    }
  }

  // More values after those that were there leave the slider where it is, or at the end if it was there.
  hear(scrub) {
    let one = this.all.get(scrub.name);
    if (!one) this.all.set(scrub.name, (one = this.build(scrub)));
    const before = one.scrub?.values ?? [];
    const grown = before.length > 0 && before.every((value, k) => value === scrub.values[k]);
    if (!grown) one.k = scrub.start;
    else if (one.k === before.length - 1) one.k = scrub.values.length - 1;
    if (scrub.label !== one.scrub?.label || scrub.help !== one.scrub.help) {
      one.name.replaceChildren(scrub.label, helpOf(scrub.help));
      one.slider.setAttribute("aria-label", scrub.label);
    }
    one.scrub = scrub;
    one.slider.max = scrub.values.length - 1;
    one.label.hidden = scrub.values.length < 2;
    this.show(one);
  }

  build({ below }) {
    const slider = make("input", { type: "range", min: 0, max: 0, value: 0, oninput: () => this.go(one, Number(slider.value)) });
    const one = { slider, name: make("span"), shown: make("b"), said: make("p", { class: "said", "aria-live": "polite" }), table: make("div", { class: "table" }) };
    one.label = make("div", { class: "label" }, make("span", { class: "top" }, one.name, one.shown), slider);
    one.element = make("div", { class: "scrub" }, one.label, one.said, one.table);
    (below ? this.below : this.above).append(one.element);
    return one;
  }

  show(one) {
    const { scrub, k } = one;
    one.slider.value = k;
    one.slider.setAttribute("aria-valuetext", scrub.shown[k] ?? scrub.values[k]);
    one.shown.textContent = this.place(scrub.name).words;
    say(one.said, scrub.said[k] ?? "");
    one.said.hidden = !scrub.said.length;
    const rows = JSON.stringify(scrub.tables[k] ?? []);
    if (rows === one.rows) return;
    one.rows = rows;
    one.table.replaceChildren(...(scrub.tables.length ? [tableOf(scrub.caption, scrub.tables[k]), make("p", { class: "verdict" }, scrub.note)] : []));
  }

  go(one, k) {
    one.k = k;
    this.show(one);
    this.moved();
  }

  // To the value whose position is nearest.
  near(name, x) {
    const one = this.all.get(name);
    if (!one) return;
    const far = one.scrub.at.map((at) => Math.abs(at - x));
    this.go(one, far.indexOf(Math.min(...far)));
  }

  // The index of each, and the share of the photo in its mixture.
  at() {
    return Object.fromEntries([...this.all].map(([name, { scrub, k }]) => [name, [k, scrub.mix[k]]]));
  }

  // The position, the share of the photo in the mixture, and in words the value of what is shown.
  place(name) {
    const one = this.all.get(name);
    if (!one) return null;
    const { scrub, k } = one;
    return { at: scrub.at[k], mix: scrub.mix[k] ?? 1, words: `${scrub.letter} = ${scrub.shown[k] ?? scrub.values[k]}` };
  }
}
