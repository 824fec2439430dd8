"""The running app in a real browser: maps appear, only what changed moves, uploads, Stop."""

import base64
import io
import re
import time

import numpy as np
import PIL.Image
import pytest
from pages import (
    AT_REST,
    LONG,
    PATIENCE,
    chart,
    choose,
    complete,
    drag,
    maps,
    screen,
    seen,
    settings,
    settled,
    until_another,
    until_at,
    visit,
)
from playwright.sync_api import Page, expect
from serving import WHOLE

pytestmark = pytest.mark.browser

METHODS = ("Integrated Gradients", "SmoothGrad", "SmoothTaylor")


def moved(page: Page, before: dict[str, dict], *methods: str) -> None:
    """Waits until these maps are others, and everything is whole."""
    for method in methods:
        until_another(page, method, before[method]["mark"])
    complete(page)


def photo(**options) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.effect_mandelbrot((640, 480), (-2, -1.5, 1, 1.5), 60).convert("RGB").save(buffer, "JPEG", **options)
    return buffer.getvalue()


def test_a_session(page):
    """Open, wait for three maps, change sigma: two maps change and one does not blink; then the baseline: the one."""
    visit(page)
    complete(page)
    first = maps(page)
    assert list(first) == list(METHODS)
    assert all(shown["colours"] > 20 for shown in first.values()), "a map is blank"
    path, *noisy = (shown["status"] for shown in first.values())
    assert path == "complete: 8 points"
    assert all(re.search(settled(24), status) for status in noisy)
    # The random orders have a line and the two edges of their band.
    for title, count in (("Perturbation curve", 3 + 3), ("Multi-scale total variation", 3)):
        expect(chart(page, title).locator(".scatterlayer .trace")).to_have_count(count)

    untouched = page.locator(".viewer canvas[role=img]").nth(1).element_handle()
    untouched.evaluate("canvas => { canvas.dataset.seen = '1' }")
    drag(page, "σ, noise", "PageUp")
    until_at(page, r"sigma=0\.\d+")
    moved(page, first, "SmoothGrad", "SmoothTaylor")
    second = maps(page)
    assert second["Integrated Gradients"] == first["Integrated Gradients"]
    assert untouched.evaluate("canvas => canvas.isConnected && canvas.dataset.seen") == "1", "the untouched map blinked"

    page.get_by_role("button", name="white", exact=True).click()
    until_at(page, "base=white")
    moved(page, second, "Integrated Gradients")
    third = maps(page)
    assert third["SmoothGrad"] == second["SmoothGrad"]
    assert third["SmoothTaylor"] == second["SmoothTaylor"]


WATCH = """
window.seen = {least: Infinity, broken: 0};
const look = () => {
  const lines = document.querySelectorAll('.stage .chart .scatterlayer .trace').length;
  if (lines || window.seen.least < Infinity) window.seen.least = Math.min(window.seen.least, lines);
  for (const image of document.images) window.seen.broken += image.complete && !image.naturalWidth;
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def test_nothing_blinks_while_curves_grow(own_tab):
    """In no frame of the whole run is there an empty chart where there was a curve, or a picture that is not there."""
    page = own_tab
    page.add_init_script(f"addEventListener('DOMContentLoaded', () => {{{WATCH}}})")
    visit(page, f"r=12&m=4&seed=3&{LONG}")
    complete(page)
    assert page.evaluate("window.seen") == {"least": page.evaluate("Math.max(1, window.seen.least)"), "broken": 0}


def test_uploads(page):
    """A photo is explained; a broken file is one line, and the maps stay. Above 1 MB nothing is spooled to disk."""
    visit(page)
    complete(page)
    before, sidebar = maps(page), settings(page)
    chooser = page.get_by_test_id("stFileUploader").locator("input[type=file]")
    chooser.set_input_files({"name": "<b>evil</b>.jpg", "mimeType": "image/jpeg", "buffer": b"no photo at all"})
    seen(page.get_by_test_id("stMain").get_by_text("is not an image that can be read"))
    assert maps(page) == before
    assert page.locator("b", has_text="evil").count() == 0

    chooser.set_input_files({"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    expect(page.get_by_test_id("stMain").get_by_text("is not an image that can be read")).to_have_count(0)
    own = sidebar.get_by_role("radio", name="your photo", exact=True)
    seen(own)
    assert own.locator("img").bounding_box()["width"] > 40, "the gallery shows pictures, not words"
    moved(page, before, *METHODS)
    until_at(page, "img=upload")
    page.get_by_role("button", name="Link", exact=True).click()
    expect(page.get_by_test_id("stPopoverBody").locator("code")).not_to_contain_text("img=")


def test_stop_keeps_what_there_is(page):
    visit(page, f"r=500&m=500&seed=7&{LONG}")
    seen(page.get_by_text(re.compile(r"draft \d+/500")).first)
    page.get_by_role("button", name="Stop").click()
    seen(page.get_by_role("button", name="Continue"))
    assert maps(page)["Integrated Gradients"]["colours"] > 20
    reached = stopped_at(page)
    page.get_by_role("button", name="Continue").click()
    seen(page.get_by_text(re.compile(r"draft \d+/500")).first)
    draft = int(re.search(r"draft (\d+)/500", page.get_by_text(re.compile(r"draft \d+/500")).first.inner_text())[1])
    assert draft >= reached, "it must go on where it was"
    page.get_by_role("button", name="Stop").click()


def stopped_at(page: Page) -> int:
    """Where the methods stopped, when all have: the fewest samples or steps of a method."""
    stopped = page.get_by_text(re.compile(r"stopped at \d+/500"))
    seen(stopped.first)
    expect(page.get_by_text(re.compile(r"draft \d+/500"))).to_have_count(0, timeout=PATIENCE)
    return min(int(re.search(r"stopped at (\d+)/500", text)[1]) for text in stopped.all_inner_texts())


def test_the_page_answers_while_the_processor_is_busy(page):
    """A new setting replaces a long run: its drafts appear although thousands of passes were still to come."""
    visit(page, f"r=500&m=500&seed=8&eval=paper&model={WHOLE}")
    seen(page.get_by_text(re.compile(r"draft \d+/500")).first)
    drag(page, "M, steps", "Home")
    seen(page.get_by_text("complete: 1 point", exact=True))
    page.get_by_role("button", name="Stop").click()


def test_another_class_is_found_by_typing(page):
    visit(page, "r=4&m=4")
    complete(page)
    settings(page)
    choose(page, "Class to explain", "espresso")
    seen(page.get_by_text("explained: espresso"))
    until_at(page, "cls=967")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (380, "dark")])
def test_it_fits_every_screen(page, width, scheme):
    """Nothing is wider than the screen; every picture is described; the maps can be seen."""
    visit(page, "r=4&m=4", on=(width, 900, scheme))
    complete(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("[data-testid=stMain]").evaluate("main => main.scrollWidth") <= width
    for canvas in page.locator("figure canvas[role=img]").all():
        assert canvas.get_attribute("aria-label")
        assert canvas.bounding_box()["width"] >= 150
    background = page.locator("[data-testid=stApp]").evaluate("app => getComputedStyle(app).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(14, 17, 23)")


# The names of the pages and the buttons of Compare over which something lies, at the end of the page.
COVERED = """() => {
  document.querySelector("[data-testid=stMain]").scrollTo(0, 1e6);
  const all = document.querySelectorAll("[data-testid=stHeader] a, .st-key-compare-actions button");
  const seen = [...all].filter((one) => one.offsetWidth);
  const covered = ({ left, right, top, bottom }, one) => [left + 4, (left + right) / 2, right - 4].some(
    (x) => !one.contains(document.elementFromPoint(x, (top + bottom) / 2)));
  return [seen.length, seen.filter((one) => covered(one.getBoundingClientRect(), one)).map((one) => one.textContent)];
}"""
PAGES, BUTTONS = 7, 4


def test_on_a_phone_its_buttons_can_be_reached(own_tab):
    """Whichever knob is open below. The browser keeps a sidebar open that another test has opened."""
    page = own_tab
    visit(page, "r=4&m=4", on=(390, 844, "light"))
    complete(page)
    if page.get_by_test_id("stSidebar").get_attribute("data-collapsed") == "false":
        page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
        expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")
    for knob in page.locator(".stage .tabs button:visible").all():
        knob.click()
        assert page.evaluate(COVERED) == [BUTTONS, []], knob.text_content()


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900)])
def test_its_buttons_and_the_names_of_the_pages_leave_each_other_free(own_tab, size):
    """Also with a further button, and with the sidebar."""
    page = own_tab
    visit(page, "r=4&m=4", on=(*size, "light"))
    complete(page)
    assert page.evaluate(COVERED) == [PAGES + BUTTONS, []]
    page.locator(".stage").get_by_role("button", name="Until settled").click()
    further = page.get_by_role("button", name="Close the note")
    seen(further)
    assert page.evaluate(COVERED) == [PAGES + BUTTONS + 1, []]
    settings(page).evaluate(AT_REST)
    assert page.evaluate(COVERED) == [PAGES + BUTTONS + 1, []]
    further.click()
    expect(further).to_have_count(0)
    assert page.evaluate(COVERED) == [PAGES + BUTTONS, []]


def test_without_the_viewer_there_are_plain_images(page):
    """Drawn on the server and sent without loss; the display can be changed, and what was stopped stays stopped."""
    plain = f"r=500&m=4&seed={time.time_ns() % 10_000}&viewer=static&{LONG}"  # another try finds nothing remembered
    visit(page, plain)
    visit_until(page, plain, re.compile("^complete: 4 points"))
    page.reload()
    page.get_by_role("button", name=re.compile("Stop|Continue")).wait_for(timeout=PATIENCE)
    visit_until(page, plain, re.compile("^complete: 4 points"))
    visit_until(page, plain, re.compile(r"draft \d+/500"))
    page.get_by_role("button", name="Stop").click()
    assert page.locator(".viewer").count() == 0
    image = page.locator(".st-key-compare-map-integrated_gradients img")
    before, reached = image.get_attribute("src"), stopped_at(page)
    head, data = before.split(",")
    assert head == "data:image/png;base64"
    assert np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(data)))).shape == (224, 224, 3)
    page.get_by_text("signed", exact=True).click()
    seen(page.get_by_text("against the class"))
    expect(image).not_to_have_attribute("src", before)
    assert stopped_at(page) == reached, "a change of the display must not start it again"
    for image in page.locator("[data-testid=stMain] img").all():
        assert image.get_attribute("alt")


def visit_until(page: Page, query: str, words: re.Pattern) -> None:
    """Plain images show what has come when they are asked."""
    for _ in range(100):
        if page.get_by_text(words).count():
            return
        visit(page, query)
        page.get_by_role("button", name=re.compile("Stop|Continue")).wait_for(timeout=PATIENCE)
    pytest.fail(f"{words.pattern} never came")


def test_charts_take_the_colours_of_the_page(page):
    """Also when these change while the charts are there."""
    visit(page, "r=2&m=2")
    complete(page)
    tick = chart(page, "Perturbation curve").locator(".xtick text").first
    expect(tick).to_have_css("fill", "rgb(26, 34, 48)")
    screen(page, (1440, 1000, "dark"))
    expect(tick).to_have_css("fill", "rgb(232, 236, 242)", timeout=PATIENCE)
