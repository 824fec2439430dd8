"""The linked viewer alone, in an empty page: what it draws, and what pointer and keys do."""

import base64

import numpy as np
import pytest
import torch
import toys
from pages import MAPS, screen
from playwright.sync_api import Frame, Page

from attribution import explain
from attribution.heatmaps import COLOURS, DIVERGING, reduce_channels
from attribution.studies.robustness import inside
from dashboard.live.frames import map_message, unpack
from dashboard.notebook import SCRIPTS, show
from dashboard.stage import pictures, stage

pytestmark = pytest.mark.browser

SIDE = 64
KINDS, SCALES = ("absolute", "signed", "positive"), ("per map", "shared", "raw")
AVERAGES = ("pixels", "56 cells", "28 cells")
PALETTES = {"colours": COLOURS, "diverging": DIVERGING}
PHOTO = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
EXPORTS = "\nexport { Viewer, greyOf, meansOf, ordered, rawOf };"
SCRIPT = "\n".join((stage.HERE / name).read_text() for name in SCRIPTS) + EXPORTS
STYLE = (stage.HERE / "viewer.css").read_text()
MOUNT = """async ({script, style, head, dark}) => {
  document.body.style.margin = 0;
  document.documentElement.style.setProperty('--st-background-color', dark ? '#0e1117' : '#ffffff');
  document.documentElement.style.setProperty('--st-text-color', dark ? '#e8ecf2' : '#1a2230');
  window.code ??= await import(URL.createObjectURL(new Blob([script], {type: 'text/javascript'})));
  if (!window.host) {
    window.host = document.body.appendChild(document.createElement('div')).attachShadow({mode: 'open'});
    window.host.append(Object.assign(document.createElement('style'), {textContent: style}));
  }
  const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  window.viewer ??= new window.code.Viewer(window.host, 'test');
  const pixels = bytes(head.photo.bytes);
  window.viewer.show({...head, photo: {...head.photo, pixels, grey: window.code.greyOf(pixels)},
    maps: head.maps.map(map => ({...map, raw: window.code.rawOf(bytes(map.bytes), map.unit), sorted: {}}))});
}"""
CLOSE = "viewer.close(); delete window.viewer"


def attributions(count: int, side: int = SIDE) -> list[torch.Tensor]:
    return [0.01 ** (m % 2) * toys.image(m, (3, side, side)) for m in range(count)]


def labelled(maps: list[torch.Tensor], photo: np.ndarray = PHOTO) -> dict:
    """A photo and maps, as the stage gives them to the viewer."""
    shown = []
    for m, attribution in enumerate(maps):
        said = {"title": f"Map {m}", "gloss": "a gloss", "status": f"draft {m}/9", "words": f"map {m} in words"}
        head, payload = unpack(map_message("", reduce_channels(attribution, "signed").numpy()))
        shown.append({**said, "unit": head["unit"], "bytes": base64.b64encode(payload).decode()})
    said = {"title": "Photo", "gloss": "", "status": "predicted: cat", "words": "a photo"}
    size = {"height": photo.shape[0], "width": photo.shape[1]}
    return {"photo": {**said, **size, "bytes": base64.b64encode(photo.tobytes()).decode()}, "maps": shown, **PALETTES}


def mount(page: Page, head: dict, dark: bool = False) -> None:
    page.evaluate(MOUNT, {"script": SCRIPT, "style": STYLE, "head": head, "dark": dark})


@pytest.fixture
def opened(alone, request):
    """An empty page; what goes wrong in it fails the test."""
    with alone.lent(request.node) as page:
        page.goto("about:blank")
        screen(page, (1200, 900, "light"))
        yield page


@pytest.fixture
def page(opened):
    mount(opened, labelled(attributions(3)))
    return opened


def state(page: Page, name: str):
    return page.evaluate(f"viewer.state.{name}")


def numbers(page: Page | Frame, array: str, kind: type[np.generic] = np.uint8) -> np.ndarray:
    """A typed array of the page, as text: number by number it would take a hundred times as long."""
    found = page.evaluate(
        f"""() => {{
          const array = {array};
          const letters = Array.from(new Uint8Array(array.buffer), (byte) => String.fromCharCode(byte));
          return btoa(letters.join(''));
        }}"""
    )
    return np.frombuffer(base64.b64decode(found), kind)


def pixels(page: Page, tile: int) -> np.ndarray:
    return numbers(page, f"viewer.tiles[{tile}].pixels.data").reshape(SIDE, SIDE, 4)[..., :3]


def press(page: Page, *keys: str) -> None:
    page.locator(".viewer").focus()
    for key in keys:
        page.keyboard.press(key)


def note(page: Page, tile: int) -> str:
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.locator(".note").nth(tile).inner_text()


class TestWhatIsDrawn:
    def test_maps_of_different_units_share_no_scale(self, opened):
        """A gradient and a share of the score: no colour can stand for the same value in both."""
        head = labelled(attributions(3))
        for shown, measure in zip(head["maps"], ("f", "f", "f/x"), strict=True):
            shown["measure"] = measure
        mount(opened, head)
        opened.evaluate("viewer.set({scale: 'shared'})")
        first, second, third = opened.evaluate("viewer.ends.map((ends) => ends[1])")
        assert first == second
        opened.evaluate("viewer.set({scale: 'per map'})")
        assert third == opened.evaluate("viewer.ends[2][1]")

    @pytest.mark.parametrize("dark", [False, True])
    @pytest.mark.parametrize(
        ("change", "display"),
        [
            ({}, {}),
            ({"kind": "signed"}, {"kind": "signed"}),
            ({"colours": "viridis", "scale": "shared"}, {"colours": "viridis", "shared": True}),
            ({"over": True, "opacity": 70}, {"opacity": 0.7}),
            ({"over": True, "opacity": 100, "kind": "signed"}, {"opacity": 1.0, "kind": "signed"}),
        ],
    )
    def test_it_is_what_the_core_draws(self, opened, change, display, dark):
        """Pixel for pixel, but for the sixteen bits that maps are sent in."""
        mount(opened, labelled(attributions(2)), dark)
        opened.evaluate("change => viewer.set(change)", change)
        maps = dict(enumerate(attributions(2)))
        for m, expected in pictures.draw(maps, PHOTO, pictures.Display(**display, dark=dark)).items():
            difference = np.abs(pixels(opened, m + 1).astype(int) - expected.pixels)
            assert difference.mean() < 0.5
            assert difference.max() <= 12

    @pytest.mark.parametrize("kind", ["absolute", "signed"])
    def test_a_map_of_a_few_pixels_is_seen_and_is_what_the_core_draws(self, opened, kind):
        """Most of its values are equal, and so is the percentile at which others are clipped."""
        few = torch.zeros(3, SIDE, SIDE)
        few[:, 20:23, 30:33] = 0.01 * toys.image(7, (3, 3, 3)).float()
        mount(opened, labelled([few]))
        opened.evaluate("kind => viewer.set({kind})", kind)
        (expected,) = pictures.draw({0: few}, PHOTO, pictures.Display(kind=kind)).values()
        assert len(np.unique(expected.pixels.reshape(-1, 3), axis=0)) > 5
        assert np.abs(pixels(opened, 1).astype(int) - expected.pixels).max() <= 12

    @pytest.mark.parametrize("value", [0.5, -0.5])
    @pytest.mark.parametrize("shared", [False, True])
    @pytest.mark.parametrize("kind", ["absolute", "signed"])
    def test_a_map_of_equal_values_is_blank_as_in_the_core(self, opened, kind, shared, value):
        """It puts no pixel before another. Beside it is a map that is drawn."""
        maps = [torch.full((1, SIDE, SIDE), value), *attributions(1)]
        mount(opened, labelled(maps))
        opened.evaluate("change => viewer.set(change)", {"kind": kind, "scale": "shared" if shared else "per map"})
        expected = pictures.draw(dict(enumerate(maps)), PHOTO, pictures.Display(kind=kind, shared=shared))
        for m, picture in expected.items():
            assert np.abs(pixels(opened, m + 1).astype(int) - picture.pixels).max() <= 12

    def test_the_photo_is_the_photo(self, page):
        assert (pixels(page, 0) == PHOTO).all()

    def test_positive_shows_nothing_of_what_speaks_against(self, page):
        page.evaluate("viewer.set({kind: 'positive', colours: 'grey'})")
        against = reduce_channels(attributions(3)[0], "signed").numpy() < 0
        assert (pixels(page, 1)[against] == 0).all()
        assert pixels(page, 1)[~against].mean() > 60

    def test_the_percentile_moves_the_clip_and_its_mark(self, page):
        page.evaluate("viewer.set({colours: 'grey'})")
        before = pixels(page, 1).mean()
        page.evaluate("viewer.set({percent: 60})")
        assert pixels(page, 1).mean() > before + 30
        values = np.abs(reduce_channels(attributions(3)[0], "signed").numpy())
        assert page.evaluate("viewer.ends[0][1]") == pytest.approx(np.percentile(values, 60), rel=1e-3)

    def test_raw_clips_nothing_and_is_one_scale_for_all(self, page):
        page.evaluate("viewer.set({scale: 'raw'})")
        highest = max(reduce_channels(a).max().item() for a in attributions(3))
        assert page.evaluate("viewer.ends") == [pytest.approx([0, highest], rel=1e-3)] * 3

    @pytest.mark.parametrize(("kind", "low"), [("absolute", 0), ("signed", -0.5)])
    def test_raw_shows_the_value_of_a_map_of_equal_values(self, opened, kind, low):
        mount(opened, labelled([torch.full((1, SIDE, SIDE), 0.5)]))
        opened.evaluate("kind => viewer.set({kind, scale: 'raw'})", kind)
        assert opened.evaluate("viewer.ends") == [pytest.approx([low, 0.5])]

    @pytest.mark.parametrize(
        ("lows", "scale", "said"),
        [
            ([1.0], "per map", "1.00 → 1.99"),
            ([0.0], "per map", "0 → 0.990"),
            ([1e-4], "per map", "0 → 0.990"),
            ([1.0, 2.0], "per map", "the lowest value → the top of each map"),
            ([1.0, 2.0], "shared", "1.00 → 2.99"),
            ([1.0, 2.0], "raw", "0 → 3.00"),
        ],
    )
    def test_the_bar_says_which_values_have_the_first_and_the_last_colour(self, opened, lows, scale, said):
        """A map of standard errors is nowhere zero."""
        above = torch.linspace(0, 1, SIDE * SIDE).reshape(1, SIDE, SIDE)
        mount(opened, labelled([low + above for low in lows]))
        opened.evaluate("scale => viewer.set({scale})", scale)
        assert opened.locator(".bar").get_attribute("aria-label") == f"The colours: {said}"

    def test_a_blank_map_is_blank(self, opened):
        mount(opened, labelled([torch.zeros(3, SIDE, SIDE)]))
        assert (pixels(opened, 1) == [0, 0, 4]).all()

    def test_the_histogram_counts_every_value(self, page):
        counts = page.evaluate("viewer.head.maps[0].counts[false]")
        values = np.abs(reduce_channels(attributions(3)[0], "signed").numpy())
        expected = np.histogram(values, 60, (0, values.max()))[0]
        assert sum(counts) == SIDE * SIDE
        assert np.abs(np.array(counts) - expected).sum() < 0.02 * SIDE * SIDE

    def test_a_histogram_that_nobody_sees_is_not_counted(self, opened):
        """The stage hides them, and it draws its maps many times a second."""
        mount(opened, labelled(attributions(1)))
        opened.evaluate("viewer.tiles[1].bars.style.display = 'none'")
        mount(opened, labelled([attributions(2)[1]]))
        assert opened.evaluate("viewer.head.maps[0].counts") is None


class TestAveraged:
    @pytest.mark.parametrize("cells", [56, 28])
    @pytest.mark.parametrize(("height", "width"), [(224, 224), (64, 64), (100, 75), (299, 299), (57, 240)])
    def test_the_means_are_those_of_torch(self, page, height, width, cells):
        """Also where the cells do not divide the side, and so overlap."""
        raw = torch.randn((1, height, width), generator=torch.Generator().manual_seed(0))
        text = base64.b64encode(raw.numpy().tobytes()).decode()
        page.evaluate("text => { window.bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0)); }", text)
        array = f"Float32Array.from(code.meansOf(new Float32Array(bytes.buffer), {width}, {height}, {cells}))"
        found = numbers(page, array, np.float32)
        expected = torch.nn.functional.adaptive_avg_pool2d(raw.double(), cells).flatten()
        np.testing.assert_allclose(found, expected.numpy(), atol=2e-6)

    def test_a_map_is_drawn_by_its_means(self, page):
        press(page, "g", "g")
        assert state(page, "average") == "28 cells"
        raw = reduce_channels(attributions(3)[0], "signed")
        means = torch.nn.functional.adaptive_avg_pool2d(raw[None], 28)[0].numpy()
        place = (np.arange(SIDE) + 0.5) * 28 // SIDE
        expected = means[np.ix_(place.astype(int), place.astype(int))]
        found = numbers(page, "Float32Array.from(viewer.maps()[0].raw)", np.float32).reshape(SIDE, SIDE)
        np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(raw.numpy()).max())
        assert page.evaluate("viewer.ends[0][1]") == pytest.approx(np.percentile(np.abs(expected), 99), rel=1e-2)

    def test_the_cross_hair_tells_the_mean_and_a_box_the_pixels(self, page):
        press(page, "ArrowRight")
        before = note(page, 1)
        press(page, "g")
        assert note(page, 1) != before
        page.evaluate("viewer.set({at: null, box: [0, 0, 32, 64]})")
        shares = [note(page, 1)]
        press(page, "g")
        shares.append(note(page, 1))
        assert shares[0] == shares[1]

    def test_it_goes_round_and_is_a_choice(self, page):
        before = pixels(page, 1)
        press(page, "g", "g", "g")
        assert (pixels(page, 1) == before).all()
        page.locator("summary", has_text="Display").click()
        page.get_by_role("group", name="Averaged over").get_by_role("button", name="28 cells").click()
        assert (pixels(page, 1) != before).any()


class TestTogether:
    def test_the_wheel_zooms_all_once_a_map_was_clicked(self, page):
        canvas = page.locator("canvas[role=img]").nth(1)
        canvas.hover()
        page.mouse.wheel(0, -600)
        assert state(page, "zoom") == 1, "before that, the page scrolls"
        canvas.click()
        page.mouse.wheel(0, -600)
        page.wait_for_function("viewer.state.zoom > 1.5")

    def test_a_zoomed_picture_shows_that_part_in_every_tile(self, page):
        page.evaluate("viewer.set({colours: 'grey'}); viewer.zoom(8, [5, 60])")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        left, top = state(page, "left"), state(page, "top")
        assert left <= 5 <= left + 8
        assert top <= 60 <= top + 8
        corners = page.evaluate(
            "viewer.tiles.map(({canvas}) => Array.from(canvas.getContext('2d').getImageData(1, 1, 1, 1).data))"
        )
        unit = page.evaluate("viewer.tiles[0].canvas.width") / 8
        row, column = (int(start + 1.5 / unit) for start in (top, left))
        for tile, corner in enumerate(corners):
            assert corner[:3] == pixels(page, tile)[row, column].tolist()

    def test_dragging_moves_and_never_leaves_the_picture(self, page):
        page.evaluate("viewer.zoom(4, [32, 32])")
        before = state(page, "left")
        box = page.locator("canvas[role=img]").nth(2).bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 60, box["y"] + 100)
        page.mouse.up()
        assert state(page, "left") > before
        page.evaluate("viewer.pan(99, -99)")
        assert (state(page, "left"), state(page, "top")) == (SIDE - SIDE / 4, 0)

    def test_the_cross_hair_tells_every_value(self, page):
        press(page, "ArrowRight")
        x, y = state(page, "at")
        for m, attribution in enumerate(attributions(3)):
            value = reduce_channels(attribution, "signed")[y, x].item()
            assert float(note(page, m + 1).split(" · ")[1]) == pytest.approx(value, rel=0.06)
        assert f"column {x}, row {y}" in page.locator(".line").inner_text()

    def test_the_pointer_moves_it(self, page):
        box = page.locator("canvas[role=img]").nth(0).bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.75)
        assert state(page, "at") == [SIDE // 4, SIDE * 3 // 4]

    def test_the_box_tells_each_share(self, page):
        box = page.locator("canvas[role=img]").nth(1).bounding_box()
        unit = box["width"] / SIDE
        page.keyboard.down("Shift")
        page.mouse.move(box["x"] + 8.5 * unit, box["y"] + 4.5 * unit)
        page.mouse.down()
        page.mouse.move(box["x"] + 31.5 * unit, box["y"] + 50.5 * unit)
        page.mouse.up()
        page.keyboard.up("Shift")
        assert state(page, "box") == [8, 4, 32, 51]
        for m, attribution in enumerate(attributions(3)):
            share, area = inside(reduce_channels(attribution), (8, 4, 32, 51))
            assert f"{100 * share:.1f} % of |attribution| in {100 * area:.1f} % of the area" in note(page, m + 1)

    def test_a_blank_map_has_no_share_in_the_box(self, opened):
        """0.0 % would say that its attribution is elsewhere. In the core it is NaN."""
        blank, map_ = torch.zeros(3, SIDE, SIDE), attributions(1)[0]
        mount(opened, labelled([blank, map_]))
        opened.evaluate("viewer.set({box: [8, 4, 32, 51]})")
        assert np.isnan(inside(reduce_channels(blank), (8, 4, 32, 51))[0])
        assert note(opened, 1) == "draft 0/9 · blank map: no attribution to share"
        assert " % of |attribution| in " in note(opened, 2)
        assert "Map 0 blank map: no attribution to share, Map 1 " in opened.locator(".line").inner_text()

    def test_a_box_ends_with_its_button_whatever_becomes_of_the_shift_key(self, page):
        box = page.locator("canvas[role=img]").nth(1).bounding_box()
        unit = box["width"] / SIDE
        page.mouse.move(box["x"] + 8.5 * unit, box["y"] + 4.5 * unit)
        page.keyboard.down("Shift")
        page.mouse.down()
        page.keyboard.up("Shift")
        page.mouse.move(box["x"] + 31.5 * unit, box["y"] + 50.5 * unit)
        page.mouse.up()
        assert (state(page, "box"), state(page, "corner")) == ([8, 4, 32, 51], None)

    def test_escape_ends_a_box_that_is_being_drawn(self, page):
        page.locator("canvas[role=img]").nth(1).hover()
        page.keyboard.down("Shift")
        page.mouse.down()
        page.keyboard.up("Shift")
        page.keyboard.press("Escape")
        page.locator("canvas[role=img]").nth(1).hover(position={"x": 5, "y": 5})
        page.mouse.up()
        assert (state(page, "box"), state(page, "corner")) == (None, None)

    def test_only_a_main_button_that_is_down_moves_the_picture(self, page):
        """The menu of another button, or of a long press, swallows the end of the press."""
        page.evaluate("viewer.zoom(4, [32, 32])")
        before = state(page, "left")
        box = page.locator("canvas[role=img]").nth(2).bounding_box()
        x, y = box["x"] + 100, box["y"] + 100
        page.mouse.move(x, y)
        page.mouse.down(button="right")
        page.mouse.move(x - 40, y)
        page.mouse.up(button="right")
        assert state(page, "left") == before
        page.evaluate("addEventListener('pointerup', (event) => event.stopImmediatePropagation(), {capture: true})")
        page.keyboard.down("Shift")
        page.mouse.down()
        page.mouse.up()
        page.keyboard.up("Shift")
        page.mouse.move(x, y)
        assert (state(page, "left"), state(page, "box"), state(page, "corner")) == (before, None, None)

    def test_a_tap_shows_the_values_there_and_a_scroll_leaves_them(self, page):
        tools = page.context.new_cdp_session(page)

        def touch(kind: str, *points: dict) -> None:
            tools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [*points]})

        box = page.locator("canvas[role=img]").nth(1).bounding_box()
        place = {"x": box["x"] + box["width"] / 4, "y": box["y"] + box["height"] / 2}
        touch("touchStart", place)
        touch("touchEnd")
        assert state(page, "at") == [SIDE // 4, SIDE // 2]
        assert "column 16, row 32" in page.locator(".line").inner_text()
        touch("touchStart", {**place, "x": place["x"] + 60})
        assert state(page, "at") != [SIDE // 4, SIDE // 2]
        touch("touchCancel")
        assert state(page, "at") == [SIDE // 4, SIDE // 2]
        tools.detach()

    def test_blinking_swaps_two_maps_in_one_place(self, page):
        page.evaluate("viewer.set({first: 0, second: 2})")
        press(page, "b")
        assert (pixels(page, 4) == pixels(page, 1)).all()
        press(page, "b")
        assert (pixels(page, 4) == pixels(page, 3)).all()
        press(page, "Escape")
        assert page.locator("figure").count() == 4

    def test_a_click_swaps_them_and_the_end_of_a_drag_does_not(self, page):
        """Of both, browsers tell a click."""
        page.evaluate("viewer.set({extra: 'blink'}), viewer.zoom(2, [32, 32])")
        heading = page.locator("figcaption b").last
        box = page.locator("figure canvas[role=img]").last.bounding_box()
        x, y = box["x"] + 100, box["y"] + 100
        for keys, to, shown in (([], 50, "Map 0"), (["Shift"], 50, "Map 0"), ([], 2, "Map 1")):
            for key in keys:
                page.keyboard.down(key)
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + to, y)
            page.mouse.up()
            for key in keys:
                page.keyboard.up(key)
            assert heading.inner_text() == shown
        assert state(page, "left") != 0, "the picture has moved"

    @pytest.mark.parametrize("count", [1, 2])
    def test_of_one_map_alone_there_is_nothing_to_mix(self, opened, count):
        mount(opened, labelled(attributions(1)))
        mount(opened, labelled(attributions(count)))
        for name in ("blink", "difference"):
            button = opened.get_by_role("button", name=name, exact=True)
            assert button.is_disabled() == (count == 1)
            opened.evaluate("extra => viewer.set({extra})", name)
            assert button.get_attribute("aria-pressed") == ("true" if count == 2 else "false")

    def test_the_difference_of_a_map_and_itself_is_nothing(self, page):
        page.evaluate("viewer.set({first: 1, second: 1})")
        press(page, "d")
        assert (pixels(page, 4) == 255).all(), "the colour of the page"
        page.evaluate("viewer.set({first: 0})")
        assert pixels(page, 4).std() > 20


class TestState:
    def test_it_survives_new_data(self, page):
        """While a map sharpens, the zoom, the cross-hair and the focus stay, and so does the very element."""
        page.evaluate("viewer.set({kind: 'signed'}); viewer.zoom(3, [20, 20])")
        press(page, "ArrowRight")
        before = page.evaluate("JSON.stringify(viewer.state)")
        page.evaluate("viewer.tiles[1].canvas.dataset.seen = '1'")
        old = pixels(page, 1)
        mount(page, labelled([2 * a.flip(1) for a in attributions(3)]))
        assert page.evaluate("JSON.stringify(viewer.state)") == before
        assert page.evaluate("viewer.tiles[1].canvas.dataset.seen") == "1"
        assert page.evaluate("host.activeElement?.className").startswith("viewer")
        assert (pixels(page, 1) != old).any()

    def test_it_survives_a_visit_elsewhere(self, page):
        page.evaluate("viewer.set({colours: 'viridis', corner: [1, 1]}); viewer.zoom(3, [20, 20])")
        page.evaluate(CLOSE)
        assert page.locator(".viewer").count() == 0
        mount(page, labelled(attributions(3)))
        assert [state(page, name) for name in ("colours", "zoom", "corner")] == ["viridis", 3, None]
        assert page.locator(".viewer.zoomed").count() == 1, "so a finger moves the picture and not the page"

    def test_a_photo_of_another_size_is_shown_whole_and_unmarked(self, page):
        page.evaluate("viewer.zoom(4, [60, 60]), viewer.set({at: [60, 60], box: [40, 40, 64, 64], corner: [50, 50]})")
        mount(page, labelled(attributions(3, 32), PHOTO[:32, :32]))
        found = [state(page, name) for name in ("zoom", "left", "top", "at", "box", "corner")]
        assert found == [1, 0, 0, None, None, None]
        assert page.locator(".viewer.zoomed").count() == 0
        assert page.evaluate("viewer.tiles.map((tile) => tile.picture.width)") == [32] * 4

    def test_more_maps_are_more_places(self, page):
        mount(page, labelled(attributions(5)))
        assert page.locator("figure").count() == 6
        assert page.locator("select").first.locator("option").count() == 5

    @pytest.mark.parametrize("count", [2, 5])
    def test_a_hand_is_not_disturbed_when_maps_come_or_go(self, page, count):
        page.evaluate("viewer.set({extra: 'difference'})")
        page.get_by_text("Display", exact=True).click()
        focused = page.get_by_role("slider", name="Clip at the percentile")
        focused.focus()
        page.evaluate("viewer.tiles[1].canvas.dataset.seen = '1'")
        mount(page, labelled(attributions(count)))
        page.keyboard.press("ArrowLeft")
        assert state(page, "percent") == 98
        assert page.evaluate("viewer.tiles[1].canvas.dataset.seen") == "1"
        titles = ["Photo", *(f"Map {m}" for m in range(count)), "Map 0 − Map 1"]
        assert page.locator("figcaption b").all_inner_texts() == titles
        assert pixels(page, count + 1).std() > 20, "the difference is drawn too"

    def test_texts_are_the_new_ones(self, page):
        head = labelled(attributions(3))
        captions = ["Photo\nfrom white", "Map 0\na gloss", "Map 1\na gloss", "Map 2\na gloss"]
        head["photo"]["gloss"] = "from white"
        mount(page, head)
        assert page.locator("figcaption").all_inner_texts() == captions
        head["maps"][1] |= {"title": "Another", "gloss": "other words"}
        mount(page, head)
        assert page.locator("figcaption").all_inner_texts() == [*captions[:2], "Another\nother words", captions[3]]
        assert page.locator("select").first.locator("option").all_inner_texts() == ["Map 0", "Another", "Map 2"]

    def test_a_tick_that_the_script_is_to_answer_stays_until_then(self, page):
        show = """on => viewer.show({...viewer.head, offer: {on, help: ''},
          maps: viewer.head.maps.map((map) => ({...map, raw: map.raw.map((value) => -value), sorted: {}}))})"""
        page.evaluate("() => { window.told = []; viewer.chosen = (values) => told.push(values); }")
        page.evaluate(show, True)
        page.get_by_text("Display", exact=True).click()
        tick = page.get_by_role("checkbox", name="random network")
        tick.uncheck()
        assert page.evaluate("told") == [{"random": "off"}]
        for on, ticked in ((True, False), (False, False), (True, True)):
            page.evaluate(show, on)
            assert tick.is_checked() == ticked


class TestForEveryone:
    KEYS = (
        ("v", "kind", "signed"),
        ("c", "colours", "viridis"),
        ("s", "scale", "shared"),
        ("o", "over", True),
        ("p", "smooth", True),
        ("[", "percent", 98),
        ("d", "extra", "difference"),
        ("b", "extra", "blink"),
        ("n", "peek", True),
    )

    @pytest.mark.parametrize(("key", "name", "value"), KEYS)
    def test_every_control_has_a_key(self, page, key, name, value):
        press(page, key)
        assert state(page, name) == value

    def test_zoom_and_box_without_a_pointer(self, page):
        press(page, "+", "+")
        assert state(page, "zoom") == 2.25
        press(page, "0")
        assert state(page, "zoom") == 1
        press(page, "r", "Shift+ArrowRight", "Shift+ArrowDown", "r")
        left, top, right, bottom = state(page, "box")
        assert (right - left, bottom - top) == (11, 11)

    def test_its_keys_are_its_own(self, page):
        """Streamlit listens on the document: its r runs the page again."""
        page.evaluate("window.heard = [], document.addEventListener('keydown', ({key}) => heard.push(key))")
        press(page, "r", "c", "x", "Control+c")
        assert page.evaluate("heard") == ["x", "Control", "c"]

    def test_a_picture_in_place_of_a_map_has_the_name_of_what_it_shows(self, page):
        def names() -> list[str]:
            return page.evaluate("viewer.tiles.slice(1).map(({canvas}) => canvas.getAttribute('aria-label'))")

        page.evaluate(
            """() => {
              const [one, two, three] = viewer.head.maps;
              const random = {map: {raw: one.raw, sorted: {}}, said: 'changed', number: '0.1', href: '#'};
              viewer.show({...viewer.head, maps: [{...one, random}, two, {...three, instead: new ImageData(64, 64)}]});
            }"""
        )
        assert names() == ["map 0 in words", "map 1 in words", "Map 2: the photo with replaced regions"]
        press(page, "n")
        random = "Map 0, same photo, all layers of the network random: changed"
        assert names()[0] == random
        page.evaluate("viewer.show({...viewer.head, maps: viewer.head.maps.map((map) => ({...map, instead: null}))})")
        assert names() == [random, "map 1 in words", "map 2 in words"]

    def test_keys_in_a_control_are_the_controls(self, page):
        page.get_by_text("Display").click()
        page.locator("input[type=range]").first.focus()
        page.keyboard.press("ArrowLeft")
        assert state(page, "percent") == 98
        assert state(page, "at") is None

    def test_everything_has_a_name(self, page):
        page.get_by_text("Display").click()
        for canvas in page.locator("figure canvas[role=img]").all():
            assert canvas.get_attribute("aria-label")
        assert page.get_by_role("img", name="map 1 in words").count() == 1
        for role, names in {
            "button": [*KINDS, *COLOURS, *SCALES, *AVERAGES, "blink", "difference"],
            "slider": ["Clip at the percentile", "Opacity over the photo"],
            "checkbox": ["over the photo", "smooth"],
            "combobox": ["first map", "second map"],
        }.items():
            assert [n for n in names if not page.get_by_role(role, name=n, exact=role == "button").count()] == []
            assert page.get_by_role(role).count() == len(names), "a control without a name"

    @pytest.mark.parametrize("width", [380, 800, 1440])
    def test_pictures_of_a_row_begin_at_one_height(self, opened, width):
        """Though one text over them takes more lines; also when it comes later, and when the room changes."""
        screen(opened, (1000, 900, "light"))
        head = labelled(attributions(5))
        mount(opened, head)
        head["maps"][1]["gloss"] = "a text that takes several lines over a picture of any width, " * 3
        mount(opened, head)
        opened.set_viewport_size({"width": width, "height": 900})
        opened.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        rows: dict[int, set[int]] = {}
        for figure in opened.locator("figure").all():
            top = figure.bounding_box()["y"]
            picture = figure.locator("canvas").first.bounding_box()["y"]
            rows.setdefault(round(top), set()).add(round(picture))
        assert len(rows) < 6, "several are in one row"
        assert all(len(tops) == 1 for tops in rows.values()), rows
        heights = {round(row): tops.pop() - row for row, tops in rows.items()}
        assert len(set(heights.values())) > 1 or len(rows) == 1, "other rows do not wait for it"

    @pytest.mark.parametrize("width", [380, 800, 1440])
    def test_it_fits(self, opened, width):
        screen(opened, (width, 900, "light"))
        mount(opened, labelled(attributions(3)))
        opened.evaluate("viewer.set({extra: 'difference'})")
        for summary in opened.locator("summary").all():
            summary.click()
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        assert all(c.bounding_box()["width"] >= 150 for c in opened.locator("figure canvas[role=img]").all())

    @pytest.mark.parametrize("place", ["title", "gloss", "status"])
    def test_a_long_word_stays_in_its_tile(self, opened, place):
        """The name of a pin is typed freely, and names of classes and layers have no spaces."""
        screen(opened, (800, 900, "light"))
        head = labelled(attributions(3))
        head["maps"][0][place] = "features.denseblock4_" * 3
        mount(opened, head)
        press(opened, "ArrowRight")
        wider = "all => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)"
        for part in ("figure", "figcaption", ".note", ".line"):
            assert opened.locator(part).evaluate_all(wider) == [], part


def test_a_viewer_without_a_layout_has_no_maps(page):
    """The scripts of these tests look into a viewer at any moment, also before its first layout."""
    page.evaluate("window.host.attributionViewer = window.viewer")
    assert [*page.evaluate(MAPS)] == ["Map 0", "Map 1", "Map 2"]
    page.evaluate("window.host.attributionViewer = new window.code.Viewer(window.host, 'new')")
    assert page.evaluate(MAPS) == {}


def test_a_change_of_the_display_draws_each_map_once_and_sorts_nothing_again(opened):
    """So it is drawn within a frame: what takes long is done when a map comes, and not again."""
    mount(opened, labelled(attributions(6, 224), np.zeros((224, 224, 3), np.uint8)))
    found = opened.evaluate(
        """() => {
          const counted = {drawn: 0, sorted: 0};
          const count = (owner, name, what) => {
            const real = owner[name];
            owner[name] = function (...given) { counted[what]++; return real.apply(this, given); };
          };
          count(OffscreenCanvasRenderingContext2D.prototype, 'putImageData', 'drawn');
          count(Float32Array.prototype, 'sort', 'sorted');
          viewer.set({kind: 'positive'});
          return [{kind: 'signed'}, {percent: 90}, {over: true}, {opacity: 50}, {colours: 'viridis', kind: 'absolute'},
                  {scale: 'shared'}, {smooth: true}].map(change => {
            Object.assign(counted, {drawn: 0, sorted: 0});
            viewer.set(change);
            return [counted.drawn, counted.sorted];
          });
        }"""
    )
    assert found == [[6, 0]] * 6 + [[0, 0]], "smooth is how pictures are shown, not what they are made of"


def test_values_as_they_were_sent_are_counted_instead_of_sorted(opened):
    """With zeros of both signs, values that are too small for a normal number, and equal ones."""
    values = np.concatenate([toys.image(0, (3000,)).numpy(), np.zeros(5), -np.zeros(5), [1e-7, -1e-7, 1.0, -1.0, -1.0]])
    head, payload = unpack(map_message("", values))
    mount(opened, labelled(attributions(1)))
    found = opened.evaluate(
        """({text, unit}) => {
          const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
          const raw = code.rawOf(bytes, unit);
          return ['absolute', 'positive', 'signed'].map(kind => {
            const [one, other] = [new Uint16Array(bytes.slice().buffer), undefined].map(halves =>
              code.ordered({raw, halves, unit, sorted: {}}, kind));
            return [one.length, one.every((value, k) => value === other[k])];
          });
        }""",
        {"text": base64.b64encode(payload).decode(), "unit": head["unit"]},
    )
    assert found == [[len(values), True]] * 3


def test_only_what_is_new_is_drawn(opened):
    """A page whose curves are being computed hears of them many times a second, and its maps stay as they are."""
    mount(opened, labelled(attributions(3)))
    found = opened.evaluate(
        """async () => {
          let drawn = 0, changed = 0;
          const real = OffscreenCanvasRenderingContext2D.prototype.putImageData;
          OffscreenCanvasRenderingContext2D.prototype.putImageData = function (...given) {
            drawn++;
            return real.apply(this, given);
          };
          const watched = {attributes: true, childList: true, characterData: true, subtree: true,
            attributeFilter: ['aria-label', 'aria-pressed', 'class', 'style', 'width', 'height', 'title']};
          new MutationObserver(records => { changed += records.length; }).observe(viewer.frame, watched);
          const show = async (change, only) => {
            [drawn, changed] = [0, 0];
            const all = only === undefined;
            const maps = viewer.head.maps.map((map, m) => all || m === only ? {...map, ...change(map)} : map);
            viewer.show({...viewer.head, maps});
            await new Promise(done => setTimeout(done));
            return [drawn, changed];
          };
          const told = () => viewer.tiles[1].note.textContent;
          for (let k = 0; k < 4; k++) await new Promise(requestAnimationFrame); // its first size is known now
          return {
            same: await show(() => ({})),
            status: [await show(() => ({status: 'draft 8/9'}), 0), told()],
            one: (await show(map => ({raw: map.raw.map(value => -value * value), sorted: {}}), 1))[0],
            replaced: (await show(map => ({instead: new ImageData(64, 64)}), 2))[0],
            back: (await show(map => ({instead: null}), 2))[0],
          };
        }"""
    )
    assert found == {"same": [0, 0], "status": [[0, 1], "draft 8/9"], "one": 1, "replaced": 1, "back": 1}


def test_it_works_in_a_cell_of_a_notebook(opened):
    """In a frame without rights, as Jupyter shows it: the same pictures, and the same keys."""
    model, x = toys.linear(), toys.image()
    maps = [explain(model, x, "smoothgrad", 0, samples=2, seed=seed) for seed in (0, 1)]
    opened.set_content(show(model, x, *maps)._repr_html_())
    (frame,) = [frame for frame in opened.frames if frame.parent_frame]
    frame.locator("canvas").first.wait_for()
    for m, one in enumerate(maps):
        found = numbers(frame, f"viewer.tiles[{m + 1}].pixels.data").reshape(*x.shape[1:], 4)[..., :3]
        assert np.abs(found.astype(int) - one.picture).max() <= 12
    frame.locator(".viewer").focus()
    opened.keyboard.press("v")
    assert frame.evaluate("viewer.state.kind") == "signed"
