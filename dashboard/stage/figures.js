// Charts that the server draws. A chart is changed in place, so a zoom stays; vertical lines follow the scrubs.

class Figures {
  // `clicked(what, number)` is called for a point that opens something, `near(scrub, x)` for one on a scrub's way.
  constructor(root, address, clicked, near) {
    Object.assign(this, { root, address, clicked, near, all: new Map(), at: {} });
  }

  // Only these are shown, in this order.
  layout(names) {
    this.names = names;
    for (const [name, one] of this.all) {
      if (names.includes(name)) continue;
      if (one.ready) loaded.purge(one.plot);
      one.cell.remove();
      this.all.delete(name);
    }
  }

  hear(heard) {
    const { name, title, gloss, note, help, words, height } = heard;
    const said = [make("b", {}, title), gloss && ` · ${gloss}`, ...(help ? [helpOf(help)] : [])];
    let one = this.all.get(name);
    if (!one) {
      const plot = make("div", { class: "plot" });
      one = { plot, caption: make("figcaption"), note: make("p", { class: "verdict" }), ...this.list(() => one.heard.opens) };
      one.cell = make("figure", { class: "chart", role: "group" }, one.caption, plot, one.note, one.points);
      plot.setAttribute("role", "img");
      this.all.set(name, one);
      arrange(this.root, (this.names ?? [...this.all.keys()]).map((other) => this.all.get(other)?.cell).filter(Boolean));
    }
    if (one.said !== title + gloss + help) one.caption.replaceChildren(...said);
    one.said = title + gloss + help;
    one.cell.setAttribute("aria-label", title);
    one.plot.setAttribute("aria-label", words || title);
    one.note.textContent = note;
    one.plot.style.height = height ? `${height}px` : "";
    one.heard = heard;
    this.offer(one);
    this.then(one, () => this.draw(one));
  }

  // A list of the points that a click opens, for a keyboard and for a finger.
  list(opens) {
    const choice = make("select", { "aria-label": "Point" });
    const open = make("button", { type: "button", onclick: () => this.clicked(opens(), Number(choice.value)) }, "Open this point");
    return { choice, points: make("div", { class: "points", hidden: true }, choice, open) };
  }

  // The points that have a name are in that list: their data is a number, words for the pointer, and the name.
  offer({ choice, points, heard: { opens, figure } }) {
    const named = opens ? figure.data.flatMap(({ customdata }) => customdata ?? []).filter((point) => point?.[2]) : [];
    points.hidden = !named.length;
    const before = [...choice.options].map((option) => [Number(option.value), option.text]);
    if (alike(before.flat(), named.flatMap(([number, , name]) => [number, name]))) return;
    const chosen = choice.value;
    choice.replaceChildren(...named.map(([number, , name]) => make("option", { value: number, selected: String(number) === chosen }, name)));
  }

  // Plotly takes its time for a drawing, and must have ended it before the next one begins.
  then(one, act) {
    one.last = (one.last ?? Promise.resolve()).then(act).catch((error) => (one.note.textContent = `The chart cannot be drawn: ${error.message}.`));
  }

  async draw(one) {
    const library_ = await library(this.address);
    if (!one.plot.isConnected) return; // it has gone in the meantime, or the whole stage
    const { layout: shared, axis, ink, page } = themed(one.plot);
    const { data, layout: { transition, ...layout } } = one.heard.figure; // with a transition Plotly fails when axes come or go
    const axes = Object.entries(layout).filter(([name]) => /^[xy]axis/.test(name)).map(([name, given]) => [name, { ...given, ...axis }]);
    one.layout = {
      ...layout, ...shared, ...Object.fromEntries(axes), template: null, height: undefined, legend: { ...layout.legend, font: { color: ink, size: 11 } },
      margin: { l: 52, r: 16, t: 6, b: 40 }, dragmode: "zoom",
      uirevision: JSON.stringify([layout.xaxis?.title?.text, layout.xaxis?.type, layout.yaxis?.title?.text]), // another axis: no zoom
    };
    await library_.react(one.plot, data.map((trace) => seen(trace, page, ink)), this.marked(one), OPTIONS);
    if (one.ready) return;
    one.ready = true;
    one.plot.on("plotly_click", ({ points: [point] }) => {
      const { opens, marks } = one.heard;
      const number = Array.isArray(point.customdata) ? point.customdata[0] : point.customdata;
      if (opens && number !== undefined) this.clicked(opens, number);
      else if (!opens && marks.length) this.near(marks[0].scrub, point.x);
    });
  }

  // The layout of a chart with its vertical lines where the scrubs are.
  marked(one) {
    const shapes = [...(one.layout.shapes ?? [])];
    const annotations = [...(one.layout.annotations ?? [])];
    for (const { scrub, x, colour, dash, text } of one.heard.marks) {
      const [k, mix] = this.at[scrub] ?? [];
      const at = x.length ? x[k] : mix;
      if (at == null) continue;
      const across = { type: "line", xref: "x", yref: "paper", x0: at, x1: at, y0: 0, y1: 1 };
      shapes.push({ ...across, line: { color: colour, dash, width: text ? 2 : 1 } });
      if (text) annotations.push({ x: at, xref: "x", y: 1, yref: "paper", xanchor: "left", yanchor: "top", showarrow: false, text, font: { size: 11 } });
    }
    return { ...one.layout, shapes, annotations };
  }

  // The scrubs are at these indices, and their mixtures at these shares.
  move(at) {
    this.at = at;
    for (const one of this.all.values()) {
      if (one.moves) continue;
      one.moves = true;
      this.then(one, () => {
        one.moves = false;
        if (!one.ready || !one.plot.isConnected) return null;
        const { shapes, annotations } = this.marked(one);
        return loaded.relayout(one.plot, { shapes, annotations });
      });
    }
  }

  redraw() {
    for (const one of this.all.values()) this.then(one, () => this.draw(one));
  }

  resize() {
    for (const one of this.all.values()) this.then(one, () => one.ready && one.plot.isConnected && loaded.Plots.resize(one.plot));
  }
}
