"""Looking closer at Compare, in the running app: the viewer while maps sharpen, charts, pins, export, links."""

import io
import json
import zipfile

import pytest
from pages import (
    LONG,
    MAPS,
    PATIENCE,
    POLLING,
    VIEWER,
    chart,
    click_on,
    complete,
    drag,
    maps,
    seen,
    settings,
    settled,
    slider,
    until_another,
    until_at,
    until_under,
    visit,
)
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("anew")
def test_everything_computed_is_a_point_and_a_click_away(page):
    visit(page, "r=4&m=4&seed=21")
    complete(page)
    drag(page, "σ, noise", "PageUp")
    until_at(page, "sigma=")
    complete(page)
    past = chart(page, "Everything computed in this session")
    click_on(page, past.locator(".scatterlayer .trace").nth(1).locator("path.point").first)
    until_at(page, "^(?!.*sigma=)")
    past.get_by_label("Point").focus()
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    until_at(page, "sigma=")


def test_the_zoom_stays_while_maps_sharpen(page):
    visit(page, f"r=300&m=4&seed=11&{LONG}")
    until_under(page, "SmoothGrad", "^draft")
    canvas = page.locator(".viewer canvas[role=img]").nth(1)
    canvas.click()
    page.keyboard.press("+")
    page.keyboard.press("v")
    page.evaluate(f"{VIEWER}.tiles[1].canvas.dataset.seen = '1'")
    before = maps(page)["SmoothGrad"]["mark"]
    until_another(page, "SmoothGrad", before)
    state = page.evaluate(f"{VIEWER}.state")
    assert (state["zoom"], state["kind"]) == (1.5, "signed")
    assert page.evaluate(f"{VIEWER}.tiles[1].canvas.dataset.seen") == "1"
    page.get_by_role("button", name="Stop").click()


def test_a_click_on_the_curve_shows_the_photo_then(page):
    visit(page, "r=4&m=4")
    complete(page)
    before = picture(page)
    click_on(page, chart(page, "Perturbation curve").locator(".scatterlayer .trace").first.locator("path.point").nth(9))
    seen(page.get_by_text("The photo after 9 replaced regions"))
    page.wait_for_function(f"mark => ({PICTURE}) !== mark", arg=before, polling=POLLING)
    page.get_by_label("The photo after 9 replaced regions").press("Home")
    page.wait_for_function(f"mark => ({PICTURE}) === mark", arg=before, polling=POLLING)


PICTURE = f"""(() => {{
  const {{width, height}} = {VIEWER}.tiles[1].picture;
  const data = {VIEWER}.tiles[1].picture.getContext('2d').getImageData(0, 0, width, height).data;
  return new Uint32Array(data.buffer).reduce((sum, word) => (Math.imul(sum, 31) + word) | 0, 0);
}})()"""


def picture(page: Page) -> int:
    """A mark of what the first map's tile shows."""
    maps(page)  # without a layout there is no tile
    return page.evaluate(PICTURE)


def test_a_chart_keeps_the_readers_zoom_when_its_curves_change(page):
    visit(page, "r=4&m=4&seed=31")
    complete(page)
    plot = chart(page, "Perturbation curve").locator(".plot")
    expect(plot.locator(".scatterlayer .trace")).to_have_count(6)
    area = plot.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(area["x"] + 50, area["y"] + 30)
    page.mouse.down()
    page.mouse.move(area["x"] + 150, area["y"] + 90, steps=5)
    page.mouse.up()
    ranges = "plot => [plot.dataset.seen, ...plot._fullLayout.xaxis.range, ...plot._fullLayout.yaxis.range]"
    plot.evaluate("plot => { plot.dataset.seen = '1' }")
    zoomed = plot.evaluate(ranges)
    assert zoomed[2] - zoomed[1] < 20
    drag(page, "σ, noise", "PageUp")
    until_at(page, "sigma=")
    complete(page)
    assert plot.evaluate(ranges) == zoomed


def test_another_metric_leaves_the_curves_of_the_others(page):
    visit(page, "r=4&m=4&seed=32")
    complete(page)
    traces = chart(page, "Perturbation curve").locator(".scatterlayer .trace")
    expect(traces).to_have_count(6)
    visit(page, "r=4&m=4&seed=32&curves=insertion")
    expect(chart(page, "Insertion").locator(".scatterlayer .trace")).to_have_count(6)
    expect(traces).to_have_count(6)


def test_pins(page):
    """Pinned, shown beside, renamed, opened from another page, removed."""
    visit(page, "r=4&m=4")
    complete(page)
    settings(page)
    page.get_by_role("button", name="Pin").click()
    page.get_by_role("button", name="Beside").click()
    page.wait_for_function(f"Object.keys(({MAPS})()).length === 6", polling=POLLING, timeout=PATIENCE)
    same = f"() => (found => found.SmoothGrad && found['SmoothGrad (pin)']?.mark === found.SmoothGrad.mark)(({MAPS})())"
    page.wait_for_function(same, polling=POLLING, timeout=PATIENCE)  # maps are drawn one after another
    now = maps(page)
    drag(page, "σ, noise", "PageUp")
    until_another(page, "SmoothGrad", now["SmoothGrad"]["mark"])
    complete(page)
    assert maps(page)["SmoothGrad (pin)"]["mark"] == now["SmoothGrad (pin)"]["mark"]
    seen(page.get_by_test_id("stSidebar").get_by_text("σ 0.5", exact=True))

    page.get_by_role("link", name="Path").click()
    seen(page.get_by_text("What happens on the way?"))
    name = settings(page).get_by_label("Name")
    expect(name).to_have_count(1)
    name.fill("<i>first</i>")
    name.press("Enter")
    page.locator("[class*=st-key-control-pin-open-] button").click()
    until_at(page, "^(?!.*sigma=)")
    expect(name).to_have_value("<i>first</i>")
    page.locator("[class*=st-key-control-pin-remove-] button").first.click()
    expect(name).to_have_count(0)


def test_export_and_link(page):
    visit(page, "r=4&m=4&base=white")
    complete(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    archive = zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))
    made = json.loads(archive.read("manifest.json"))
    assert made["complete"]
    assert made["setting"]["baseline"] == "white"
    assert {"smoothgrad.npy", "smoothgrad.png", "curves.csv", "reproduce.py"} <= set(archive.namelist())
    page.get_by_role("button", name="Link", exact=True).click()
    link = page.get_by_test_id("stPopoverBody").locator("code")
    expect(link).to_contain_text("base=white")
    assert link.inner_text().startswith(page.address)


def test_how_to_read_this_opens(page):
    visit(page, "r=4&m=4")
    complete(page)
    words = page.get_by_text("It does not say that the method is right.")
    expect(words).to_have_count(0)
    page.get_by_role("button", name="How to read this").click()
    seen(words)
    page.keyboard.press("Escape")
    expect(words).to_have_count(0)


def test_a_connection_that_drops_and_comes_back(page):
    """The run goes on where it was, and what was pinned is still there."""
    visit(page, f"r=60&m=4&seed=12&{LONG}")
    until_under(page, "SmoothGrad", "^draft")
    settings(page)
    page.get_by_role("button", name="Pin").click()
    seen(page.get_by_test_id("stSidebar").get_by_text("Pins"))
    before = page.evaluate("window.dropped.map(socket => socket.close()).length")
    page.wait_for_function(
        "before => window.dropped.slice(before).filter(socket => socket.readyState === 1).length >= 2",
        arg=before,
        timeout=PATIENCE,
    )
    until_under(page, "SmoothGrad", "^complete")
    seen(page.get_by_test_id("stSidebar").get_by_text("Pins"))
    page.locator("[class*=st-key-control-pin-remove-] button").first.click()


def test_sigma_is_found_for_a_photo(page):
    visit(page, "r=3&m=1&seed=5")
    complete(page)
    settings(page)
    page.get_by_role("button", name="Find σ: smoothest").click()
    seen(page.get_by_text("best so far").first)
    seen(page.get_by_text("when scored again on draws it had not seen").first)  # the stage says it too
    until_at(page, r"sigma=\d")
    page.locator(".st-key-compare-search-close button").click()
    expect(page.get_by_text("when scored again")).to_have_count(0)


def test_samples_are_drawn_until_the_map_is_settled(page):
    """Without noise ten are enough. R on the stage then says what it took."""
    visit(page, "r=4&m=1&sigma=0&methods=smoothgrad")
    complete(page)
    settings(page)
    page.get_by_role("button", name="Until settled at 56 cells").click()
    seen(page.get_by_text("R = 10 is now set: SmoothGrad settled after 10 samples (1.00)."))
    until_at(page, "r=10")
    expect(page.get_by_label("R, exact value")).to_have_value("10")
    page.locator(".st-key-compare-settle-close button").click()
    expect(page.get_by_text("Until settled ·")).to_have_count(0)


FIRST_PAINT = f"""
const look = () => {{
  const map = {VIEWER}?.head?.maps.find(map => map.title === 'SmoothGrad');
  if (map?.status.startsWith('precomputed')) window.controls = Boolean(document.querySelector('.stage .knob'));
  else requestAnimationFrame(look);
}};
addEventListener('DOMContentLoaded', look);
"""


def test_from_the_first_paint_to_the_live_page_the_viewer_stays_what_it_is(own_tab):
    """What was computed beforehand is on screen first; the live page comes in its place, and the zoom stays."""
    page = own_tab
    page.add_init_script(FIRST_PAINT)
    page.goto(page.address)
    page.wait_for_function("window.controls !== undefined", timeout=PATIENCE)
    assert not page.evaluate("window.controls"), "the controls come later"
    until_under(page, "SmoothGrad", "^precomputed")
    page.evaluate(f"{VIEWER}.zoom(2, [100, 100])")
    page.evaluate(f"{VIEWER}.tiles[1].canvas.dataset.seen = '1'")
    seen(slider(page, "σ, noise scale"))
    until_under(page, "SmoothGrad", settled(150))
    assert page.evaluate(f"{VIEWER}.state.zoom") == 2
    assert page.evaluate(f"{VIEWER}.tiles[1].canvas.dataset.seen") == "1"
