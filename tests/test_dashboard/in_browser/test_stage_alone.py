"""Knobs and curves of the stage in a real browser, without the app. Timers are stepped by hand."""

import pytest

from dashboard.cold_start import example
from dashboard.stage import stage

pytestmark = pytest.mark.browser

FILES = ("scale.js", "viewer.js", "knobs.js", "curves.js")
SCRIPT = "\n".join((stage.HERE / name).read_text() for name in FILES) + "\nexport { Curves, Knobs };"
BEGIN = """async (script) => {
  window.code = await import(URL.createObjectURL(new Blob([script], {type: 'text/javascript'})));
  window.root = document.body.appendChild(document.createElement('div'));
}"""
KNOB = {"name": "sigma", "letter": "σ", "label": "noise scale", "help": "", "low": 0.0, "high": 2.0, "step": 0.01}
KNOB |= {"value": 0.5, "options": [], "enabled": True, "file": ""}
CURVES = """
() => {
  const timers = [];
  window.setTimeout = (act) => timers.push(act);
  window.drawn = [];
  window.Plotly = {react: (plot) => { drawn.push(plot.name); plot.on = () => {}; }};
  window.busy = false;
  window.curves = new code.Curves(root, '', () => {}, () => busy);
  const axes = {x: '', y: '', x_range: [0, 1], y_range: [0, 1]};
  const charts = ['one', 'other'].map(name => ({name, title: name, axes}));
  curves.layout(charts, {map: ['Map', 'red', 'solid', 'circle']}, '');
  for (const {chart, plot} of curves.charts) plot.name = chart.name;
  // What is drawn until nothing is to be drawn any more, or in so many steps.
  window.steps = async (most = 9) => {
    drawn.length = 0;
    for (let k = 0; k < most && timers.length; k++) await timers.shift()();
    return [...drawn];
  };
  window.grow = (metric, y) => curves.curve({metric, name: 'map', x: y.map((_, k) => k), y, ticks: []});
}"""


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


class TestKnobs:
    @pytest.fixture
    def typing(self, page):
        """Somebody has typed 1.5 into the box of a knob, and not left it yet."""
        page.evaluate(
            """knob => {
              window.released = [];
              window.knobs = new code.Knobs(root, () => {}, (values) => released.push(values));
              window.come = (value) => knobs.show([{...knob, value}]);
              come(0.5);
              const box = root.querySelector('input[type=number]');
              box.focus();
              Object.assign(box, {value: '1.5'}).dispatchEvent(new Event('input'));
            }""",
            KNOB,
        )
        return page

    BOX = "root.querySelector('input[type=number]')"

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
      window.begin({data, parentElement: root, key: 'stage', setTriggerValue});
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
        assert (name, values) == ("release", {"rerun": "live"})
        assert drawn >= len(example.load().maps)

    def test_where_the_script_goes_on_by_itself_it_asks_nothing(self, page):
        page.evaluate(self.SHOW, self.given(""))
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(() => setTimeout(done))))")
        assert page.evaluate("requests") == []
