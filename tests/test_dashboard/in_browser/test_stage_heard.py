"""The whole stage in a real browser, without the app: what it shows of what it hears, and what it asks and tells."""

import numpy as np
import pytest
from pages import POLLING, hold, screen
from sources import ROOT
from tabs import SIZE

from dashboard.live.frames import map_message, pack
from dashboard.live.route import TRY_LATER, UNKNOWN
from dashboard.stage import pictures, stage

pytestmark = pytest.mark.browser

SIDE = 4
# The stage, with a socket and a Plotly that note what they are given. `drawn` waits until what is due is on the page.
BEGIN = """async ([script, data]) => {
  window.sent = [];
  window.told = [];
  window.WebSocket = class {
    static OPEN = 1;
    constructor() { this.readyState = 1; window.socket = this; }
    send(text) { sent.push(JSON.parse(text)); }
    close() { this.readyState = 3; }
  };
  window.URL = class extends URL {
    constructor(address, base) { super(address, base === 'null' ? 'http://nowhere' : base); }
  };
  window.purged = [];
  window.Plotly = {
    react: (plot) => Object.assign(plot, {data: [], on: () => {}}),
    purge: (plot) => purged.push(plot),
    Plots: {resize: () => {}},
  };
  const begin = (await import(URL.createObjectURL(new Blob([script], {type: 'text/javascript'})))).default;
  window.root = document.body.appendChild(document.createElement('div'));
  // The script has heard the last that it was told, or so many less.
  window.show = (knobs, {less = 0, ...more} = {}) => begin({
    data: {...data, knobs, heard: window.number - less, ...more}, parentElement: root, key: 'stage',
    setTriggerValue: (_, {number, ...values}) => { window.number = number; told.push(values); },
  });
  window.hear = (bytes) => socket.onmessage({data: new Uint8Array(bytes).buffer});
  window.drawn = async () => { for (let k = 0; k < 2; k++) await new Promise(requestAnimationFrame); };
}"""
STAGE = "root.attributionStage"
SIGMA = {"name": "sigma", "letter": "σ", "label": "noise scale", "help": "", "low": 0.0, "high": 2.0, "step": 0.01}
SIGMA |= {"value": 0.5, "options": [], "enabled": True, "unused": "", "file": "", "act": None}
SAMPLES = SIGMA | {"name": "samples", "letter": "R", "label": "samples", "low": 1, "high": 500, "step": 1, "value": 150}
PHOTOS = [{"value": name, "label": name, "picture": f"data:,{name}"} for name in ("cat", "coffee")]
PHOTO = SIGMA | {"name": "image", "letter": "Photo", "label": "", "value": "cat", "options": PHOTOS}
KNOBS = [SIGMA, SAMPLES, PHOTO]
METRIC, METHOD = "perturbation", "smoothgrad"
CURVE = f"{METRIC} {METHOD}"
TICKS = ["224", "112"]
SETTLED = {"part": "settled"}


def layout(tiles=(METHOD,), charts=(METRIC,), status="") -> bytes:
    words = {"title": "Photo", "gloss": "", "status": "", "words": "", "width": SIDE, "height": SIDE}
    axes = {"x": "", "y": "", "x_range": [0, 1], "y_range": [0, 1]}
    said = {"label": "", "reading": "", "note": "", "axes": axes}
    return pack(
        {
            "part": "layout",
            "photo": words,
            "tiles": [{"name": name, "title": name, "gloss": "", "status": status} for name in tiles],
            "charts": [{"name": name, "title": name, **said} for name in charts],
            "lines": {METHOD: [METHOD, "red", "solid", "circle"]},
        }
    )


def photo(grey: int = 0) -> bytes:
    return pack({"part": "photo"}, bytes([grey] * 3 * SIDE * SIDE))


def a_map(at: int, family: str = "of the cat", name: str = METHOD) -> bytes:
    """That of so many samples."""
    place = {"knob": "samples", "at": at, "family": family}
    return map_message(name, np.full((SIDE, SIDE), at), words="", measure="", **place)


def curve(done: bool = True) -> bytes:
    head = {"part": "curve", "metric": METRIC, "name": METHOD, "x": [0, 1], "y": [1, 0], "ticks": TICKS, "done": done}
    patches = {"replaced": [[0, 0]], "window": 1} if done else {}
    return pack({**head, **patches}, bytes(3))


def state(state: str = "done", **more) -> bytes:
    usual = {"draft": False, "share": 1, "text": state, "status": {METHOD: state}, "old": [], "errors": [], "lines": []}
    return pack({"part": "state", "state": state, **usual, "rerun": "", **more})


def hear(page, *messages: bytes | dict) -> None:
    """The stage hears these, and has drawn what it shows of them."""
    for message in messages:
        page.evaluate("hear", list(message if isinstance(message, bytes) else pack(message)))
    page.evaluate("drawn()")


def shown(page) -> list:
    """Of the map on screen: of how many samples it is, and what stands below it."""
    return page.evaluate(f"{STAGE}.viewer.head.maps.map(({{at, status}}) => [at, status])")


def turn(page, samples: int) -> None:
    """A hand moves R, and holds it."""
    thumb = page.get_by_role("slider", name="R, samples")
    thumb.evaluate("(thumb, value) => { thumb.value = value; thumb.dispatchEvent(new Event('input')); }", samples)
    page.evaluate("drawn()")


def let_go(page, samples: int) -> None:
    turn(page, samples)
    page.get_by_role("slider", name="R, samples").dispatch_event("change")


@pytest.fixture
def page(alone, request):
    """The stage, complete with R = 150."""
    with alone.lent(request.node) as opened:
        opened.goto("about:blank")
        data = {
            "token": "me",
            "page": "compare",
            "base": "/",
            "flat": False,
            "stepped": METRIC,
            "title": "",
            "asks": "",
        }
        opened.evaluate(BEGIN, [stage.source()[0], {**data, "first": [], "palettes": pictures.PALETTES, "plotly": ""}])
        opened.evaluate("knobs => { window.end = show(knobs); }", KNOBS)
        done = [a_map(at) for at in (*range(10, 150, 10), 150)]
        hear(opened, layout(), photo(), *done, curve(), state(curves=[CURVE]))
        assert shown(opened) == [[150, "done"]]
        yield opened


class TestHand:
    def test_a_slider_that_comes_back_to_where_it_was_is_let_go(self, page):
        """A browser tells of no change then. What was asked on the way is over, and the script can set the knob."""
        x, y = hold(page, "σ, noise scale")
        page.mouse.move(x + 20, y)
        page.mouse.move(x, y)
        assert page.evaluate(f"[{STAGE}.hands.held, told.length]") == ["sigma", 0]
        page.mouse.up()
        page.wait_for_function("told.length", polling=POLLING)
        assert page.evaluate("told") == [{"sigma": 0.5}]
        page.evaluate("knobs => show(knobs)", [SIGMA | {"value": 0.7}, SAMPLES, PHOTO])
        assert page.get_by_role("slider", name="σ").input_value() == "0.7"

    def test_other_pictures_leave_a_slider_in_the_hand(self, page):
        """As those of the baselines, when the photo is another one."""
        x, y = hold(page, "σ, noise scale")
        page.mouse.move(x + 20, y)
        other = PHOTO | {"options": [option | {"picture": "data:,other"} for option in PHOTOS]}
        page.evaluate("knobs => show(knobs)", [SIGMA, SAMPLES, other])
        assert page.locator(".pictures img").evaluate_all("all => all.map(one => one.src)") == ["data:,other"] * 2
        assert page.evaluate("told") == []
        page.mouse.move(x + 30, y)
        last = float(page.get_by_role("slider", name="σ").input_value())
        page.mouse.up()
        assert page.evaluate("told") == [{"sigma": last}]

    @pytest.mark.parametrize(
        "gone", [SIGMA | {"label": "noise"}, SIGMA | {"unused": "No method."}], ids=["gone", "dimmed"]
    )
    def test_a_slider_that_is_taken_away_is_let_go(self, page, gone):
        """Of one that came back to where it was, a browser tells nothing. The new one shows what the script says."""
        x, y = hold(page, "σ, noise scale")
        page.mouse.move(x + 20, y)
        page.mouse.move(x, y)
        page.evaluate("knobs => show(knobs)", [gone | {"value": 0.7}, SAMPLES, PHOTO])
        assert page.evaluate(f"[{STAGE}.hands.held, told]") == [None, [{"sigma": 0.5}]]
        assert page.get_by_role("slider", name="σ").input_value() == "0.7"
        page.mouse.up()

    def test_what_has_the_focus_keeps_it_when_the_knobs_are_others(self, page):
        page.get_by_role("button", name="coffee").focus()
        page.evaluate("knobs => show(knobs)", [SIGMA, PHOTO | {"options": [*PHOTOS, PHOTOS[0] | {"label": "mine"}]}])
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "coffee"

    def test_what_is_let_go_is_told_again_until_the_script_has_answered(self, page):
        """Of two things that it is told while it is busy, it gets the last one only."""
        box = page.get_by_role("spinbutton", name="σ")
        box.fill("0.7")
        box.press("Enter")
        page.evaluate(f"{STAGE}.viewer.chosen({{random: 'on'}})")
        page.get_by_role("button", name="coffee").click()
        all_told = {"sigma": 0.7, "random": "on", "image": "coffee"}
        assert page.evaluate("told.at(-1)") == all_told
        page.evaluate("knobs => show(knobs, {less: 1})", KNOBS)
        let_go(page, 200)
        assert page.evaluate("told.at(-1)") == all_told | {"samples": 200}, "the answer was an older one"
        page.evaluate("knobs => show(knobs)", KNOBS)
        page.get_by_role("button", name="cat").click()
        assert page.evaluate("told.at(-1)") == {"image": "cat"}

    def test_what_is_told_again_is_told_in_the_order_of_the_hand(self, page):
        """A point that is opened sets all knobs; one that is turned after it is another value of that setting."""
        for values in ({"sigma": 0.7}, {"open": 3}, {"sigma": 0.9}):
            page.evaluate(f"values => {STAGE}.release(values)", values)
        assert page.evaluate("Object.entries(told.at(-1))") == [["open", 3], ["sigma", 0.9]]

    @pytest.mark.parametrize("role", ["slider", "spinbutton"])
    def test_an_answer_to_an_older_step_leaves_the_knob_where_the_hand_has_put_it(self, page, role):
        """Each step of an arrow key is let go at once."""
        knob = page.get_by_role(role, name="σ")
        for _ in range(2):
            knob.press("ArrowUp")
        page.evaluate("knobs => show(knobs, {less: 1})", [SIGMA | {"value": 0.51}, SAMPLES, PHOTO])
        assert knob.input_value() == "0.52"
        knob.press("ArrowUp")
        assert page.evaluate("told") == [{"sigma": value} for value in (0.51, 0.52, 0.53)]
        page.evaluate("knobs => show(knobs)", [SIGMA | {"value": 0.6}, SAMPLES, PHOTO])
        assert float(knob.input_value()) == 0.6, "it has heard the last step"

    def test_the_answer_of_the_script_ends_what_was_still_to_be_asked(self, page):
        """Asked after it, it would be a draft of what is on screen already."""
        let_go(page, 200)
        turn(page, 300)
        let_go(page, 250)
        asked = "sent.map(({turn}) => turn?.samples).filter(Boolean)"
        assert page.evaluate(asked) == [200]
        hear(page, SETTLED, {"part": "answer", "number": 1})
        assert page.evaluate(asked) == [200]


class TestTurnedBack:
    """R, to maps that were received on the way."""

    def test_what_comes_meanwhile_does_not_take_the_place_of_the_map(self, page):
        hear(page, SETTLED, a_map(10, "of another sigma"), a_map(60, "of another sigma"), state("live"))
        turn(page, 20)
        hear(page, a_map(70, "of another sigma"))
        assert shown(page) == [[10, "the first 10 points"]]
        turn(page, 60)
        assert shown(page) == [[60, "the first 60 points"]]
        let_go(page, 60)
        hear(page, SETTLED, state("live"))
        assert shown(page) == [[60, "live"]]
        hear(page, a_map(80, "of another sigma"))
        assert shown(page) == [[80, "live"]], "the script has answered"

    def test_a_draft_on_the_way_is_over(self, page):
        turn(page, 200)
        hear(page, state("live", draft=True, status={METHOD: "draft"}), a_map(160))
        assert shown(page) == [[160, "draft"]]
        turn(page, 100)
        assert page.evaluate("sent.at(-1)") == {"drop": True}
        assert shown(page) == [[100, "the first 100 points"]]
        hear(page, a_map(150), state(curves=[CURVE]))
        assert shown(page) == [[100, "the first 100 points"]]
        turn(page, 150)
        assert shown(page) == [[150, "done"]]

    def test_a_method_that_is_gone_keeps_nothing(self, page):
        """Else it would have no map of another R, and a question would be asked."""
        hear(page, layout(tiles=(METHOD, "smooth_taylor")), a_map(5, name="smooth_taylor"), layout())
        assert page.evaluate(f"[...{STAGE}.received.keys()]") == [METHOD]
        turn(page, 20)
        assert page.evaluate("sent.some(({turn}) => turn)") is False


class TestAnotherPhoto:
    KEPT = f"[{STAGE}.curves.now, {STAGE}.curves.ghosts].map(Object.keys)"

    def test_curves_of_the_former_one_are_ghosts_until_the_work_is_over(self, page):
        assert page.evaluate(self.KEPT) == [[CURVE], []]
        hear(page, state("live", draft=True))
        assert page.evaluate(self.KEPT) == [[CURVE], []], "a draft says nothing of curves"
        hear(page, photo(9), state("live", curves=[]))
        assert page.evaluate(self.KEPT) == [[], [CURVE]]
        assert page.evaluate(f"{STAGE}.curves.ticks('{METRIC}')") == TICKS, "the axis stays too"
        hear(page, state("failed", curves=[]))
        assert page.evaluate(self.KEPT) == [[], []]

    def test_a_part_of_a_curve_is_no_ghost(self, page):
        hear(page, curve(done=False), state("live", curves=[]))
        assert page.evaluate(self.KEPT) == [[], [CURVE]]
        assert page.evaluate(f"{STAGE}.curves.ghosts['{CURVE}'].done"), "that of before still is"

    def test_it_has_no_regions_of_the_former_one(self, page):
        page.evaluate(f"{STAGE}.go(1)")
        page.evaluate("drawn()")
        instead = f"Boolean({STAGE}.viewer.head.maps[0].instead)"
        assert page.evaluate(instead)
        hear(page, photo(9))
        assert not page.evaluate(instead)
        hear(page, curve())
        assert page.evaluate(instead)

    def test_pictures_that_are_drawn_again_hide_the_alert(self, page):
        words = page.get_by_text("Pictures cannot be drawn in this browser")
        once = "viewer.show = () => { delete viewer.show; throw new Error('once'); };"
        page.evaluate(f"() => {{ const {{ viewer }} = {STAGE}; {once} }}")
        hear(page, photo(9))
        assert words.is_visible()
        hear(page, photo(8))
        assert not words.is_visible()


def test_maps_are_shown_before_a_chart_is_drawn(page):
    order = page.evaluate(
        f"""async () => {{
          const frames = [], order = [], {{curves, viewer}} = {STAGE};
          window.requestAnimationFrame = (act) => frames.push(act);
          viewer.show = () => order.push('maps');
          {STAGE}.pending = null;
          {STAGE}.soon();
          const drawn = curves.free().then(() => order.push('chart'));
          await new Promise((later) => setTimeout(later));
          for (const act of frames) act();
          await drawn;
          return order;
        }}"""
    )
    assert order == ["maps", "chart"]


def test_a_map_has_the_words_of_the_last_layout(page):
    """A pin that takes the place of another one has its name, and can have the same map, which is not sent again."""
    both = (METHOD, "pin 0")
    hear(page, layout(both, status="AUPC 1"), map_message("pin 0", np.ones((SIDE, SIDE)), words="", measure=""))
    assert shown(page)[1][1] == "AUPC 1"
    hear(page, layout(both, status="AUPC 2"))
    assert shown(page)[1][1] == "AUPC 2"


def test_what_the_script_offers_is_there_though_the_maps_came_before(page):
    """As all maps are there already, nothing else will be drawn."""
    tick = page.get_by_text("random network", exact=True)
    page.get_by_text("Display", exact=True).click()
    assert tick.is_hidden()
    hear(page, state(curves=[CURVE], checks={"page": "sanity", "on": False, "help": "some help"}))
    assert tick.is_visible()
    assert not tick.locator("input").is_checked()
    hear(page, state(curves=[CURVE]))
    assert tick.is_hidden()


class TestConnection:
    # The timers of the page, which are stepped by hand: `again(wait)` does at once what is to be done after so long.
    TIMERS = """() => {
      const timers = new Map();
      window.setTimeout = (act, wait) => { timers.set(act, wait); return act; };
      window.clearTimeout = (act) => timers.delete(act);
      window.again = (wait) => {
        for (const [act, after] of timers) if (after === wait) { timers.delete(act); return act(); }
        throw new Error(`nothing waits for ${wait} ms`);
      };
    }"""
    CUT = "socket.readyState = 3, socket.onclose({code: 1006, reason: ''})"

    def test_what_was_let_go_while_the_network_was_away_is_told_again_until_the_script_has_heard_it(self, page):
        page.evaluate(self.TIMERS)
        page.evaluate(self.CUT)
        let_go(page, 200)
        page.evaluate("again(250)")
        page.evaluate("told.length = sent.length = 0")
        hear(page, layout(), photo(), a_map(150), state())
        asked = "sent.map(({turn}) => turn?.samples).filter(Boolean)"
        assert page.evaluate("[told, " + asked + "]") == [[{"samples": 200}], [200]]
        hear(page, state("live", draft=True))
        assert page.evaluate("sent.at(-1).drop ?? false") is False, "the script has not answered"
        for wait in (2000, 4000):
            page.evaluate("again", wait)
        assert page.evaluate("told") == [{"samples": 200}] * 3
        page.evaluate("knobs => show(knobs)", [SIGMA, SAMPLES | {"value": 200}, PHOTO])
        page.evaluate("again(8000)")
        assert page.evaluate("told.length") == 3

    def test_what_is_not_heard_is_told_again_though_the_network_was_never_away(self, page):
        page.evaluate(self.TIMERS)
        let_go(page, 200)
        for wait in (30_000, 60_000):
            page.evaluate("again", wait)
        assert page.evaluate("told") == [{"samples": 200}] * 3

    def test_on_the_way_to_another_page_nothing_is_told_again(self, page):
        page.evaluate(self.TIMERS)
        let_go(page, 200)
        page.evaluate("window.streamlitVisit = {wait: () => 700}, again(30_000)")
        assert page.evaluate("told.length") == 1
        page.evaluate("window.streamlitVisit = {wait: () => 0}, again(700)")
        assert page.evaluate("told.length") == 2

    def test_a_stage_that_was_left_tells_nothing(self, page):
        page.evaluate(self.TIMERS)
        page.evaluate(f"window.left = {STAGE}, left.close(), left.release({{samples: 200}})")
        assert page.evaluate("told") == []

    def test_another_session_is_told_of_the_knobs_that_the_one_before_has_not_heard(self, page):
        """Of nothing else: what there was to open, or has ended, was of the session before."""
        let_go(page, 200)
        for values in ({"open": 3}, {"rerun": "R = 10"}):
            page.evaluate(f"values => {STAGE}.release(values)", values)
        page.evaluate("knobs => show(knobs, {token: 'another', heard: 0})", KNOBS)
        assert page.get_by_role("slider", name="R, samples").input_value() == "200"
        hear(page, layout(), photo(), a_map(150), state())
        assert page.evaluate("told.at(-1)") == {"samples": 200}

    def test_where_the_session_is_not_known_any_more_a_run_of_the_script_is_asked_for(self, page):
        """It brings the present session. Where there are too many viewers, it would bring nothing."""
        for code, told in ((TRY_LATER, []), (UNKNOWN, [{"rerun": "anew"}])):
            page.evaluate("code => socket.onclose({code, reason: 'the reason'})", code)
            assert page.evaluate("told") == told

    def test_a_hidden_tab_asks_for_the_run_that_the_end_of_the_work_needs(self, page):
        """It draws nothing. It asks once."""
        page.evaluate("window.requestAnimationFrame = () => {}")
        for draft in (False, True, False):
            page.evaluate("hear", list(state(draft=draft, rerun="σ = 0.3")))
            assert page.evaluate("told") == [{"rerun": "σ = 0.3"}]


def test_a_hand_that_types_is_announced(page):
    """So that what it asks for waits for no large batch."""
    page.evaluate("sent.length = 0")
    page.get_by_role("spinbutton", name="σ").press_sequentially("1")
    assert page.evaluate("sent") == [{"near": True}]


class TestWords:
    def test_the_question_mark_of_the_table_keeps_the_focus(self, page):
        """Its rows change all the time."""
        rows = [{"method": METHOD, "AUPC": number} for number in ("1", "2")]
        more = {"spent": "", "made": "", "columns": "what the columns are"}
        hear(page, state(table=rows[:1], **more))
        page.locator("caption .help").focus()
        hear(page, state(table=rows[1:], **more))
        assert page.locator("tbody").inner_text().split() == [METHOD, "2"]
        assert page.evaluate("document.activeElement.matches('caption .help')")
        hear(page, state(table=[row | {"gap": "0"} for row in rows], **more))
        assert page.locator("thead th").all_inner_texts() == ["method", "AUPC", "gap"]

    def test_only_another_state_is_read_aloud(self, page):
        """Of the work, and of the samples that are drawn until the map is settled."""
        where = [{"value": "28", "label": "at 28 cells"}]
        act = {"name": "settle", "label": "Until settled", "help": "", "options": where, "idle": "at most R = 500"}
        page.evaluate("knobs => show(knobs)", [SIGMA, SAMPLES | {"act": act}])
        page.evaluate(
            """() => {
              window.aloud = [];
              const look = (changes) => aloud.push(...changes.map(({target}) => target.textContent));
              const watch = {childList: true, characterData: true, subtree: true};
              const found = root.querySelectorAll('.rail :is(.state, .act) [role=status]');
              for (const one of found) new MutationObserver(look).observe(one, watch);
            }"""
        )

        def settling(live: bool, text: str) -> dict:
            return {"settling": {"side": "28", "live": live, "share": 0.5, "text": text}}

        for share in range(3):
            text = f"{share} samples"
            hear(page, state("live", share=share / 3, text=f"{share} of 3", **settling(True, text)))
            assert page.locator(".act > small").inner_text() == text
        hear(page, state("live", draft=True, text="draft", **settling(True, "4 samples")))
        hear(page, state(**settling(False, "settled after 5 samples")))
        drawn = ["Until settled: 0 samples", "Until settled: settled after 5 samples"]
        work = ["The work goes on.", "The work is complete."]
        assert page.evaluate("aloud") == [drawn[0], work[0], drawn[1], work[1]]


# The stage in the part of the page that Streamlit scrolls, with the style of the app.
IN_APP = """([stage, app]) => {
  for (const textContent of [stage, app]) {
    document.head.append(Object.assign(document.createElement('style'), {textContent}));
  }
  const main = document.body.appendChild(document.createElement('div'));
  const block = main.appendChild(document.createElement('div'));
  document.body.style.margin = 0;
  main.style.cssText = 'height: 100vh; overflow: auto';
  [main.dataset.testid, block.dataset.testid] = ['stMain', 'stMainBlockContainer'];
  block.append(root);
}"""
# Where each of these is once it was brought to the screen: by the focus, or a picture by a scroll.
BROUGHT = """all => all.filter((one) => one.checkVisibility() && !one.disabled).map((one) => {
  one.matches('canvas') ? one.scrollIntoView({block: 'nearest'}) : one.focus();
  const {top, bottom} = one.getBoundingClientRect();
  return [one.getAttribute('aria-label') ?? one.textContent, top, bottom];
})"""


class TestSmallWindow:
    @pytest.mark.parametrize(
        ("width", "height", "over"), [(320, 256, False), (667, 375, False), (390, 500, True), (390, 844, True)]
    )
    def test_the_knobs_hide_no_map_and_nothing_that_has_the_focus(self, page, width, height, over):
        """They lie over the foot of a narrow window, but not of a low one: a phone held sideways, a zoom of 400 %."""
        page.evaluate(IN_APP, [stage.source()[1], (ROOT / "dashboard" / "controls" / "style.css").read_text()])
        screen(page, (width, height, "light"))
        page.get_by_text("Display", exact=True).click()
        rail = page.locator(".rail")
        assert rail.evaluate("rail => getComputedStyle(rail).position") == ("fixed" if over else "static")
        end = rail.bounding_box()["y"] if over else height
        assert end > height / 3
        all_ = page.locator(".main :is(figure canvas[role=img], button, input, select, summary)")
        brought = all_.evaluate_all(BROUGHT)
        assert len(brought) > 20
        assert [name for name, top, bottom in brought if top < -1 or bottom > end + 1] == []
        screen(page, (*SIZE.values(), "light"))

    @pytest.mark.parametrize("width", [390, 800, 1280])
    def test_what_opens_below_the_maps_is_on_the_screen(self, page, width):
        """On the left it could not even be scrolled to."""
        page.evaluate(IN_APP, [stage.source()[1], (ROOT / "dashboard" / "controls" / "style.css").read_text()])
        screen(page, (width, 1000, "light"))
        for name in ("Display", "Keys"):
            page.get_by_text(name, exact=True).click()
            box = page.locator("details[open] .sheet").bounding_box()
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width
            page.get_by_text(name, exact=True).click()
        screen(page, (*SIZE.values(), "light"))


class TestEnd:
    def test_a_call_that_a_later_one_has_overtaken_ends_nothing(self, page):
        """Streamlit ends it when the later one has begun."""
        page.evaluate("knobs => { window.later = show(knobs); }", KNOBS)
        page.evaluate("end()")
        assert page.locator(".stage").count() == 1
        assert page.evaluate("socket.readyState") == 1
        page.evaluate(f"() => {{ window.curves = {STAGE}.curves; later(); }}")
        assert page.locator(".stage").count() == 0
        assert page.evaluate("[socket.readyState, curves.charts.length]") == [3, 0]
