// The curves, drawn by Plotly. A chart is changed in place, so a zoom stays.

const FAINT = "rgba(128, 136, 148, 0.25)"; // of the lines of a grid; Plotly does not know color-mix
const DRAW = 120; // milliseconds at least between two drawings of growing charts,
const SHARE = 5; // and so many times what the last one took: meanwhile the browser answers hands,
const LONGEST = 500; // but no longer than this

let plotly = null;
// The copy that drew our charts. A chart of Streamlit puts another one into window.Plotly, which would drop their listeners.
let loaded = null;
function library(address) {
  plotly ??= new Promise((came, failed) => {
    const done = () => came((loaded = window.Plotly));
    if (window.Plotly) return done();
    const script = make("script", { src: address });
    script.onload = done;
    script.onerror = () => ((plotly = null), failed(new Error("Plotly did not load")));
    document.head.append(script);
  });
  return plotly;
}

const LEAST = 3; // the contrast that a line needs on the page (WCAG 2.2, 1.4.11); text needs 4.5 and has the ink

const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function rgbOf(colour) {
  brush.fillStyle = colour;
  brush.fillRect(0, 0, 1, 1);
  return [...brush.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
}

// How bright a colour is, as WCAG 2 has it.
function brightness(rgb) {
  const [r, g, b] = rgb.map((value) => (value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [low, high] = [brightness(one), brightness(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

// The colour, or what is next to it on the way to the ink and can be seen on the page.
function visible(colour, page, ink) {
  const [from, back, to] = [colour, page, ink].map(rgbOf);
  for (let share = 0; share < 1; share += 0.02) {
    const mixed = from.map((value, k) => Math.round(value + share * (to[k] - value)));
    if (contrast(mixed, back) >= LEAST) return share ? `rgb(${mixed.join(", ")})` : colour;
  }
  return ink;
}

// The trace with lines and marks that can be seen on the page. Colours that are not #rrggbb, as of bands, stay.
function seen(trace, page, ink) {
  const clear = (colour) => (/^#[0-9a-f]{6}$/i.test(colour) ? visible(colour, page, ink) : colour);
  const parts = ["line", "marker"].filter((part) => trace[part]?.color).map((part) => {
    const { color } = trace[part];
    return [part, { ...trace[part], color: Array.isArray(color) ? color.map(clear) : clear(color) }];
  });
  return { ...trace, ...Object.fromEntries(parts) };
}

// What all charts share: colours of the page, and no background of their own.
function themed(plot) {
  const style = getComputedStyle(plot);
  const ink = style.getPropertyValue("--ink").trim() || "#444";
  const page = style.getPropertyValue("--page").trim() || "#fff";
  return {
    layout: { autosize: true, font: { color: ink, size: 12 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent",
      hoverlabel: { bgcolor: page, font: { color: ink } } },
    axis: { color: ink, gridcolor: FAINT, zeroline: false, linecolor: FAINT },
    ink, page,
  };
}

// The band between the lowest and the highest of several curves, as two lines that cannot be seen or pointed at.
function bandOf({ x, low, high }) {
  const edge = { x, mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
  return [{ ...edge, y: low }, { ...edge, y: high, fill: "tonexty", fillcolor: FAINT }];
}

const OPTIONS = { displayModeBar: false, responsive: true };

class Curves {
  // `chosen(metric, step)` is called when a point of a chart is clicked. `free()` resolves when nothing waits to be
  // shown before a chart, to whether one may be drawn.
  constructor(root, address, chosen, free) {
    Object.assign(this, { root, address, chosen, free, charts: [], lines: {}, now: {}, ghosts: {}, pause: DRAW });
  }

  layout(charts, lines, control) {
    const looks = JSON.stringify([lines, control]);
    if (looks !== this.looks) for (const one of this.charts) one.stale = true;
    Object.assign(this, { lines, control, looks });
    this.forget(charts, lines);
    const names = charts.map((chart) => chart.name).join();
    if (names !== this.names) {
      this.names = names;
      const before = new Map(this.charts.map((one) => [one.chart.name, one]));
      this.charts = charts.map((chart) => before.get(chart.name) ?? this.build(chart));
      for (const one of before.values()) if (!this.charts.includes(one)) this.purge(one);
      arrange(this.root, this.charts.map((one) => one.cell));
      this.resize(); // fewer are wider
    }
    charts.forEach((chart, k) => {
      const one = this.charts[k];
      one.stale ||= JSON.stringify(chart) !== JSON.stringify(one.chart); // another score has other axes
      one.chart = chart;
      this.caption(one);
    });
    this.draw();
  }

  build(chart) {
    const one = { chart, plot: make("div", { class: "plot" }), verdict: make("p", { class: "verdict" }), stale: true, drawn: 0, clicked: 0 };
    Object.assign(one, { title: make("b"), value: make("span"), help: helpOf(chart.note) });
    one.cell = make("figure", { class: "chart", role: "group" }, make("figcaption", {}, one.title, one.value, one.help), one.plot, one.verdict);
    return one;
  }

  // The page that is shown first can have other words than the live one. The question mark stays: it may have the focus.
  caption({ chart, cell, title, value, help }) {
    mark(cell, "aria-label", chart.title);
    say(title, chart.title);
    say(value, ` ${chart.label}, ${chart.reading} `);
    mark(help, "aria-description", chart.note);
  }

  // Plotly listens to the window for each of its drawings.
  purge({ plot }) {
    if (plot.heard) loaded.purge(plot);
    plot.heard = false;
  }

  // Nothing is drawn any more.
  close() {
    clearTimeout(this.timer);
    for (const one of this.charts) this.purge(one);
    this.charts = [];
  }

  // What is not shown any more is sent again when it comes back. All else is sent only once, so it is kept.
  forget(charts, lines) {
    const shown = new Set(charts.flatMap(({ name }) => Object.keys(lines).map((line) => `${name} ${line}`)));
    for (const held of [this.now, this.ghosts]) for (const key of Object.keys(held)) if (!shown.has(key)) delete held[key];
  }

  // Of this setting there are these curves, and no others yet; none of them will come if the work has `ended`.
  only(names, ended) {
    for (const [key, curve] of Object.entries(this.now)) {
      if (names.includes(key)) continue;
      if (curve.done) this.ghosts[key] = curve;
      delete this.now[key];
      this.touch(key);
    }
    for (const key of ended ? Object.keys(this.ghosts) : []) {
      delete this.ghosts[key];
      this.touch(key);
    }
    this.draw();
  }

  touch(key) {
    for (const one of this.charts) one.stale ||= key.startsWith(`${one.chart.name} `);
  }

  // A curve of one map so far. The last whole one stays as a ghost until the new one is whole.
  curve({ metric, name, x, y, low, high, ticks, done, replaced, window: side, bytes, photo }) {
    const key = `${metric} ${name}`;
    const before = this.now[key];
    if (before?.done && !done) this.ghosts[key] = before;
    if (done) delete this.ghosts[key];
    this.now[key] = { x, y, low, high, ticks, done, replaced, side, bytes, photo };
    this.touch(key);
    this.draw();
  }

  verdicts(words) {
    for (const { chart, verdict } of this.charts) say(verdict, words?.[chart.name] ?? "");
  }

  // Draws the charts that have changed, one at a time: the one that was drawn the longest ago. A drawing takes tens of
  // milliseconds, in which the browser takes no input and shows no map.
  draw() {
    if (this.timer || !this.charts.some((one) => one.stale)) return;
    this.timer = setTimeout(async () => {
      try {
        const library_ = await library(this.address);
        if (await this.free()) this.next(library_);
      } catch (error) {
        for (const one of this.charts) this.fail(one, error);
      }
      this.timer = null;
      this.draw();
    }, this.pause);
  }

  next(library_) {
    const began = performance.now();
    const [one] = this.charts.filter(({ stale }) => stale).sort((a, b) => a.drawn - b.drawn);
    if (!one) return;
    Object.assign(one, { stale: false, drawn: began });
    try {
      this.plot(library_, one);
    } catch (error) {
      this.fail(one, error);
    }
    this.pause = clamp(SHARE * (performance.now() - began), DRAW, LONGEST);
  }

  // Says so in the place of the chart, until there is something new.
  fail(one, error) {
    this.purge(one);
    one.stale = false;
    one.plot.textContent = `The chart cannot be drawn: ${error.message}.`;
  }

  traces(metric, { page, ink }) {
    const found = [];
    for (const [name, [title, own, dash, symbol]] of Object.entries(this.lines)) {
      const key = `${metric} ${name}`;
      const colour = visible(own, page, ink);
      for (const [curve, opacity] of [[this.ghosts[key], 0.25], [this.now[key], 1]]) {
        if (!curve) continue;
        if (curve.low && opacity === 1) found.push(...bandOf(curve));
        found.push({
          x: curve.x, y: curve.y, name: title, opacity, mode: curve.x.length <= 40 && opacity === 1 ? "lines+markers" : "lines",
          line: { color: colour, dash, width: name === this.control ? 1.5 : 2 }, marker: { color: colour, symbol, size: 5 },
          hovertemplate: "%{y:.3f}", hoverinfo: opacity < 1 ? "skip" : undefined, title, now: opacity === 1,
        });
      }
    }
    return found;
  }

  // A reader's zoom stays while Plotly is given the same words in `uirevision` and the same range. So a curve that gets lower
  // changes no range that somebody has zoomed. Other axes end the zoom, and so does a double click.
  range(one, whole) {
    const { chart: { axes }, plot: { layout }, given } = one;
    const uirevision = JSON.stringify([axes, one.clicked]);
    const zoomed = layout && uirevision === given.uirevision && !alike(layout.yaxis.range, given.range);
    if (!zoomed) one.given = { uirevision, range: whole };
    return { uirevision, range: [...one.given.range] }; // Plotly changes what it is given
  }

  plot(library_, one) {
    const { chart, plot } = one;
    const { layout: shared, axis, ...colours } = themed(plot);
    const traces = this.traces(chart.name, colours);
    const { x, y, x_range, y_range } = chart.axes;
    const ticks = traces.length ? this.ticks(chart.name) : [];
    const [low, high] = x_range ?? [0, Math.max(ticks.length - 1, 1)];
    const values = traces.flatMap((trace) => trace.y);
    const [bottom, top] = [Math.min(y_range[0], ...values), Math.max(y_range[1], ...values)];
    const room = 0.04 * (top - bottom);
    const { uirevision, range } = this.range(one, [bottom - room, top + room]);
    const layout = {
      ...shared, uirevision, margin: { l: 46, r: 122, t: 6, b: 36 }, showlegend: false, hovermode: "x unified", dragmode: "zoom",
      xaxis: { ...axis, title: { text: x, standoff: 6 }, range: [low - (high - low) / 60, high + (high - low) / 60],
        ...(ticks.length ? { tickvals: ticks.map((_, k) => k), ticktext: ticks } : {}) },
      yaxis: { ...axis, title: { text: y, standoff: 6 }, range },
      annotations: this.ends(traces.filter((trace) => trace.now), bottom - room, top + room, plot.clientHeight - 42, colours.ink),
    };
    if (!plot.heard) plot.replaceChildren(); // words that stood there
    library_.react(plot, traces, layout, OPTIONS);
    if (!plot.heard) {
      plot.heard = true;
      plot.on("plotly_click", (event) => this.chosen(chart.name, event.points[0].pointIndex));
      // By itself Plotly would go back to the range of its first drawing.
      plot.on("plotly_doubleclick", () => {
        Object.assign(one, { clicked: one.clicked + 1, stale: true });
        this.draw();
      });
    }
  }

  ticks(metric) {
    const held = [this.now, this.ghosts].flatMap(Object.entries);
    const curve = held.find(([key, { ticks }]) => key.startsWith(`${metric} `) && ticks.length);
    return curve ? curve[1].ticks : [];
  }

  // The names at the ends of the lines, with a piece of the line before them, moved apart where they would overlap.
  ends(traces, bottom, top, height, ink) {
    const least = ((top - bottom) * 14) / Math.max(height, 60);
    const found = traces.map((trace) => ({ trace, at: trace.y[trace.y.length - 1] })).sort((a, b) => a.at - b.at);
    for (let k = 1; k < found.length; k++) found[k].at = Math.max(found[k].at, found[k - 1].at + least);
    const over = found.length ? found[found.length - 1].at - top : 0;
    return found.map(({ trace, at }) => ({
      xref: "paper", x: 1, xanchor: "left", y: at - Math.max(over, 0), yanchor: "middle", showarrow: false,
      text: `<span style="color:${trace.line.color}">━</span> ${trace.title}`, font: { color: ink, size: 11 },
    }));
  }

  redraw() {
    for (const one of this.charts) one.stale = true;
    this.draw();
  }

  resize() {
    for (const { plot } of this.charts) if (plot.data) loaded.Plots.resize(plot);
  }
}
