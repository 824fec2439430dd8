"""What greets a first visitor of Compare: how to read a map, and three buttons that each move one knob."""

from urllib.parse import parse_qs, urlsplit

import pytest
from pages import Screen, complete, seen, until_at, visit
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("anew")]

DESK: Screen = (1280, 720, "light")
PHONE: Screen = (390, 844, "dark")
WORDS = "about 2 min left · sharing with 7 other sessions · " + " · ".join(f"method {k} 17/150" for k in range(9))


def query(page):
    return parse_qs(urlsplit(page.url).query)


@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
def test_each_of_its_three_buttons_moves_one_knob(page, screen):
    visit(page, "r=4&m=4", on=screen)
    complete(page)
    before = query(page)
    for name, there, knob in (
        ("Less noise: σ 0.1", "sigma", "0.1"),
        ("More samples: R 300", "r", "300"),
        ("A white baseline", "base", "white"),
    ):
        page.get_by_role("button", name=name, exact=True).click()
        until_at(page, f"[?&]{there}={knob}(&|$)")
        before[there] = [knob]
        assert query(page) == before


def test_it_offers_no_knob_that_changes_nothing_on_screen(page):
    visit(page, "r=4&m=4&methods=gradient", on=DESK)
    complete(page)
    expect(page.locator(".greeting")).to_have_count(0)
    expect(page.get_by_role("slider", name="σ, noise scale")).to_have_count(0)
    expect(page.get_by_role("spinbutton", name="σ, exact value")).to_be_disabled()
    seen(page.get_by_role("group", name="noise scale").get_by_text("No method on screen uses it."))
    visit(page, "r=4&m=4&methods=integrated_gradients", on=DESK)
    for name, used in (("Less noise: σ 0.1", False), ("More samples: R 300", False), ("A white baseline", True)):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_enabled(enabled=used)


@pytest.mark.parametrize(("screen", "words"), [(DESK, "Bright: this method"), (PHONE, "Bright matters more")])
def test_it_goes_when_it_is_read_and_does_not_come_again(page, screen, words):
    visit(page, "r=4&m=4", on=screen)
    complete(page)
    expect(page.locator(".greeting").filter(visible=True)).to_have_count(1)
    seen(page.get_by_text(words))
    page.get_by_role("button", name="Got it").click()
    expect(page.locator(".greeting")).to_have_count(0)
    page.reload()
    complete(page)
    expect(page.locator(".greeting")).to_have_count(0)


def test_it_is_in_view_without_scrolling_below_a_text_of_any_length(page):
    visit(page, "r=4&m=4", on=DESK)
    complete(page)
    page.locator(".stage .state .text").evaluate("(text, words) => { text.textContent = words; }", WORDS)
    for one in (page.locator(".rail .greeting"), page.get_by_role("button", name="Stop")):
        box = one.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= DESK[1]


def test_on_a_phone_it_is_one_line_above_the_maps_which_stay_in_view(page):
    visit(page, "r=4&m=4", on=PHONE)
    complete(page)
    line = page.locator(".greeting").filter(visible=True).bounding_box()
    assert line["height"] <= 36
    rail = page.locator(".stage .rail").bounding_box()
    for canvas in page.locator(".stage figure canvas[role=img]").all():
        box = canvas.bounding_box()
        assert line["y"] + line["height"] <= box["y"]
        assert box["y"] + box["height"] <= rail["y"]
    for button in page.locator(".greeting").filter(visible=True).get_by_role("button").all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE[0], "all of it is on the screen"
