"""Looking closer, in the running app: the viewer while maps sharpen, Noise, pins, export, links, lessons."""

import io
import json
import re
import zipfile

import pytest
from pages import MAPS, PATIENCE, VIEWER, chart, complete, drag, maps, settings, settled, slider, visit
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_the_zoom_stays_while_maps_sharpen(page):
    visit(page, "r=300&m=4&seed=11")
    page.wait_for_function(f"(({MAPS})()['SmoothGrad']?.status ?? '').startsWith('draft')", timeout=PATIENCE)
    canvas = page.locator(".viewer canvas[role=img]").nth(1)
    canvas.click()
    page.keyboard.press("+")
    page.keyboard.press("v")
    page.evaluate(f"{VIEWER}.tiles[1].canvas.dataset.seen = '1'")
    before = maps(page)["SmoothGrad"]["mark"]
    page.wait_for_function(f"mark => ({MAPS})()['SmoothGrad'].mark !== mark", arg=before, timeout=PATIENCE)
    state = page.evaluate(f"{VIEWER}.state")
    assert (state["zoom"], state["kind"]) == (1.5, "signed")
    assert page.evaluate(f"{VIEWER}.tiles[1].canvas.dataset.seen") == "1"
    page.get_by_role("button", name="Stop").click()


def test_a_click_on_the_curve_shows_the_photo_then(page):
    visit(page, "r=4&m=4")
    complete(page)
    before = picture(page)
    click_on(page, chart(page, "Perturbation curve").locator(".scatterlayer .trace").first.locator("path.point").nth(9))
    expect(page.get_by_text("The photo after 9 replaced regions")).to_be_visible()
    page.wait_for_function(f"mark => ({PICTURE}) !== mark", arg=before)
    page.get_by_label("The photo after 9 replaced regions").press("Home")
    page.wait_for_function(f"mark => ({PICTURE}) === mark", arg=before)


PICTURE = f"""(() => {{
  const {{width, height}} = {VIEWER}.tiles[1].picture;
  const data = {VIEWER}.tiles[1].picture.getContext('2d').getImageData(0, 0, width, height).data;
  return new Uint32Array(data.buffer).reduce((sum, word) => (Math.imul(sum, 31) + word) | 0, 0);
}})()"""


def picture(page: Page) -> int:
    """A mark of what the first map's tile shows."""
    return page.evaluate(PICTURE)


def click_on(page: Page, point) -> None:
    """Plotly's points take no clicks themselves: the layer above them does."""
    expect(point).to_be_visible(timeout=PATIENCE)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_a_chart_keeps_the_readers_zoom_when_its_curves_change(page):
    visit(page, "r=4&m=4&seed=31")
    complete(page)
    plot = chart(page, "Perturbation curve").locator(".plot")
    expect(plot.locator(".scatterlayer .trace")).to_have_count(4)
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
    expect(page).to_have_url(re.compile("sigma="))
    complete(page)
    assert plot.evaluate(ranges) == zoomed


def test_noise_tells_whether_r_is_enough(page):
    visit(page, "r=30&m=4", place="noise", title="How sure is this map?")
    expect(page.get_by_text(re.compile("R = 30 is (not )?enough here"))).to_have_count(4, timeout=PATIENCE)
    shown = maps(page)
    assert len(shown) == 8
    assert shown["SmoothGrad"]["status"] == "after 30 of 30 samples"
    drag(page, "r, how many of the R samples", "ArrowLeft", 3)
    page.wait_for_function(f"mark => ({MAPS})()['SmoothGrad'].mark !== mark", arg=shown["SmoothGrad"]["mark"])
    after = maps(page)
    assert int(re.search(r"after (\d+) of 30", after["SmoothGrad"]["status"])[1]) < 30
    assert after["error of SmoothGrad"] == shown["error of SmoothGrad"]


def test_the_experiment_goes_along_to_other_pages(page):
    visit(page, "img=coffee&r=4&m=4&sigma=0.3")
    page.get_by_role("link", name="Noise").click()
    expect(page.get_by_text("How sure is this map?")).to_be_visible(timeout=PATIENCE)
    expect(page).to_have_url(re.compile("noise.*sigma=0.3"))
    settings(page)
    expect(page.get_by_role("combobox", name="Class to explain")).to_have_value("likeliest: espresso")
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_text("What did the model look at?")).to_be_visible(timeout=PATIENCE)
    complete(page)


def test_pins(page):
    """Pinned, shown beside, renamed, opened from another page, removed."""
    visit(page, "r=4&m=4")
    complete(page)
    settings(page)
    page.get_by_role("button", name="Pin").click()
    page.get_by_role("button", name="Beside").click()
    page.wait_for_function(f"Object.keys(({MAPS})()).length === 6", timeout=PATIENCE)
    same = f"() => (found => found['SmoothGrad (pin)'].mark === found.SmoothGrad.mark)(({MAPS})())"
    page.wait_for_function(same, timeout=PATIENCE)  # maps are drawn one after another
    now = maps(page)
    drag(page, "σ, noise", "PageUp")
    page.wait_for_function(f"mark => ({MAPS})()['SmoothGrad'].mark !== mark", arg=now["SmoothGrad"]["mark"])
    complete(page)
    assert maps(page)["SmoothGrad (pin)"]["mark"] == now["SmoothGrad (pin)"]["mark"]
    expect(page.get_by_test_id("stSidebar").get_by_text("σ 0.5", exact=True)).to_be_visible()

    page.get_by_role("link", name="Learn").click()
    expect(page.get_by_text("Short lessons")).to_be_visible(timeout=PATIENCE)
    name = settings(page).get_by_label("Name")
    expect(name).to_have_count(1)
    name.fill("<i>first</i>")
    name.press("Enter")
    page.locator("[class*=st-key-control-pin-open-] button").click()
    expect(page).not_to_have_url(re.compile("sigma="))
    expect(name).to_have_value("<i>first</i>")
    page.locator("[class*=st-key-control-pin-remove-] button").first.click()
    expect(name).to_have_count(0)


def test_everything_computed_is_a_point_and_a_click_away(page):
    visit(page, "r=4&m=4&seed=21")
    complete(page)
    drag(page, "σ, noise", "PageUp")
    expect(page).to_have_url(re.compile("sigma="))
    complete(page)
    past = chart(page, "Everything computed in this session")
    click_on(page, past.locator(".scatterlayer .trace").nth(1).locator("path.point").first)
    expect(page).not_to_have_url(re.compile("sigma="))


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


def test_a_lesson_opens_its_experiment(page):
    visit(page, "r=4&m=4", place="learn", title="Short lessons")
    expect(page.get_by_role("heading", level=5)).to_have_count(6)
    page.get_by_role("button", name="Open it on white, then choose black").click()
    expect(page.get_by_text("What did the model look at?")).to_be_visible(timeout=PATIENCE)
    expect(page).to_have_url(re.compile("img=camera.*base=white"))


def test_a_connection_that_drops_and_comes_back(page):
    """The run goes on where it was, and what was pinned is still there."""
    visit(page, "r=200&m=4&seed=12")
    page.wait_for_function(f"(({MAPS})()['SmoothGrad']?.status ?? '').startsWith('draft')", timeout=PATIENCE)
    settings(page)
    page.get_by_role("button", name="Pin").click()
    expect(page.get_by_test_id("stSidebar").get_by_text("Pins")).to_be_visible()
    page.evaluate("window.dropped.forEach(socket => socket.close())")
    page.wait_for_function(
        "window.dropped.slice(2).filter(socket => socket.readyState === 1).length >= 2",
        timeout=PATIENCE,
    )
    page.wait_for_function(f"(({MAPS})()['SmoothGrad']?.status ?? '').startsWith('complete')", timeout=PATIENCE)
    expect(page.get_by_test_id("stSidebar").get_by_text("Pins")).to_be_visible()


def test_sigma_is_found_for_a_photo(page):
    visit(page, "r=3&m=1&seed=5")
    complete(page)
    settings(page)
    page.get_by_role("button", name="Find σ: smoothest").click()
    expect(page.get_by_text("best so far").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("when scored again on draws it had not seen")).to_be_visible(timeout=PATIENCE)
    expect(page).to_have_url(re.compile(r"sigma=\d"), timeout=PATIENCE)
    page.locator(".st-key-compare-search-close button").click()
    expect(page.get_by_text("when scored again")).to_have_count(0)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (380, "dark")])
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
def test_other_pages_fit_every_screen(chromium, address, place, title, width, scheme):
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page: Page = context.new_page()
    page.address = address
    visit(page, "r=4&m=4&own=guided_ig.steps:4", place=place, title=title)
    if place in ("noise", "path"):
        complete(page)
        maps(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("[data-testid=stMain]").evaluate("main => main.scrollWidth") <= width
    heading = page.get_by_text(title).bounding_box()
    bar = page.get_by_test_id("stHeader").bounding_box()
    assert heading["y"] >= bar["y"] + bar["height"], "the bar of pages lies over the title"
    context.close()


@pytest.mark.parametrize(("knobs", "cell"), [("sigma=0.1/0.7", "1"), ("sigma=0.1/0.7,samples=2/4", "2")])
def test_a_click_on_a_sweep_opens_that_cell(page, knobs, cell):
    visit(page, f"r=4&m=2&sweep=smooth_taylor:{knobs}", "sweep", "What does a knob do?")
    expect(page.get_by_text(re.compile(r"complete: \d maps"))).to_be_visible(timeout=PATIENCE)
    assert "σ 0.7" in next(title for title in reversed(maps(page)))
    points = chart(page, "AUPC").locator(".scatterlayer .point")
    expect(points).to_have_count(len(maps(page)))
    click_on(page, points.nth(int(cell)))
    expect(page.get_by_test_id("stSelectbox").filter(has_text="Cell").locator("input")).to_have_value(
        re.compile("σ 0.7")
    )
    page.get_by_role("button", name="Open in Compare").click()
    expect(page.get_by_text("What did the model look at?")).to_be_visible(timeout=PATIENCE)
    expect(page).to_have_url(re.compile(r"sigma=0\.7"))
    complete(page)


def test_moving_along_the_path_keeps_the_zoom_and_a_click_goes_there(page):
    visit(page, "r=2&m=8&own=guided_ig.steps:3", "path", "What happens on the way?")
    complete(page)
    expect(page.get_by_text(re.compile("α = 0.5 · logit"))).to_be_visible(timeout=PATIENCE)
    page.evaluate(f"{VIEWER}.zoom(2, [100, 100])")
    page.evaluate(f"{VIEWER}.tiles[1].canvas.dataset.seen = '1'")
    slider(page, "position on the path").press("ArrowRight")
    expect(page.get_by_text(re.compile("α = 0.625 · logit"))).to_be_visible(timeout=PATIENCE)
    click_on(page, chart(page, "Completeness").locator(".scatterlayer .point").nth(2))
    expect(page.get_by_text(re.compile("α = 0.25 · logit"))).to_be_visible(timeout=PATIENCE)
    expect(chart(page, "Score").get_by_text("Left-IG cuts")).to_be_visible(timeout=PATIENCE)
    assert not page.get_by_text("cannot be drawn").count()
    assert page.evaluate(f"{VIEWER}.state.zoom") == 2
    assert page.evaluate(f"{VIEWER}.tiles[1].canvas.dataset.seen") == "1"


FIRST_PAINT = f"""
const look = () => {{
  const map = {VIEWER}?.head?.maps.find(map => map.title === 'SmoothGrad');
  if (map?.status.startsWith('precomputed')) window.controls = Boolean(document.querySelector('.stage .knob'));
  else requestAnimationFrame(look);
}};
addEventListener('DOMContentLoaded', look);
"""


def test_from_the_first_paint_to_the_live_page_the_viewer_stays_what_it_is(page):
    """What was computed beforehand is on screen first; the live page comes in its place, and the zoom stays."""
    page.add_init_script(FIRST_PAINT)
    page.goto(page.address)
    page.wait_for_function("window.controls !== undefined", timeout=PATIENCE)
    assert not page.evaluate("window.controls"), "the controls come later"
    page.wait_for_function(f"(({MAPS})()['SmoothGrad']?.status ?? '').startsWith('precomputed')", timeout=PATIENCE)
    page.evaluate(f"{VIEWER}.zoom(2, [100, 100])")
    page.evaluate(f"{VIEWER}.tiles[1].canvas.dataset.seen = '1'")
    expect(slider(page, "σ, noise scale")).to_be_visible(timeout=PATIENCE)
    status = f"whole => new RegExp(whole).test(({MAPS})()['SmoothGrad'].status)"
    page.wait_for_function(status, arg=settled(150), timeout=PATIENCE)
    assert page.evaluate(f"{VIEWER}.state.zoom") == 2
    assert page.evaluate(f"{VIEWER}.tiles[1].canvas.dataset.seen") == "1"
