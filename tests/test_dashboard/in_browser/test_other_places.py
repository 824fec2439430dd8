"""The other pages in the running app: what they show, that they fit every screen, and the ways between them."""

import re

import pytest
from pages import (
    PATIENCE,
    VIEWER,
    chart,
    click_on,
    complete,
    drag,
    fits,
    maps,
    seen,
    settings,
    slider,
    until_another,
    until_at,
    visit,
)
from playwright.sync_api import expect

from dashboard.views.learn.lessons import LESSONS

pytestmark = pytest.mark.browser


def test_noise_tells_whether_r_is_enough(page):
    visit(page, "r=16&m=4", place="noise", title="How sure is this map?")
    expect(page.get_by_text(re.compile("R = 16 is (not )?enough here"))).to_have_count(4, timeout=PATIENCE)
    shown = maps(page)
    assert len(shown) == 8
    assert shown["SmoothGrad"]["status"] == "after 16 of 16 samples"
    drag(page, "r, how many of the R samples", "ArrowLeft", 3)
    until_another(page, "SmoothGrad", shown["SmoothGrad"]["mark"])
    after = maps(page)
    assert int(re.search(r"after (\d+) of 16", after["SmoothGrad"]["status"])[1]) < 16
    assert after["error of SmoothGrad"] == shown["error of SmoothGrad"]


def test_the_experiment_goes_along_to_other_pages(page):
    visit(page, "img=coffee&r=4&m=4&sigma=0.3")
    page.get_by_role("link", name="Noise").click()
    seen(page.get_by_text("How sure is this map?"))
    until_at(page, "noise.*sigma=0.3")
    settings(page)
    expect(page.get_by_role("combobox", name="Class to explain")).to_have_value("likeliest: espresso")
    page.get_by_role("link", name="Compare").click()
    seen(page.get_by_text("What did the model look at?"))
    complete(page)


def test_a_lesson_opens_its_experiment(page):
    visit(page, "r=4&m=4", place="learn", title="Short lessons")
    expect(page.get_by_role("heading", level=5)).to_have_count(len(LESSONS))
    page.get_by_role("button", name="Open it on white, then choose black").click()
    seen(page.get_by_text("What did the model look at?"))
    until_at(page, "img=camera.*base=white")


def test_a_lesson_gives_the_photo_and_the_setting_back(page):
    visit(page, "img=coffee&r=4&m=4&sigma=0.3")
    complete(page)
    page.get_by_role("link", name="Learn").click()
    seen(page.get_by_text("Short lessons"))
    page.get_by_role("button", name="Open it on white, then choose black").click()
    until_at(page, "img=camera.*base=white")
    back = page.get_by_role("button", name="Back to my photo and setting")
    seen(back)
    back.click()
    until_at(page, r"img=coffee(?!.*base=white)")
    expect(back).to_have_count(0)
    seen(page.get_by_text("predicted: espresso"))
    expect(slider(page, "σ, noise scale")).to_have_value("0.3")
    complete(page)


@pytest.mark.parametrize(
    ("place", "title"),
    [
        ("noise", "How sure is this map?"),
        ("sanity", "Does the map depend on the model?"),
        ("sweep", "What does a knob do?"),
        ("results", "What holds over many photos?"),
        ("path", "What happens on the way?"),
        ("learn", "Short lessons"),
    ],
)
def test_other_pages_fit_a_narrow_dark_screen(page, place, title):
    """That they fit a wide one is shown where Tab walks through them."""
    visit(page, "r=4&m=4&own=guided_ig.steps:4", place, title, on=(380, 900, "dark"))
    if place in ("noise", "path"):
        complete(page)
        maps(page)
    fits(page, title)
    block = page.get_by_test_id("stMainBlockContainer")
    assert block.evaluate("one => getComputedStyle(one).paddingBottom") == "16px", "no knobs lie over its foot"


@pytest.mark.parametrize(
    ("knobs", "count", "cell"),
    [
        ("sigma=0.1/0.7&beside=none", 2, 1),
        ("sigma=0.1/0.7&beside=centre", 4, 1),  # a point of the method beside it
        ("sigma=0.1/0.7,samples=2/4", 4, 2),
    ],
)
def test_a_click_on_a_sweep_opens_that_cell(page, knobs, count, cell):
    """Also after a page with a chart of Streamlit, which has another copy of Plotly."""
    visit(page, "r=4&m=4", "learn", "Short lessons")
    seen(page.locator("[data-testid=stPlotlyChart] .main-svg").first)
    visit(page, f"r=4&m=2&sweep=smooth_taylor:{knobs}", "sweep", "What does a knob do?")
    seen(page.get_by_text(re.compile(r"complete: \d maps")))
    assert "σ 0.7" in next(title for title in reversed(maps(page)))
    points = chart(page, "AUPC").locator(".scatterlayer .point")
    expect(points).to_have_count(count)
    click_on(page, points.nth(cell))
    expect(page.get_by_test_id("stSelectbox").filter(has_text="Cell").locator("input")).to_have_value(
        re.compile("σ 0.7")
    )
    page.get_by_role("button", name="Open in Compare").click()
    seen(page.get_by_text("What did the model look at?"))
    until_at(page, r"sigma=0\.7")
    complete(page)


def test_moving_along_the_path_keeps_the_zoom_and_a_click_goes_there(page):
    visit(page, "r=2&m=8&own=guided_ig.steps:3", "path", "What happens on the way?")
    complete(page)
    seen(page.get_by_text(re.compile("α = 0.5 · logit")))
    page.evaluate(f"{VIEWER}.zoom(2, [100, 100])")
    page.evaluate(f"{VIEWER}.tiles[1].canvas.dataset.seen = '1'")
    slider(page, "position on the path").press("ArrowRight")
    seen(page.get_by_text(re.compile("α = 0.625 · logit")))
    click_on(page, chart(page, "Completeness").locator(".scatterlayer .point").nth(2))
    seen(page.get_by_text(re.compile("α = 0.25 · logit")))
    seen(chart(page, "Score").get_by_text("Left-IG cuts"))
    assert not page.get_by_text("cannot be drawn").count()
    assert page.evaluate(f"{VIEWER}.state.zoom") == 2
    assert page.evaluate(f"{VIEWER}.tiles[1].canvas.dataset.seen") == "1"
