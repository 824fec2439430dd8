"""One glance at the map of a random network, the button beside R, and room for what is said, in the running app."""

import re

import pytest
from pages import PATIENCE, POLLING, STAGE, VIEWER, chart, complete, seen, until_at, visit
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

CURVES = ".stage .chart:not([aria-label*='in this session'])"
"""The chart of all that was computed in a session stands below the screen."""
LINKS = "all layers of the network random"
LONG = " ".join(["On this photo SmoothTaylor 18.5, SmoothGrad 20.5 have a lower AUPC than random orders."] * 3)


def links(page: Page):
    return page.get_by_role("link", name=LINKS)


def drawn(page: Page, tile: int) -> str:
    """The picture that a tile shows."""
    return page.evaluate(f"tile => {VIEWER}.tiles[tile].canvas.toDataURL()", tile)


def within(page: Page, size: tuple[int, int]) -> None:
    """All knobs, maps, small pictures and curves are on the screen."""
    curves = f"{CURVES} .plot"
    for place in (".stage .knob:visible", ".stage figure canvas[role=img]", ".stage a.random:visible", curves):
        found = page.locator(place).all()
        assert found, place
        for one in found:
            box = one.bounding_box()
            assert box["y"] >= 0, place
            assert box["y"] + box["height"] <= size[1], place
            assert box["x"] + box["width"] <= size[0], place


def test_it_stands_above_each_map_and_is_shown_large_for_pointer_focus_and_key(page):
    visit(page, "r=4&m=4&methods=smoothgrad,edges&rand=on")
    complete(page)
    expect(links(page)).to_have_count(2)
    changed = page.get_by_role("link", name=f"SmoothGrad, same photo, {LINKS}: changed when all 3 layers were random")
    seen(changed)
    expect(links(page).last).to_have_accessible_name(re.compile("changed little when all 3 layers were random"))
    expect(page.locator(".viewer figure .note").last).to_contain_text("changed little when all 3 layers were random")
    page.evaluate("document.activeElement.blur()")
    own, edges = drawn(page, 1), drawn(page, 2)
    changed.focus()
    page.wait_for_function(f"own => {VIEWER}.tiles[1].canvas.toDataURL() !== own", arg=own, polling=POLLING)
    random = drawn(page, 1)
    expect(page.locator(".viewer figure .note").nth(1)).to_contain_text("changed when all 3 layers were random")
    assert drawn(page, 2) == edges
    changed.blur()
    page.wait_for_function(f"own => {VIEWER}.tiles[1].canvas.toDataURL() === own", arg=own, polling=POLLING)
    page.locator("section.viewer").press("n")
    page.wait_for_function(f"random => {VIEWER}.tiles[1].canvas.toDataURL() === random", arg=random, polling=POLLING)
    page.locator("section.viewer").press("n")
    changed.hover()
    page.wait_for_function(f"random => {VIEWER}.tiles[1].canvas.toDataURL() === random", arg=random, polling=POLLING)


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_it_leads_to_the_checks_of_the_same_maps_and_can_be_left_out(page, size):
    """In the same session: the page is not loaded anew."""
    visit(page, "img=coffee&r=4&m=4&methods=edges&rand=on", on=(*size, "light"))
    complete(page)
    page.get_by_text("Display", exact=True).click()
    page.get_by_role("checkbox", name="random network").uncheck()
    expect(links(page)).to_have_count(0)
    until_at(page, "rand=off")
    page.get_by_role("checkbox", name="random network").check()
    until_at(page, "^(?!.*rand=off)")
    page.evaluate("window.kept = true")
    links(page).first.click()
    seen(page.get_by_text("Does the map depend on the model?"))
    until_at(page, "/sanity.*img=coffee.*methods=edges")
    assert page.evaluate("window.kept")


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_pushes_nothing_out_of_the_view(page, size, scheme):
    visit(page, "r=4&m=4&rand=on", on=(*size, scheme))
    complete(page)
    expect(links(page)).to_have_count(3)
    seen(chart(page, "Perturbation curve").locator(".scatterlayer .trace").first)
    within(page, size)
    places = [one.bounding_box() for one in page.locator(".stage figure canvas[role=img]").all()]
    assert len({box["y"] for box in places}) == 1, "maps stand in a row"


def test_on_a_phone_it_stands_under_the_map_with_its_sentence(page):
    visit(page, "r=4&m=4&methods=smoothgrad&rand=on", on=(390, 844, "light"))
    complete(page)
    shown, canvas = links(page).bounding_box(), page.locator(".stage figure canvas[role=img]").last.bounding_box()
    assert shown["y"] >= canvas["y"] + canvas["height"]
    expect(links(page)).to_contain_text("changed when all 3 layers were random")


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900)])
def test_curves_give_way_to_a_long_verdict(page, size):
    """The title of their axis stays on the screen."""
    visit(page, "r=4&m=4", on=(*size, "light"))
    complete(page)
    seen(chart(page, "Perturbation curve").locator(".xtitle"))
    before = page.locator(".stage .headline").bounding_box()["height"]
    say = f"const stage = {STAGE}; stage.hear({{ ...stage.state, verdict: words }});"
    said = page.evaluate(f"{STAGE}.state.verdict")
    # What the work says last can still come, and then the words are said again.
    page.wait_for_function(
        f"([words, high]) => {{ {say} return document.querySelector('.stage .headline').clientHeight > 1.5 * high; }}",
        arg=[LONG, before],
        polling=POLLING,
    )
    for title in page.locator(f"{CURVES} .xtitle").all():
        page.wait_for_function(
            f"([words, one, high]) => {{ {say} return one.getBoundingClientRect().bottom <= high; }}",
            arg=[LONG, title.element_handle(), size[1]],
            polling=POLLING,
        )
    page.evaluate(f"words => {{ {say} }}", said)


def test_the_button_beside_r_draws_until_the_map_is_settled(page):
    """Without noise ten samples are enough."""
    visit(page, "r=4&m=1&sigma=0&methods=smoothgrad")
    complete(page)
    row = page.locator(".stage .act")
    expect(row).to_contain_text("at most R = 500")
    row.get_by_role("combobox").select_option(label="at 28 cells")
    row.get_by_role("button", name="Until settled", exact=True).click()
    expect(row).to_contain_text("settled at 28 cells after 10 samples", timeout=PATIENCE)
    expect(page.get_by_label("R, exact value")).to_have_value("10")
    until_at(page, "r=10")


def test_what_the_button_started_can_be_ended_there(page):
    visit(page, "r=4&m=1&methods=smooth_taylor")
    complete(page)
    row = page.locator(".stage .act")
    row.get_by_role("combobox").select_option(label="pixel by pixel")
    row.get_by_role("button", name="Until settled", exact=True).click()
    expect(row).to_contain_text("samples", timeout=PATIENCE)
    seen(row.get_by_role("progressbar"))
    row.get_by_role("button", name="Until settled: cancel").click()
    expect(row).to_contain_text("at most R = 500", timeout=PATIENCE)
    expect(page.get_by_label("R, exact value")).to_have_value("4")
    complete(page)
