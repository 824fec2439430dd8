"""The stage, in the running app: pictures follow the hand, and what a hand leaves is what is computed."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count as count_from

import PIL.Image
import pytest
from pages import (
    CLOCK,
    LONG,
    PATIENCE,
    POLLING,
    STAGE,
    chart,
    complete,
    drag,
    hold,
    maps,
    seen,
    settled,
    slider,
    to_the_top,
    until_another,
    until_at,
    until_under,
    visit,
)
from playwright.sync_api import Page, expect

from dashboard.live.hub import HUB

pytestmark = pytest.mark.browser

NO_LINE = """
window.WebSocket = class extends WebSocket {
  constructor(address, ...rest) { super(String(address).replace('/live/', '/nowhere/'), ...rest); }
};
"""


def count(page: Page) -> None:
    """Begins to count."""
    page.evaluate("Object.assign(told, {script: 0, asked: [], near: [], heard: []})")


@contextmanager
def touched(page: Page) -> Iterator[None]:
    """The screen is one that is touched."""
    tools = page.context.new_cdp_session(page)
    tools.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    yield
    tools.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    tools.detach()


def begin(page: Page, query: str, label: str) -> tuple[dict[str, dict], float, float]:
    """Opens an experiment, and takes the thumb of a slider: the maps, and where the thumb is."""
    visit(page, query)
    complete(page)
    before = maps(page)
    x, y = hold(page, label)
    count(page)
    return before, x, y


def test_the_first_stop_of_the_tab_key_leads_to_the_maps(page):
    visit(page, "r=4&m=4")
    complete(page)
    to_the_top(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the maps")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#maps")).to_be_focused()
    assert page.evaluate("streamlitVisit.wait()") == 0, "no page is to come, and nothing waits for one"


def test_a_hand_is_announced_before_it_moves_a_knob_and_as_long_as_it_holds_it(page):
    """So that its first question waits for no large batch."""
    visit(page, "r=4&m=4")
    complete(page)
    page.evaluate(
        """() => {
          const [begin, end] = [setInterval, clearInterval];
          window.repeated = new Set();
          window.setInterval = (act, every) => {
            const one = begin(act, every);
            if (every === 500) repeated.add(one);
            return one;
          };
          window.clearInterval = (one) => { repeated.delete(one); end(one); };
        }"""
    )
    thumb = slider(page, "σ, noise scale")
    page.mouse.move(0, 0)
    count(page)
    thumb.hover()
    page.wait_for_function("told.near.length === 1")
    page.mouse.down()
    page.wait_for_function("told.near.length >= 4", polling=POLLING)
    assert page.evaluate("repeated.size") == 1
    page.mouse.up()
    page.wait_for_function("repeated.size === 0")
    page.mouse.down()
    page.wait_for_function("repeated.size === 1")
    taken = thumb.evaluate_handle("slider => ({ slider, from: slider.parentNode, before: slider.nextSibling })")
    taken.evaluate("({ slider }) => slider.remove()")
    page.wait_for_function("repeated.size === 0")
    taken.evaluate("({ slider, from, before }) => from.insertBefore(slider, before)")
    page.mouse.up()


def test_maps_follow_the_hand(page):
    """While it drags: drafts of the maps of sigma, and no run of the script. When it lets go: one."""
    before, x, y = begin(page, "r=40&m=4&seed=51", "σ, noise scale")
    page.mouse.move(x + 30, y, steps=4)
    for method in ("SmoothGrad", "SmoothTaylor"):
        until_another(page, method, before[method]["mark"])
    page.wait_for_function("told.heard.some((head) => head.part === 'answer')", polling=POLLING, timeout=PATIENCE)
    assert page.locator(".stage").get_attribute("data-state") == "draft"
    until_under(page, "SmoothGrad", "draft|complete")
    assert page.evaluate("told.script") == 0
    assert "sigma" not in page.url
    heard = page.evaluate("told.heard.map((head) => `${head.part} ${head.name ?? ''}`)")
    assert "map integrated_gradients" not in heard, "its knobs were not turned"
    page.mouse.up()
    until_at(page, "sigma=")
    complete(page)
    assert page.evaluate("told.script") == 1
    value = slider(page, "σ, noise scale").input_value()
    assert float(re.search(r"sigma=([\d.]+)", page.url)[1]) == float(value), "what is shown is what is computed"
    assert maps(page)["Integrated Gradients"] == before["Integrated Gradients"]


FRESH = count_from(570)
"""A seed for each try: the second one finds no draft that the first one left on the server."""
SOON = "() => new Promise((done) => setTimeout(() => requestAnimationFrame(() => setTimeout(done))))"
"""What is due is done."""
# What a tile shows from now on, at each change: whether it is faded, and what stands below it.
TILES = """() => {
  window.tiles = {};
  for (const figure of document.querySelectorAll('.viewer figure')) {
    const [canvas, note] = ['canvas[role=img]', '.note'].map((one) => figure.querySelector(one));
    const seen = (tiles[figure.querySelector('b').textContent] = []);
    const look = () => seen.push([getComputedStyle(canvas).opacity, note.textContent]);
    look();
    new MutationObserver(look).observe(figure, {subtree: true, childList: true, characterData: true,
      attributes: true, attributeFilter: ['class']});
  }
}"""


def test_no_tile_blinks_while_a_knob_is_dragged(page):
    """The last draft stays as it is until the next one comes; the map of another knob's method does so all the time."""
    _, x, y = begin(page, f"r=60&m=4&seed={next(FRESH)}&{LONG}", "σ, noise scale")
    page.evaluate(TILES)
    for step in range(1, 6):
        page.mouse.move(x + 12 * step, y)
        page.wait_for_function(f"told.asked.length === {step} && !{STAGE}.line.unanswered", polling=POLLING)
    until_under(page, "SmoothGrad", "draft|complete")
    tiles = page.evaluate("tiles")
    page.mouse.up()
    assert {opacity for seen in tiles.values() for opacity, _ in seen} == {"1"}
    assert len(tiles["Integrated Gradients"]) == 1
    for title in ("SmoothGrad", "SmoothTaylor"):
        words = [text for _, text in tiles[title]]
        assert all(re.match(r"complete: 60 points|draft \d+/60", text) for text in words), words
        assert any(text.startswith("draft") for text in words)


def test_one_question_is_in_flight_and_the_newest_comes_next(page):
    _, x, y = begin(page, f"r=40&m=4&seed=52&{LONG}", "σ, noise scale")
    for step in range(1, 31):
        page.mouse.move(x + 2 * step, y)
    last = float(slider(page, "σ, noise scale").input_value())
    page.wait_for_function(f"told.asked.some(({{turn}}) => turn?.sigma === {last})", polling=POLLING, timeout=PATIENCE)
    asked = page.evaluate("told.asked.map(({turn}) => turn.sigma)")
    page.wait_for_function(
        f"told.heard.filter((head) => head.part === 'answer').length === {len(asked)}",
        polling=POLLING,
        timeout=PATIENCE,
    )
    assert len(asked) < 30, "questions that nobody waits for any more are not asked"
    page.mouse.up()


def test_turning_r_back_asks_nobody(page):
    """The maps of fewer samples were received on the way."""
    before, x, y = begin(page, "r=60&m=4&seed=53", "R, samples")
    page.mouse.move(x - 8, y, steps=2)
    until_another(page, "SmoothGrad", before["SmoothGrad"]["mark"])
    assert page.evaluate("told.asked") == []
    page.mouse.up()
    samples = slider(page, "R, samples").input_value()
    until_at(page, rf"r={samples}(&|$)")
    until_under(page, "SmoothGrad", settled(samples))


def test_what_is_typed_is_asked_on_the_line_too(page):
    """It answers before the script, with maps that the server still has."""
    visit(page, "r=4&m=4&seed=54")
    complete(page)
    count(page)
    box = page.get_by_role("spinbutton", name="σ, exact value")
    for sigma in ("0.37", "0.5"):
        box.fill(sigma)
        box.press("Enter")
        until_at(page, "sigma=0.37" if sigma == "0.37" else r"^(?!.*sigma=)")
    assert [turn["sigma"] for turn in page.evaluate("told.asked.map(({turn}) => turn).filter(Boolean)")] == [0.37, 0.5]


def test_two_things_at_once_both_come_to_the_script(page):
    """Streamlit gives it the last one only of what it is told while it is busy."""
    visit(page, "r=4&m=4&seed=54")
    complete(page)
    box = page.get_by_role("spinbutton", name="σ, exact value")
    box.fill("0.37")
    photo = page.get_by_role("button", name="coffee").element_handle()
    box.evaluate("(box, photo) => { box.dispatchEvent(new Event('change')); photo.click(); }", photo)
    until_at(page, r"(?=.*img=coffee)(?=.*sigma=0\.37)")


def test_a_hand_that_lets_go_early_can_drag_again(page):
    """The question of the first drag is answered, although what the script shows came sooner."""
    _, x, y = begin(page, f"r=60&m=4&seed=55&{LONG}", "σ, noise scale")
    page.mouse.move(x + 30, y)
    page.mouse.up()
    until_at(page, "sigma=")
    hold(page, "σ, noise scale")
    page.evaluate("told.asked = []")
    page.mouse.move(x + 60, y)
    page.wait_for_function("told.asked.some(({turn}) => turn)", timeout=PATIENCE)
    page.mouse.up()


@pytest.mark.parametrize("answered", [True, False])
def test_a_line_that_is_cut_in_mid_drag_asks_again_for_what_the_hand_holds(page, answered):
    """Once, also if nothing was left to answer: the server forgot the draft with the line."""
    _, x, y = begin(page, f"r=60&m=4&seed=56&{LONG}", "σ, noise scale")
    page.mouse.move(x + 30, y)
    page.wait_for_function("told.asked.length > 0", polling=POLLING)
    if answered:
        page.wait_for_function(f"!{STAGE}.line.unanswered", polling=POLLING, timeout=PATIENCE)
    sigma = float(slider(page, "σ, noise scale").input_value())
    page.evaluate("dropped.filter(({live}) => live).at(-1).close()")
    page.wait_for_function(f"{STAGE}.line.tries === 1", polling=POLLING)
    count(page)
    page.wait_for_function("told.heard.some(({part}) => part === 'answer')", polling=POLLING, timeout=PATIENCE)
    until_under(page, "SmoothGrad", "draft|complete")
    assert [turn["sigma"] for turn in page.evaluate("told.asked.map(({turn}) => turn)")] == [sigma]
    heard = page.evaluate("told.heard.map(({part}) => part)")
    assert [heard.count(part) for part in ("layout", "photo", "answer")] == [1, 1, 1]
    assert page.locator(".stage").get_attribute("data-state") == "draft"
    page.mouse.up()
    until_at(page, f"sigma={sigma:g}")
    complete(page)
    assert page.evaluate("told.script") == 1


# What is done again and again follows the clock too.
REPEATED = """
const repeated = new Map();
window.setInterval = (act, every = 0, ...given) => {
  const id = setTimeout(() => {});
  const again = () => { repeated.set(id, setTimeout(again, every)); act(...given); };
  repeated.set(id, setTimeout(again, every));
  return id;
};
window.clearInterval = (id) => clearTimeout(repeated.get(id) ?? id);
"""
HOUR = 3_600_000


def test_a_page_that_has_nothing_running_says_and_hears_nothing(own_tab):
    """On neither socket, after a hand was there. What was planned for the next hour would be done at once."""
    page = own_tab
    page.add_init_script(f"(() => {{{CLOCK}{REPEATED}}})()")
    _, x, y = begin(page, f"r=4&m=4&seed={next(FRESH)}", "σ, noise scale")
    page.mouse.move(x + 30, y)
    page.wait_for_function("told.heard.some(({part}) => part === 'answer')", polling=POLLING, timeout=PATIENCE)
    page.mouse.up()
    until_at(page, "sigma=")
    complete(page)
    page.mouse.move(0, 0)
    page.wait_for_function(f"!{STAGE}.line.unanswered && !{STAGE}.awaited", polling=POLLING)
    page.evaluate(f"putForward({HOUR})")  # what the page still had to do after the drag
    page.evaluate(SOON)
    count(page)
    page.evaluate(f"putForward({HOUR})")
    page.evaluate(SOON)
    assert page.evaluate("told") == {"script": 0, "asked": [], "near": [], "heard": []}


def test_an_exact_value_is_typed(page):
    visit(page, "r=4&m=4")
    complete(page)
    box = page.get_by_role("spinbutton", name="σ, exact value")
    box.fill("0.37")
    box.press("Enter")
    until_at(page, "sigma=0.37")
    assert slider(page, "σ, noise scale").input_value() == "0.37"
    box.fill("17")
    box.press("Enter")
    until_at(page, "sigma=2")
    expect(box).to_have_value("2.00")


def test_n_is_there_for_noise_baselines_alone(page):
    visit(page, "r=4&m=4")
    complete(page)
    assert not slider(page, "N, noise baselines").is_visible()
    page.get_by_role("button", name="uniform noise").click()
    seen(slider(page, "N, noise baselines"))
    complete(page)
    page.get_by_role("button", name="coffee").click()
    seen(page.get_by_text("predicted: espresso"))
    until_at(page, "img=coffee")


@pytest.mark.parametrize(("size", "scheme"), [((1280, 720), "light"), ((1440, 900), "dark")])
def test_knobs_maps_and_curves_are_in_one_view(page, size, scheme):
    """Without scrolling. The thing to drag is the largest control."""
    visit(page, "r=4&m=4", on=(*size, scheme))
    complete(page)
    charts = [chart(page, title).locator(".plot") for title in ("Perturbation curve", "Multi-scale total variation")]
    for plot in charts:
        seen(plot.locator(".scatterlayer .trace").first)
    shown = [
        *page.locator(".stage .knob:visible").all(),
        *page.locator(".stage figure canvas[role=img]").all(),
        *charts,
        page.get_by_role("button", name="Stop"),
        page.get_by_role("button", name="Export"),
    ]
    assert len(shown) == 5 + 4 + 2 + 2
    for one in shown:
        box = one.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= size[1], one
        assert box["x"] + box["width"] <= size[0], one


def test_on_a_phone_knob_and_maps_are_in_one_view(page):
    with touched(page):
        visit(page, "r=4&m=4", on=(390, 844, "light"))
        complete(page)
        rail = page.locator(".stage .rail").bounding_box()
        for canvas in page.locator(".stage figure canvas[role=img]").all():
            box = canvas.bounding_box()
            assert box["y"] + box["height"] <= rail["y"]
        assert slider(page, "σ, noise scale").bounding_box()["height"] >= 44
        page.get_by_role("button", name="M", exact=True).click()
        seen(slider(page, "M, steps"))
        expect(slider(page, "σ, noise scale")).to_be_hidden()


def test_without_a_line_there_is_a_sentence_and_a_way_out(own_tab):
    page = own_tab
    page.add_init_script(NO_LINE)
    visit(page, "r=4&m=4")
    seen(page.get_by_text("This network lets no live pictures through."))
    page.get_by_role("link", name="Show plain images instead").click()
    seen(page.get_by_text(re.compile("complete|Show what has come")).first)
    until_at(page, "r=4&m=4.*viewer=static")


@pytest.mark.usefixtures("anew")
def test_a_line_that_the_server_refuses_says_why_and_the_way_out(page):
    visit(page, "r=4&m=4")
    complete(page)
    page.evaluate(
        f"""async () => {{
          const line = {STAGE}.line;
          line.connect = () => {{}}; // until others have all places
          line.socket.close();
          window.others = [];
          while (others.length < {HUB.each}) await new Promise((over) => {{
            const socket = new WebSocket(line.address);
            socket.binaryType = 'arraybuffer';
            socket.onmessage = () => over(others.includes(socket) || others.push(socket));
            socket.onclose = over;
          }});
          clearTimeout(line.timer);
          delete line.connect;
          line.connect();
        }}"""
    )
    words = f"No live pictures for now: a session has {HUB.each} viewers at most. Show plain images instead."
    expect(page.get_by_role("alert").filter(has_text="No live pictures")).to_have_text(words)
    way = page.get_by_role("link", name="Show plain images instead")
    expect(way).to_have_attribute("href", re.compile("r=4&m=4.*viewer=static"))
    page.evaluate("others.forEach((socket) => socket.close())")
    expect(way).to_be_hidden()


def test_what_is_given_up_is_not_computed(page):
    """A drag over many values of sigma leaves the last one to compute, and nothing else."""
    visit(page, "r=60&m=4&seed=54")
    complete(page)
    drag(page, "σ, noise scale", "ArrowRight", 3)
    until_at(page, "sigma=0.53")
    complete(page)
    expect(slider(page, "σ, noise scale")).to_have_attribute("aria-valuetext", "0.53")


def test_a_scrub_asks_nobody(page):
    """Moving along a path that is computed: pictures, words and charts follow, without a question."""
    visit(page, "r=2&m=8&own=guided_ig.steps:3", "path", "What happens on the way?")
    complete(page)
    seen(page.get_by_text(re.compile("α = 0.5 · logit")))
    before = maps(page)
    count(page)
    drag(page, "position on the path", "ArrowRight", 2)
    seen(page.get_by_text(re.compile("α = 0.75 · logit")))
    until_another(page, "Gradient", before["Gradient"]["mark"])
    assert maps(page)["Complete map"] == before["Complete map"]
    line = chart(page, "Completeness").locator(".shapelayer path").last
    assert line.bounding_box()["x"] > chart(page, "Completeness").locator(".plot").bounding_box()["width"] / 2
    assert page.evaluate("[told.script, told.asked.length, told.heard.length]") == [0, 0, 0]


def test_an_own_photo_is_one_click_away(page):
    visit(page, "r=2&m=2")
    complete(page)
    buffer = io.BytesIO()
    PIL.Image.effect_mandelbrot((300, 260), (-2, -1.5, 1, 1.5), 60).convert("RGB").save(buffer, "PNG")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Your own photo", exact=True).click()
    chooser.value.set_files({"name": "mine.png", "mimeType": "image/png", "buffer": buffer.getvalue()})
    until_at(page, "img=upload")
    expect(page.get_by_role("button", name="your photo", exact=True)).to_have_attribute("aria-pressed", "true")
    complete(page)


def test_a_browser_without_canvases_gets_a_line_and_a_way_out(own_tab):
    page = own_tab
    page.add_init_script("delete window.OffscreenCanvas")
    visit(page, "r=4&m=4")
    seen(page.get_by_text("Pictures cannot be drawn in this browser"))
    expect(page.get_by_role("link", name="Show plain images instead")).to_have_attribute(
        "href", re.compile("viewer=static")
    )
    page.set_viewport_size({"width": 900, "height": 800})  # pictures that are there are drawn again
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
