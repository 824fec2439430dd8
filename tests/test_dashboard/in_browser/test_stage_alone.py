"""Knobs, curves and the line of the stage in a real browser, without the app. Timers are stepped by hand."""

import tomllib
from pathlib import Path

import plotly
import pytest
from contrast import contrast
from pages import VIEWER
from sources import ROOT

from dashboard.charts.looks import BAND, STYLES
from dashboard.cold_start import example
from dashboard.live.route import TRY_LATER, UNKNOWN
from dashboard.stage import stage

pytestmark = pytest.mark.browser

FILES = ("scale.js", "viewer.js", "line.js", "help.js", "knobs.js", "curves.js", "figures.js", "scrubs.js")
STYLE = stage.source()[1]
EXPORTS = "\nexport { Curves, Figures, Knobs, Line, Scrubs };"
SCRIPT = "\n".join((stage.HERE / name).read_text() for name in FILES) + EXPORTS
BEGIN = """async (script) => {
  window.code = await import(URL.createObjectURL(new Blob([script], {type: 'text/javascript'})));
  window.root = document.body.appendChild(document.createElement('div'));
}"""
KNOB = {"name": "sigma", "letter": "σ", "label": "noise scale", "help": "", "low": 0.0, "high": 2.0, "step": 0.01}
KNOB |= {"value": 0.5, "options": [], "enabled": True, "file": ""}
WHOLE = KNOB | {"name": "samples", "letter": "R", "low": 1, "high": 500, "step": 1, "value": 10}
CURVES = """
() => {
  const timers = [];
  window.setTimeout = (act) => timers.push(act);
  window.drawn = [];
  window.shown = {};
  window.axes = {};
  window.purged = [];
  window.Plotly = {purge: (plot) => purged.push(plot.name), react: (plot, traces, {yaxis}) => {
    if (window.failing === plot.name) throw new Error('no axes');
    drawn.push(plot.name);
    shown[plot.name] = traces;
    window.axes[plot.name] = yaxis.title.text;
    plot.on = () => {};
  }};
  window.busy = false;
  root.className = 'stage'; // explanations open there
  window.curves = new code.Curves(root.appendChild(document.createElement('div')), '', () => {}, async () => !busy);
  const axes = {x: '', y: '', x_range: [0, 1], y_range: [0, 1]};
  const words = {label: 'area', reading: 'lower is better', note: 'some words'};
  const charts = ['one', 'other'].map(name => ({name, title: name, ...words, axes}));
  curves.layout(charts, {map: ['Map', 'red', 'solid', 'circle']}, '');
  for (const {chart, plot} of curves.charts) plot.name = chart.name;
  // What is drawn until nothing is to be drawn any more, or in so many steps.
  window.steps = async (most = 9) => {
    drawn.length = 0;
    for (let k = 0; k < most && timers.length; k++) await timers.shift()();
    return [...drawn];
  };
  window.grow = (metric, y, done) => curves.curve({metric, name: 'map', x: y.map((_, k) => k), y, ticks: [], done});
}"""
# The curves of a chart as they are drawn, each with its opacity.
DRAWN = "async (name) => { await steps(); return shown[name].map(({y, opacity}) => [y, opacity]); }"
GHOST = 0.25


@pytest.fixture
def page(alone, request):
    with alone.lent(request.node) as opened:
        opened.goto("about:blank")
        opened.evaluate(BEGIN, SCRIPT)
        yield opened


class TestCurves:
    def test_only_charts_that_have_changed_are_drawn_one_at_a_time(self, page):
        page.evaluate(CURVES)
        assert page.evaluate("steps(1)") == ["one"]
        assert page.evaluate("steps()") == ["other"]
        page.evaluate("grow('other', [0, 1])")
        assert page.evaluate("steps()") == ["other"]
        page.evaluate("grow('one', [0, 1]), grow('other', [0, 1, 2]), grow('other', [0, 1, 2, 3])")
        assert page.evaluate("steps()") == ["one", "other"], "the one that was drawn the longest ago comes first"
        assert page.evaluate("steps()") == []

    def test_the_same_layout_draws_nothing_and_another_look_everything(self, page):
        page.evaluate(CURVES)
        page.evaluate("steps()")
        again = "curves.layout(curves.charts.map(({chart}) => chart), {map: ['Map', %r, 'solid', 'circle']}, '')"
        page.evaluate(again % "red")
        assert page.evaluate("steps()") == []
        page.evaluate(again % "blue")
        assert page.evaluate("steps()") == ["one", "other"]

    def test_other_axes_are_drawn_though_the_charts_are_the_same(self, page):
        """The score is another one, and the curves are still to come."""
        page.evaluate(CURVES)
        page.evaluate("steps()")
        page.evaluate(
            """() => {
              const [one, other] = curves.charts.map(({chart}) => chart);
              const charts = [{...one, axes: {...one.axes, y: 'probability'}}, other];
              curves.layout(charts, {map: ['Map', 'red', 'solid', 'circle']}, '');
            }"""
        )
        assert page.evaluate("steps()") == ["one"]
        assert page.evaluate("axes") == {"one": "probability", "other": ""}

    def test_the_last_whole_curve_is_a_ghost_until_the_new_one_is_whole(self, page):
        page.evaluate(CURVES)
        page.evaluate("grow('one', [1, 0.5, 0.2], true)")
        assert page.evaluate(DRAWN, "one") == [[[1, 0.5, 0.2], 1]]
        for part in ([1], [1, 0.9]):
            page.evaluate("part => grow('one', part, false)", part)
            assert page.evaluate(DRAWN, "one") == [[[1, 0.5, 0.2], GHOST], [part, 1]], "no part becomes a ghost"
        page.evaluate("grow('other', [3], false)")
        assert page.evaluate(DRAWN, "other") == [[[3], 1]], "what was never whole leaves none"
        page.evaluate("grow('one', [1, 0.9, 0.8], true)")
        assert page.evaluate(DRAWN, "one") == [[[1, 0.9, 0.8], 1]]

    def test_a_ghost_has_no_name_and_cannot_be_pointed_at(self, page):
        page.evaluate(CURVES)
        page.evaluate("grow('one', [1, 0.5], true), grow('one', [1], false)")
        page.evaluate(DRAWN, "one")
        found = page.evaluate("shown.one.map(({hoverinfo, now, mode}) => [hoverinfo ?? '', now, mode])")
        assert found == [["skip", False, "lines"], ["", True, "lines+markers"]]

    def test_another_chart_leaves_the_curves_of_the_others(self, page):
        """They are sent only once. Those of a chart or a method that goes are sent again when it comes back."""
        page.evaluate(CURVES)
        page.evaluate("grow('one', [1, 0.5], true), grow('other', [2], true), grow('other', [3], false)")
        lay = """([charts, lines]) => curves.layout(
          charts.map(name => ({name, title: name, axes: curves.charts[0].chart.axes})),
          Object.fromEntries(lines.map(name => [name, ['Map', 'red', 'solid', 'circle']])), '')"""
        page.evaluate(lay, [["one", "third"], ["map"]])
        assert page.evaluate("Object.keys(curves.now)") == ["one map"]
        assert page.evaluate("Object.keys(curves.ghosts)") == []
        page.evaluate("for (const {chart, plot} of curves.charts) plot.name = chart.name")
        assert page.evaluate(DRAWN, "one") == [[[1, 0.5], 1]]
        page.evaluate(lay, [["one", "third"], ["another"]])
        assert page.evaluate("Object.keys(curves.now)") == []

    def test_a_chart_that_stays_is_the_same_one_and_one_that_goes_leaves_nothing(self, page):
        """A zoom stays; and Plotly listens to the window for each drawing that it was not told to forget."""
        page.evaluate(CURVES)
        page.evaluate("steps()")
        kept = page.evaluate(
            """() => {
              const [one] = curves.charts;
              const axes = one.chart.axes;
              const charts = ['third', 'one'].map(name => ({name, title: name, axes}));
              curves.layout(charts, {map: ['Map', 'red', 'solid', 'circle']}, '');
              return curves.charts[1].plot === one.plot && one.cell === one.cell.parentElement.lastChild;
            }"""
        )
        assert kept
        assert page.evaluate("purged") == ["other"]

    def test_its_words_are_those_of_the_last_layout(self, page):
        """The first page has those that were shipped with it. Somebody may be at the question mark."""
        page.evaluate(CURVES)
        figure = page.locator("figure").first
        assert figure.locator("figcaption").inner_text() == "one area, lower is better ?"
        figure.locator(".help").focus()
        page.evaluate(
            """() => {
              const [one, other] = curves.charts.map(({chart}) => chart);
              const charts = [{...one, title: '1', label: 'AUPC', reading: 'higher', note: 'other words'}, other];
              curves.layout(charts, curves.lines, '');
            }"""
        )
        assert figure.locator("figcaption").inner_text() == "1 AUPC, higher ?"
        assert page.get_by_role("group", name="1", exact=True).count() == 1
        help_ = figure.locator(".help")
        assert help_.get_attribute("aria-description") == "other words"
        assert help_.evaluate("help => help === document.activeElement")
        help_.click()
        assert page.get_by_role("tooltip").inner_text() == "other words"

    def test_the_focus_stays_when_another_chart_comes_or_goes(self, page):
        page.evaluate(CURVES)
        page.locator("figure", has_text="other").locator(".help").focus()
        for names in (["third", "one", "other"], ["other"], ["other", "one"]):
            page.evaluate(
                """(names) => {
                  const {axes} = curves.charts[0].chart;
                  curves.layout(names.map(name => ({name, title: name, axes})), {}, '');
                }""",
                names,
            )
            assert page.locator("figcaption b").all_inner_texts() == names
            assert page.evaluate("document.activeElement.closest('figure')?.ariaLabel") == "other"

    def test_one_that_cannot_be_drawn_says_so_and_leaves_the_others(self, page):
        page.evaluate(CURVES)
        page.evaluate("steps()")
        page.evaluate("failing = 'one', grow('one', [0, 1]), grow('other', [0, 1])")
        assert page.evaluate("steps()") == ["other"]
        said = "curves.charts.map(({plot}) => plot.textContent)"
        assert page.evaluate(said) == ["The chart cannot be drawn: no axes.", ""]
        assert page.evaluate("purged") == ["one"]
        page.evaluate("failing = '', grow('one', [0, 1, 2])")
        assert page.evaluate("steps()") == ["one"]
        assert page.evaluate(said) == ["", ""]

    def test_after_the_end_nothing_is_drawn(self, page):
        """Not even what was begun."""
        page.evaluate(CURVES)
        page.evaluate("steps(1)")
        page.evaluate("() => { window.begun = steps(); curves.close(); }")
        assert page.evaluate("begun") == []
        assert page.evaluate("steps()") == []
        assert page.evaluate("purged") == ["one"]

    def test_they_are_resized_by_the_library_that_drew_them(self, page):
        """A chart of Streamlit puts a library of its own in the place of it, which drops who listens to clicks."""
        page.evaluate(CURVES)
        page.evaluate("steps()")
        resized = page.evaluate(
            """() => {
              const resized = [];
              window.Plotly.Plots = {resize: (plot) => resized.push(plot.name)};
              window.Plotly = {Plots: {resize: () => resized.push('by another')}};
              for (const {plot} of curves.charts) plot.data = [];
              curves.resize();
              return resized;
            }"""
        )
        assert resized == ["one", "other"]

    def test_while_somebody_waits_for_maps_nothing_is_drawn(self, page):
        page.evaluate(CURVES)
        page.evaluate("busy = true")
        assert page.evaluate("steps()") == []
        page.evaluate("busy = false")
        assert page.evaluate("steps()") == ["one", "other"]

    def test_a_zoom_stays_when_a_curve_gets_lower_and_ends_with_a_double_click_or_another_score(self, page):
        """With the real Plotly, which ends it whenever it is given another range."""
        page.add_script_tag(path=Path(plotly.__file__).parent / "package_data" / "plotly.min.js")
        page.evaluate(
            """() => {
              root.style.width = '600px';
              window.curves = new code.Curves(root, '', () => {}, async () => true);
              window.lay = (y) => {
                const axes = {x: '', y, x_range: [0, 4], y_range: [0, 1]};
                curves.layout([{name: 'one', title: 'one', axes}], {map: ['Map', 'red', 'solid', 'circle']}, '');
              };
              window.grow = (...y) => curves.curve({metric: 'one', name: 'map', x: y.map((_, k) => k), y, ticks: []});
              lay('logit');
              curves.charts[0].plot.style.height = '300px';
            }"""
        )
        ranges = "() => ['x', 'y'].map((axis) => curves.charts[0].plot._fullLayout[`${axis}axis`].range.map(Number))"

        def grow(*y: float) -> list[list[float]]:
            page.evaluate("y => grow(...y)", y)
            page.wait_for_function("count => curves.charts[0].plot.data?.[0]?.y.length === count", arg=len(y))
            return page.evaluate(ranges)

        def until_whole(low: float) -> None:
            page.wait_for_function(
                f"low => {{ const [, [from, to]] = ({ranges})(); return from < low && to > 1; }}", arg=low
            )

        assert grow(1, 0.5) != grow(1, 0.5, -0.1), "all of it is shown"
        area = page.locator(".nsewdrag").bounding_box()
        x, y = area["x"] + 50, area["y"] + 30

        def zoom() -> list[list[float]]:
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + 150, y + 90, steps=5)
            page.mouse.up()
            page.wait_for_function(f"() => ({ranges})()[1][0] > 0")
            return page.evaluate(ranges)

        zoomed = zoom()
        assert grow(1, 0.5, -0.1, -0.3) == grow(1, 0.5, -0.1, -0.3, -0.4) == zoomed
        page.mouse.dblclick(x, y)
        until_whole(-0.4)
        zoom()
        page.evaluate("lay('probability')")
        until_whole(-0.4)


class TestFigures:
    @pytest.mark.parametrize("names", [["first", "second"], ["second", "first"]])
    def test_the_focus_stays_when_another_one_comes(self, page, names):
        """Minutes can lie between two, and somebody reads the explanation of the first."""
        page.evaluate(
            """(names) => {
              const more = root.appendChild(document.createElement('div'));
              root.className = 'stage'; // explanations open there
              window.Plotly = {react: (plot) => { plot.on = () => {}; }};
              const figures = new code.Figures(more, '', () => {}, () => {});
              figures.layout(names);
              const said = {help: 'some help', gloss: '', note: '', words: ''};
              window.hear = (name) =>
                figures.hear({name, title: name, ...said, marks: [], figure: {data: [], layout: {}}});
            }""",
            names,
        )
        page.evaluate("hear('first')")
        page.get_by_role("button", name="Explanation").focus()
        page.evaluate("hear('second')")
        assert page.locator("figcaption b").all_inner_texts() == names
        assert page.evaluate("document.activeElement.closest('figure')?.ariaLabel") == "first"
        assert page.get_by_role("tooltip").inner_text() == "some help"

    def test_one_that_has_gone_is_not_drawn_any_more(self, page):
        """Though its drawing was due."""
        drawn = page.evaluate(
            """async () => {
              const drawn = [];
              window.Plotly = {purge: () => {}, react: (plot) => { drawn.push(plot.name); plot.on = () => {}; }};
              const figures = new code.Figures(root, '', () => {}, () => {});
              const words = {gloss: '', note: '', help: '', words: '', height: 0};
              const hear = (name) => {
                figures.hear({name, title: name, ...words, marks: [], figure: {data: [], layout: {}}});
                const one = figures.all.get(name);
                one.plot.name = name;
                return one;
              };
              const [one, other] = ['one', 'other'].map(hear);
              figures.layout(['other']);
              figures.move({});
              await Promise.all([one.last, other.last]);
              root.remove();
              hear('other');
              await other.last;
              return drawn;
            }"""
        )
        assert drawn == ["other"]

    def test_a_chart_is_as_high_as_it_was_last_said(self, page):
        """More methods need more rows, and fewer need fewer."""
        heights = page.evaluate(
            """async () => {
              window.Plotly = {react: (plot) => { plot.on = () => {}; }};
              const figures = new code.Figures(root, '', () => {}, () => {});
              const heights = [];
              for (const height of [0, 400, 300, 0]) {
                const words = {title: 'one', gloss: '', note: '', help: '', words: ''};
                figures.hear({name: 'one', ...words, height, marks: [], figure: {data: [], layout: {}}});
                await figures.all.get('one').last;
                heights.push(figures.all.get('one').plot.style.height);
              }
              return heights;
            }"""
        )
        assert heights == ["", "400px", "300px", ""]

    def test_points_that_a_click_opens_are_in_a_list_too(self, page):
        """A keyboard cannot click a point. The choice stays when further points come or one gets another name."""
        page.evaluate(
            """() => {
              window.Plotly = {react: (plot) => { plot.on = () => {}; }};
              window.opened = [];
              const figures = new code.Figures(root, '', (...what) => opened.push(what), () => {});
              const words = {name: 'one', title: 'one', gloss: '', note: '', help: '', words: '', height: 0};
              window.hear = (opens, ...all) => {
                const data = all.map((customdata) => ({customdata}));
                figures.hear({...words, opens, marks: [], figure: {data, layout: {}}});
              };
            }"""
        )
        button = page.get_by_role("button", name="Open this point")
        for opens, data in (("cell", [0, 1]), ("", [[7, "σ 0.5", "IG"]]), ("open", [])):
            page.evaluate("shown => hear(...shown)", [opens, data])
            assert button.is_hidden(), "no point is named, or opens anything"
        page.evaluate("hear('open', [[7, '', 'IG']], [[8, '', 'SG']])")
        page.get_by_label("Point").select_option("SG")
        page.evaluate("hear('open', [[7, '', 'IG'], [9, '', 'IG 2']], [[8, '', 'SG, faded']])")
        assert page.locator("option").all_inner_texts() == ["IG", "IG 2", "SG, faded"]
        button.focus()
        page.keyboard.press("Enter")
        assert page.evaluate("opened") == [["open", 8]]


class TestScrubs:
    def test_other_words_leave_it_where_it_is(self, page):
        """As on Sanity, where a switch counts its layers in another way."""
        page.evaluate(
            """() => {
              const [above, below] = [0, 1].map(() => root.appendChild(document.createElement('div')));
              window.scrubs = new code.Scrubs(above, below, () => {});
              const none = {said: [], tables: [], mix: [], shown: []};
              const stages = {values: ['0', '1', '2'], at: [0, 1, 2], start: 2, ...none};
              window.hear = (label, help) => scrubs.hear({name: 'stage', letter: 'k', label, help, ...stages});
              hear('from the output down', 'some help');
              scrubs.near('stage', 1);
            }"""
        )
        for label, help_ in (("the random layer", "some help"), ("the random layer", "other help")):
            page.evaluate("([label, help_]) => hear(label, help_)", [label, help_])
            assert page.get_by_role("slider", name=label).input_value() == "1"
            assert page.locator(".scrub .top").inner_text().startswith(label)
            assert page.locator(".help").get_attribute("aria-description") == help_

    def test_the_same_sentence_is_not_said_again(self, page):
        """It is read aloud when it changes. Each step of a path brings those of all places again."""
        page.evaluate(
            """() => {
              const scrubs = new code.Scrubs(root, root, () => {});
              const none = {label: '', help: '', tables: [], mix: [], shown: [], start: 0};
              const alpha = {name: 'alpha', letter: 'α', values: ['0', '1'], at: [0, 1], ...none};
              window.hear = (...said) => scrubs.hear({...alpha, said});
              hear('low', 'high');
              window.aloud = [];
              const look = (changes) => aloud.push(...changes.map(({target}) => target.textContent));
              const watch = {childList: true, characterData: true, subtree: true};
              new MutationObserver(look).observe(root.querySelector('.said'), watch);
            }"""
        )
        for here, there in (("low", "high"), ("low", "higher"), ("lower", "higher"), ("lower", "higher")):
            page.evaluate("said => hear(...said)", [here, there])
        assert page.evaluate("aloud") == ["lower"]


THEMES = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
# One curve of each style, in the colours of a theme: [name, colour of the line, of its marker, text, font] of each.
SHOWN = """async ([styles, page, ink]) => {
  root.style.cssText = `--page: ${page}; --ink: ${ink}`;
  let drawn;
  window.Plotly = {react: (plot, traces, layout) => { drawn = {traces, layout}; plot.on = () => {}; }};
  const curves = new code.Curves(root, '', () => {}, async () => true);
  const lines = Object.fromEntries(Object.entries(styles).map(([name, look]) => [name, [name, ...look]]));
  window.setTimeout = (act) => (window.act = act);
  curves.layout([{name: 'one', title: 'one', axes: {x: '', y: '', x_range: [0, 1], y_range: [0, 1]}}], lines, '');
  for (const name in lines) curves.curve({metric: 'one', name, x: [0, 1], y: [0, 1], ticks: []});
  await act();
  return drawn.traces.map(({title, line, marker}) => {
    const {text, font} = drawn.layout.annotations.find((one) => one.text.endsWith(` ${title}`));
    return [title, line.color, marker.color, text, font.color];
  });
}"""


# The colours of traces in a theme, as a chart of the server is drawn.
MADE = """async ([data, page, ink]) => {
  root.style.cssText = `--page: ${page}; --ink: ${ink}`;
  let drawn;
  window.Plotly = {react: (plot, traces) => { drawn = traces; plot.on = () => {}; }};
  const words = {name: 'one', title: 'one', gloss: '', note: '', help: '', words: '', height: 0, opens: ''};
  const figures = new code.Figures(root, '', () => {}, () => {});
  figures.hear({...words, marks: [], figure: {data, layout: {}}});
  await figures.all.get('one').last;
  return drawn;
}"""


class TestColours:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_charts_of_the_server_can_be_seen_too(self, page, theme):
        back, ink = (THEMES[theme][name] for name in ("backgroundColor", "textColor"))
        own = [colour for colour, *_ in STYLES.values()]
        band = {"line": {"color": BAND, "width": 0}, "fillcolor": BAND}
        lines = [{"line": {"color": colour, "dash": "dot"}, "marker": {"color": colour}} for colour in own]
        *drawn, bars, left, heat = page.evaluate(
            MADE, [[*lines, {"marker": {"color": own}}, band, {"z": [[1]]}], back, ink]
        )
        for colour, trace in zip(own, drawn, strict=True):
            assert contrast(trace["line"]["color"], back) >= 3, colour
            assert trace["line"]["color"] == colour or contrast(colour, back) < 3
            assert trace["marker"]["color"] == trace["line"]["color"]
            assert trace["line"]["dash"] == "dot"
        assert bars["marker"]["color"] == [trace["line"]["color"] for trace in drawn]
        assert left == band
        assert heat == {"z": [[1]]}

    @pytest.fixture(params=["light", "dark"])
    def shown(self, page, request):
        theme = THEMES[request.param]
        back, ink = theme["backgroundColor"], theme["textColor"]
        return back, ink, page.evaluate(SHOWN, [STYLES, back, ink])

    def test_names_at_the_ends_of_lines_can_be_read_and_lines_be_seen(self, shown):
        """A contrast of 4.5 for text and of 3 for lines, in both themes."""
        back, _, curves = shown
        assert [title for title, *_ in curves] == [*STYLES]
        for title, line, marker, text, font in curves:
            assert contrast(font, back) >= 4.5, title
            assert contrast(line, back) >= 3, title
            assert marker == line
            assert f'color:{line}"' in text, "the name has the mark of its line"

    def test_a_colour_that_can_be_seen_stays_as_it_is(self, shown):
        back, _, curves = shown
        own = {name: style[0] for name, style in STYLES.items()}
        assert {title for title, line, *_ in curves if line != own[title]} == {
            name for name, colour in own.items() if contrast(colour, back) < 3
        }


class TestKnobs:
    @pytest.fixture
    def typing(self, page):
        """Somebody has typed 1.5 into the box of a knob, and not left it yet."""
        page.evaluate(
            """knob => {
              window.released = [];
              window.knobs = new code.Knobs(root, () => {}, (values) => released.push(values), () => {}, () => {});
              window.come = (value) => knobs.show([{...knob, value}]);
              come(0.5);
              const box = root.querySelector('.top input');
              box.focus();
              Object.assign(box, {value: '1.5'}).dispatchEvent(new Event('input'));
            }""",
            KNOB,
        )
        return page

    BOX = "root.querySelector('.top input')"

    def test_an_answer_that_comes_late_leaves_what_is_typed(self, typing):
        typing.evaluate("come(0.31)")
        assert typing.evaluate(f"{self.BOX}.value") == "1.5"
        typing.evaluate(f"{self.BOX}.dispatchEvent(new Event('change'))")
        assert typing.evaluate("released") == [{"sigma": 1.5}]
        typing.evaluate("come(0.7)")
        assert typing.evaluate(f"{self.BOX}.value") == "0.70"

    def test_a_box_that_is_left_as_it_was_shows_what_came(self, typing):
        typing.evaluate("come(0.31)")
        typing.evaluate(f"{self.BOX}.blur()")
        assert typing.evaluate(f"[{self.BOX}.value, knobs.values.sigma]") == ["0.31", 0.31]
        assert typing.evaluate("released") == []

    @pytest.mark.parametrize(
        ("knob", "text", "value", "shown", "note"),
        [
            (KNOB, "0.3", 0.3, "0.30", ""),
            (KNOB, "0,3", 0.3, "0.30", ""),
            (KNOB, " ,3", 0.3, "0.30", ""),
            (KNOB, "9", 2, "2.00", "at most 2"),
            (KNOB, "-1", 0, "0.00", "at least 0"),
            (KNOB, "much", None, "0.50", "a number from 0 to 2"),
            (KNOB, "", None, "0.50", "a number from 0 to 2"),
            (WHOLE, "20", 20, "20", ""),
            (WHOLE, "700", 500, "500", "at most 500"),
            *(
                (WHOLE, text, None, "10", "a whole number from 1 to 500")
                for text in ("1,000", "1.000", "20.7", "15e-1")
            ),
            (KNOB, "0.375", 0.375, "0.375", ""),
            (KNOB, "0.12345", 0.12345, "0.1235", ""),
        ],
    )
    def test_what_is_typed_is_read_or_the_knob_says_why_not(self, typing, knob, text, value, shown, note):
        """A comma is a decimal point."""
        typing.evaluate("knob => knobs.show([knob])", knob)
        box = typing.get_by_role("spinbutton")
        box.fill(text)
        box.press("Enter")
        assert typing.evaluate("released") == ([] if value is None else [{knob["name"]: value}])
        assert box.input_value() == shown
        said = typing.locator(".knob > small[role=status]")
        assert said.text_content() == note
        last = knob["value"] if value is None else value
        typing.evaluate("knob => knobs.show([knob])", knob | {"value": last})
        assert said.text_content() == note, "the answer takes it not away"
        typing.evaluate("knob => knobs.show([knob])", knob | {"value": 1})
        assert said.text_content() == "", "it is about another value"

    def test_what_changes_nothing_on_screen_is_dimmed_and_says_why(self, page):
        page.evaluate("window.knobs = new code.Knobs(root, () => {}, () => {}, () => {}, () => {})")
        choice = KNOB | {"name": "baseline", "options": [{"value": "black", "label": "black"}], "value": "black"}
        for why in ("", "No method.", ""):
            page.evaluate("all => knobs.show(all)", [one | {"unused": why} for one in (KNOB, choice)])
            assert page.locator(".why").all_inner_texts() == [why, why], "seen, and not in a tooltip"
            turned = page.locator(".knob :is(input, .pictures button)").all()
            assert [one.is_disabled() for one in turned] == [bool(why)] * 3

    def test_arrow_keys_turn_it_by_a_step_to_its_ends(self, typing):
        box = typing.get_by_role("spinbutton")
        for key, value in (("ArrowUp", "1.51"), ("ArrowUp", "1.52"), ("ArrowDown", "1.51")):
            box.press(key)
            assert box.input_value() == value, "from what was typed"
        assert typing.evaluate("released") == [{"sigma": 1.51}, {"sigma": 1.52}, {"sigma": 1.51}]
        box.fill("2")
        for _ in range(2):
            box.press("ArrowUp")
        assert typing.evaluate("released.slice(3)") == [{"sigma": 2}]
        assert box.get_attribute("aria-valuenow") == "2"

    def test_each_of_two_sliders_that_are_moved_at_once_is_told(self, page):
        """By two fingers. What comes meanwhile moves neither of them."""
        page.evaluate(
            """knobs => {
              window.released = [];
              window.knobs = new code.Knobs(root, () => {}, (values) => released.push(values), () => {}, () => {});
              window.come = () => window.knobs.show(knobs);
              come();
            }""",
            [KNOB, WHOLE],
        )
        one, other = page.locator("input[type=range]").all()
        move = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }"
        one.evaluate(move, 1)
        other.evaluate(move, 20)
        page.evaluate("come()")
        assert [one.input_value(), other.input_value()] == ["1", "20"]
        one.evaluate(move, 1.5)
        assert page.evaluate("released") == [], "both are still held"
        for slider in (one, other):
            slider.dispatch_event("change")
        assert page.evaluate("released") == [{"sigma": 1.5}, {"samples": 20}]

    def test_of_several_knobs_one_that_there_is_is_open(self, page):
        """On a narrow screen one is shown: another baseline can take away the one that is looked at."""
        page.evaluate("window.knobs = new code.Knobs(root, () => {}, () => {}, () => {}, () => {})")
        sigma, samples, draws = (KNOB | {"name": name, "letter": name} for name in ("sigma", "samples", "draws"))
        without = draws | {"enabled": False}
        show, opened = "all => knobs.show(all)", page.locator(".knob.open b")
        page.evaluate(show, [samples, sigma, draws])
        assert opened.all_inner_texts() == ["sigma"]
        page.get_by_role("button", name="draws", exact=True).click()
        assert opened.all_inner_texts() == ["draws"]
        page.evaluate(show, [samples, sigma, without])
        assert opened.all_inner_texts() == ["sigma"]
        page.evaluate(show, [samples, sigma | {"enabled": False}, without])
        assert opened.all_inner_texts() == ["samples"]
        assert page.locator("[aria-pressed=true]").all_inner_texts() == ["samples"]


LINE = """
() => {
  window.waits = [];
  const timers = [];
  window.setTimeout = (act, wait) => (timers.push(act), waits.push(wait));
  window.again = () => timers.shift()();
  window.WebSocket = class {
    static OPEN = 1;
    constructor() { Object.assign(this, {readyState: 0, sent: []}); window.socket = this; }
    send(text) { this.sent.push(JSON.parse(text)); }
    open() { this.readyState = 1; this.onopen(); }
    hear(head) {
      const text = new TextEncoder().encode(JSON.stringify(head));
      const data = new Uint8Array(4 + text.length);
      new DataView(data.buffer).setUint32(0, text.length, true);
      data.set(text, 4);
      this.onmessage({data: data.buffer});
    }
    close(code = 1006, reason = '') { this.readyState = 3; this.onclose({code, reason}); }
  };
  window.said = [];
  window.line = new code.Line('', () => {}, (...all) => said.push(all.filter(Boolean)));
}"""


class TestLine:
    @pytest.fixture
    def line(self, page):
        page.evaluate(LINE)
        return page

    @pytest.mark.parametrize(("code", "state"), [(TRY_LATER, "refused"), (UNKNOWN, "unknown")])
    def test_one_that_is_refused_says_why_and_asks_again_slowly(self, line, code, state):
        """The server takes the socket and then closes it: an open socket alone is no success."""
        for _ in range(3):
            line.evaluate("code => { socket.open(); socket.close(code, 'the reason'); again(); }", code)
        assert line.evaluate("said") == [[state, "the reason"]] * 3
        assert line.evaluate("waits") == [10_000] * 3
        line.evaluate("socket.open(), socket.hear({part: 'layout'})")
        assert line.evaluate("said.pop()") == ["open"], "a place was free"

    def test_one_that_opens_and_brings_nothing_is_asked_for_more_and_more_slowly(self, line):
        for _ in range(4):
            line.evaluate("socket.open(), socket.close(), again()")
        assert line.evaluate("waits") == [250, 1000, 3000, 8000]
        assert line.evaluate("said") == [["cut"], ["cut"], ["none"], ["none"]]

    def test_one_that_brought_something_is_asked_for_again_at_once(self, line):
        for _ in range(4):
            line.evaluate("socket.open(), socket.hear({part: 'layout'}), socket.close(), again()")
        assert line.evaluate("waits") == [250] * 4
        assert line.evaluate("said") == [["open"], ["cut"]] * 4


class TestFirst:
    """The first page, which the script draws without knobs and without a line."""

    SHOW = """async ([script, data]) => {
      window.begin ??= (await import(URL.createObjectURL(new Blob([script], {type: 'text/javascript'})))).default;
      window.requests ??= [];
      const drawn = () => [...root.querySelectorAll('canvas')].filter(one => {
        const { data } = one.getContext('2d').getImageData(0, 0, one.width, one.height);
        return data.some((value, k) => k % 4 < 3 && value);
      }).length;
      const setTriggerValue = (name, values) => requests.push([name, values, drawn()]);
      const key = String(Math.random()); // Streamlit gives each element one of its own
      const heard = requests.at(-1)?.[1].number; // the script has heard all that it was told
      window.end = window.begin({data: {...data, heard}, parentElement: root, key, setTriggerValue});
      return requests.length;
    }"""

    def given(self, asks: str) -> list:
        held = example.load()
        usual = {"token": "", "page": "compare", "base": "/", "knobs": [], "flat": False, "stepped": "", "title": ""}
        first = stage.first(held.messages())
        return [
            stage.source()[0],
            {**usual, "first": first, "asks": asks, "palettes": held.about["palettes"], "plotly": "none.js"},
        ]

    def test_when_it_is_drawn_it_asks_once_for_a_run_of_the_script(self, page):
        given = self.given("live")
        assert page.evaluate(self.SHOW, given) == 0, "not before it is drawn"
        page.wait_for_function("requests.length")
        page.evaluate(self.SHOW, given)
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(() => setTimeout(done))))")
        ((name, values, drawn),) = page.evaluate("requests")
        assert (name, values["rerun"]) == ("release", "live")
        assert drawn >= len(example.load().maps)

    def test_when_it_comes_again_after_the_live_page_it_asks_again(self, page):
        """A tab that was away for long has another session, which begins with the first page."""
        for asks, requests in (("live", 1), ("", 1), ("live", 2)):
            page.evaluate(self.SHOW, self.given(asks))
            page.wait_for_function("count => requests.length === count", arg=requests)

    def test_maps_that_are_taken_off_the_page_can_still_be_drawn(self, page):
        """A change of the theme or of the size can come while Streamlit replaces the stage."""
        page.evaluate(self.SHOW, self.given("live"))
        page.wait_for_function("requests.length")
        off = "viewer => { viewer.frame.remove(); viewer.set({kind: 'signed'}); return viewer.state.kind; }"
        assert page.evaluate(f"() => ({off})({VIEWER})") == "signed"

    def test_the_display_of_a_page_is_as_it_was_left(self, page):
        page.evaluate(self.SHOW, self.given(""))
        page.evaluate(f"() => {VIEWER}.set({{kind: 'signed', colours: 'viridis'}})")
        page.evaluate("end()")
        script, data = self.given("")
        for name, found in (("sweep", ["absolute", "inferno"]), ("compare", ["signed", "viridis"])):
            page.evaluate(self.SHOW, [script, {**data, "page": name}])
            assert page.evaluate(f"() => [{VIEWER}.state.kind, {VIEWER}.state.colours]") == found
            page.evaluate("end()")

    def test_signed_maps_have_the_colours_of_the_theme(self, page):
        """It comes after the browser has told of it: Streamlit sets its colours."""
        page.add_style_tag(content=STYLE)
        page.evaluate(self.SHOW, self.given(""))
        page.wait_for_function(f"{VIEWER}.tiles.length")
        page.evaluate(f"() => {VIEWER}.set({{kind: 'signed'}})")
        made = f"{VIEWER}.tiles[1].made[4] === {VIEWER}.palettes[{VIEWER}.head.diverging[%r].join()]"
        page.wait_for_function(made % "on_light")
        page.evaluate("root.style.cssText = '--st-background-color: #0e1117; --st-text-color: #e8ecf2'")
        page.wait_for_function(made % "on_dark")

    def test_a_layout_of_another_size_waits_for_its_photo(self, page):
        page.evaluate(self.SHOW, self.given(""))
        page.wait_for_function(f"{VIEWER}.tiles.length")
        found = page.evaluate(
            """async () => {
              const stage = root.attributionStage, { head } = stage;
              const shown = async () => {
                await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
                return stage.viewer.head.photo.width;
              };
              const before = stage.viewer.head.photo.width;
              stage.hear({...head, part: 'layout', photo: {...head.photo, width: 32, height: 32}});
              const waiting = await shown();
              stage.hear({part: 'photo', bytes: new Uint8Array(3 * 32 * 32)});
              return [waiting === before, await shown()];
            }"""
        )
        assert found == [True, 32]

    def test_where_the_script_goes_on_by_itself_it_asks_nothing(self, page):
        page.evaluate(self.SHOW, self.given(""))
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(() => setTimeout(done))))")
        assert page.evaluate("requests") == []
