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

  hear(scrub) {
    let one = this.all.get(scrub.name);
    const values = JSON.stringify(scrub.values);
    if (one?.values !== values) {
      one?.element.remove();
      one = this.build(scrub, values);
      this.all.set(scrub.name, one);
    }
    one.scrub = scrub;
    this.show(one);
  }

  build(scrub, values) {
    const asked = helpOf(scrub.help);
    const slider = make("input", { type: "range", min: 0, max: scrub.values.length - 1, value: scrub.start, "aria-label": scrub.label,
      oninput: () => this.go(one, Number(slider.value)) });
    const one = { values, k: scrub.start, slider, shown: make("output"), said: make("p", { class: "said", "aria-live": "polite" }), table: make("div", { class: "table" }) };
    const label = make("label", {}, make("span", { class: "top" }, make("span", {}, scrub.label, asked), one.shown), slider);
    label.hidden = scrub.values.length < 2;
    one.element = make("div", { class: "scrub" }, label, one.said, one.table);
    (scrub.below ? this.below : this.above).append(one.element);
    return one;
  }

  show(one) {
    const { scrub, k } = one;
    one.slider.value = k;
    one.slider.setAttribute("aria-valuetext", scrub.values[k]);
    one.shown.textContent = `${scrub.letter} = ${scrub.values[k]}`;
    one.said.textContent = scrub.said[k] ?? "";
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

  at() {
    return Object.fromEntries([...this.all].map(([name, { k }]) => [name, k]));
  }

  // The position, the share of the photo in the mixture, and the value in words.
  place(name) {
    const one = this.all.get(name);
    if (!one) return null;
    const { scrub, k } = one;
    return { at: scrub.at[k], mix: scrub.mix[k] ?? 1, words: `${scrub.letter} = ${scrub.values[k]}` };
  }
}
