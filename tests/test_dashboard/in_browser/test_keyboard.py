"""Every page on a wide screen, without a pointer, and with reduced motion."""

import pytest
from pages import LONG, PATIENCE, complete, fits, seen, slider, to_the_top, until_at, visit
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

PAGES = {
    "": "What did the model look at?",
    "sweep": "What does a knob do?",
    "path": "What happens on the way?",
    "noise": "How sure is this map?",
    "sanity": "Does the map depend on the model?",
    "results": "What holds over many photos?",
    "learn": "Short lessons",
}
# What a Tab must reach: each control of the stage that is on screen. Of a closed one, only its title is.
CONTROLS = """() => {
  const found = [...document.querySelectorAll('.stage :is(button, input, select, summary, a[href], [tabindex="0"])')];
  const seen = found.filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0);
  seen.forEach((one, k) => { one.dataset.stop = k; });
  return seen.map((one) => one.getAttribute('aria-label') ?? one.textContent);
}"""
# The control that has the focus: its number, whether it can be seen that it has it, and whether it is on screen.
FOCUSED = """() => {
  const one = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  const { top, bottom } = one.getBoundingClientRect();
  return { tag: one.tagName, stop: one.dataset.stop ?? null, ring: outlineStyle !== 'none' && outlineWidth !== '0px',
    there: bottom > 0 && top < innerHeight };
}"""
MOST = 250  # stops of a page, more than any has


def walk(page: Page) -> list[dict]:
    """Presses Tab from the beginning of the page to its end."""
    to_the_top(page)
    stops = []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused["tag"] in ("BODY", "HTML"):
            return stops
        stops.append(focused)
    raise AssertionError("Tab does not leave the page")


@pytest.mark.parametrize("place", PAGES)
def test_it_fits_a_wide_screen_and_tab_reaches_everything_and_leaves_again(page, place):
    visit(page, "r=4&m=4&own=guided_ig.steps:4&sweep=smooth_taylor:sigma=0.1/0.7", place, PAGES[place])
    if place in ("", "sweep", "path", "noise", "sanity"):
        page.locator(".stage[data-state=done]").wait_for(timeout=PATIENCE)
    if place in ("path", "noise"):
        complete(page)
    if place:  # Compare is looked at on several screens
        fits(page, PAGES[place])
    labels = page.evaluate(CONTROLS)
    stops = walk(page)
    reached = {int(stop["stop"]): stop for stop in stops if stop["stop"] is not None}
    assert [label for k, label in enumerate(labels) if k not in reached] == [], "no Tab comes there"
    assert [labels[k] for k, stop in reached.items() if not stop["ring"]] == [], "nobody sees that it has the focus"
    assert [labels[k] for k, stop in reached.items() if not stop["there"]] == [], "it is not on the screen"


def test_an_experiment_without_a_pointer(page):
    """Turn a knob, choose a baseline, change the display, go to another page and come back."""
    visit(page, "r=4&m=4")
    complete(page)
    slider(page, "σ, noise scale").focus()
    page.keyboard.press("ArrowRight")
    until_at(page, "sigma=0.51")
    expect(slider(page, "σ, noise scale")).to_be_focused()
    page.get_by_role("button", name="white", exact=True).focus()
    page.keyboard.press("Enter")
    until_at(page, "base=white")
    page.locator(".viewer").focus()
    page.keyboard.press("v")
    expect(page.get_by_role("button", name="signed", exact=True)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Path").focus()
    page.keyboard.press("Enter")
    seen(page.get_by_text(PAGES["path"]))
    page.get_by_role("link", name="Compare", exact=True).focus()
    page.keyboard.press("Enter")
    seen(page.get_by_text(PAGES[""]))
    until_at(page, "sigma=0.51")
    expect(page.get_by_role("button", name="signed", exact=True)).to_have_attribute("aria-pressed", "true")


def test_nothing_of_the_stage_moves_by_itself(page):
    """So there is nothing to leave out for those who asked their system for reduced motion."""
    page.emulate_media(reduced_motion="reduce")
    visit(page, f"r=40&m=4&seed=61&{LONG}")
    page.locator(".stage[data-state=live]").wait_for(timeout=PATIENCE)
    moving = "() => document.querySelector('.stage').getAnimations({ subtree: true }).length"
    assert page.evaluate(moving) == 0
    slider(page, "σ, noise scale").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(moving) == 0
    complete(page)
    assert page.evaluate(moving) == 0


@pytest.mark.parametrize("screen", [(1280, 720, "light"), (1440, 900, "dark"), (390, 844, "light")])
def test_explanations_open_by_keyboard_and_are_whole(page, screen):
    visit(page, "r=4&m=4", on=screen)
    complete(page)
    signs = page.get_by_role("button", name="Explanation").filter(visible=True)
    tip = page.get_by_role("tooltip")
    assert signs.count() >= (3 if screen[0] < 760 else 5)
    for sign in signs.all():
        sign.focus()
        expect(tip).to_have_text(sign.get_attribute("aria-description"))
        box = tip.bounding_box()
        assert box["width"] > 100
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= screen[0]
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= screen[1]
        assert tip.evaluate("tip => tip.scrollHeight <= tip.clientHeight"), "all of it is seen"
        page.keyboard.press("Escape")
        expect(tip).to_have_count(0)
        expect(sign).to_be_focused()
        for key in ("Enter", "Space"):
            page.keyboard.press(key)
            expect(tip).to_be_visible()
        page.keyboard.press("Tab")
        expect(tip.filter(has_text=sign.get_attribute("aria-description"))).to_have_count(0)


def test_explanations_open_by_a_tap_and_by_a_pointer(page):
    visit(page, "r=4&m=4")
    complete(page)
    sign, tip = page.get_by_role("button", name="Explanation").first, page.get_by_role("tooltip")
    sign.hover()
    expect(tip).to_be_visible()
    tip.hover()
    expect(tip).to_be_visible()
    page.mouse.move(700, 30)
    expect(tip).to_have_count(0)
    sign.dispatch_event("pointerdown", {"pointerType": "touch"})
    sign.dispatch_event("click")
    expect(tip).to_be_visible()
    page.locator(".stage .headline").click()
    expect(tip).to_have_count(0)
