"""The example that is shipped computed: it is what the code computes, small, and shown without torch."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from attribution import METRICS, Store
from attribution.heatmaps import COLOURS, DIVERGING
from attribution.images import to_picture
from attribution.metrics import perturbation
from attribution.types import Curve
from dashboard.cold_start import example, precomputed
from dashboard.controls.methods import CONTROLS
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.first import FIRST
from dashboard.experiment.gallery import gallery_photo
from dashboard.experiment.subject import Subject
from dashboard.live.frames import unpack
from dashboard.place import ASSETS
from dashboard.views.compare import parts
from dashboard.views.compare.board import CompareBoard
from dashboard.views.learn import lessons
from dashboard.work.panel import CONTROL, PERTURBATION, Cell
from dashboard.work.scheduler import Scheduler, View

ROOT = Path(__file__).parents[2]
WHOLE = METRICS[PERTURBATION].knobs["regions"].default
REGIONS, OF_ORDERS = 5, 2


@pytest.fixture(scope="module")
def made():
    """With the first regions of each curve: fewer of the random orders, whose maps are nowhere negative. Only the
    second of the eight is whole."""
    fall = METRICS[PERTURBATION]

    def begun(score, x, heatmap, *, seed, **knobs):
        regions = REGIONS if (heatmap < 0).any() else WHOLE if seed == FIRST.seed + 1 else OF_ORDERS
        return fall.run(score, x, heatmap, seed=seed, regions=regions, **knobs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METRICS, PERTURBATION, replace(fall, run=begun))
        return precomputed.make()


def test_it_is_what_the_code_computes(made):
    """Other processors round otherwise: maps must agree to a part in a hundred. Curves choose among windows and patches
    that can be all but equal, and go another way from there: they must agree as two of one map do."""
    held = example.load()
    about = json.loads(str(made["about"]))
    for method, values in held.maps.items():
        again = made[f"map:{method}"].astype(np.float64) * about["methods"][method]["unit"]
        assert np.linalg.norm(values - again) < 0.01 * np.linalg.norm(again)
        np.testing.assert_allclose(held.curves["total_variation"][method], made[f"total_variation:{method}"], atol=0.01)
    for method, values in held.curves[PERTURBATION].items():
        if method == CONTROL:
            continue
        again = made[f"perturbation:{method}"]
        assert len(again) == REGIONS + 1 < len(values)
        np.testing.assert_allclose(values[: len(again)], again, atol=0.1)
        assert np.mean(values[: len(again)]) == pytest.approx(np.mean(again), abs=0.02)
    for key in ("setting", "weights", "size", "resize", "titles", "metrics", "prediction", "photo", "palettes"):
        assert held.about[key] == about[key], key
    for method, said in held.about["methods"].items():
        assert said["words"] == about["methods"][method]["words"]
        assert said["measure"] == about["methods"][method]["measure"]


def test_its_random_orders_are_those_of_the_code(made):
    held, again = example.load(), json.loads(str(made["about"]))["bands"]
    assert held.about["bands"].keys() == again.keys() == {PERTURBATION}
    band, mean = held.about["bands"][PERTURBATION], np.array(held.curves[PERTURBATION][CONTROL])
    assert len(again[PERTURBATION]["areas"]) == len(band["areas"]) == 8
    assert band["areas"][1] == pytest.approx(again[PERTURBATION]["areas"][1], abs=0.6)
    for values, now in (
        (mean, made[f"{PERTURBATION}:{CONTROL}"]),
        (band["low"], again[PERTURBATION]["low"]),
        (band["high"], again[PERTURBATION]["high"]),
    ):
        assert len(now) == OF_ORDERS + 1 < len(values)
        np.testing.assert_allclose(values[: len(now)], now, atol=0.01)
    low, high = (Curve(np.arange(31.0), np.array(band[end])).area for end in ("low", "high"))
    assert all(low <= area <= high for area in band["areas"])
    assert Curve(np.arange(31.0), mean).area == pytest.approx(np.mean(band["areas"]), abs=1e-3)
    assert (np.array(band["low"]) <= mean + 1e-4).all()
    assert (mean <= np.array(band["high"]) + 1e-4).all()


def test_it_is_small_and_holds_no_photo():
    assert example.FILE.stat().st_size <= 1024 * 1024
    assert lessons.FILE.stat().st_size <= 1024 * 1024
    with np.load(example.FILE) as held:
        assert not any(held[name].ndim == 3 for name in held.files)


def test_the_words_of_its_charts_are_those_of_the_live_page():
    charts = {name: parts.chart(name, FIRST.output) for name in FIRST.metrics}
    (layout, *_), _ = zip(*map(unpack, example.load().messages()), strict=True)
    assert {chart["name"]: chart for chart in layout["charts"]} == json.loads(json.dumps(charts))


def test_the_palettes_are_those_of_the_core():
    palettes = example.load().about["palettes"]
    assert {name: tuple(anchors) for name, anchors in palettes["colours"].items()} == COLOURS
    assert {name: tuple(anchors) for name, anchors in palettes["diverging"].items()} == DIVERGING


@pytest.fixture(scope="module")
def loaded():
    """Which of torch and pandas a new process has loaded: after what is on screen first, after the styles of charts,
    and after all of the example is shown."""
    code = (
        "import sys\n"
        "def tell(): print(*(sys.modules.keys() & {'torch', 'pandas'}))\n"
        "from dashboard.cold_start import example, first\n"
        "first.stage.source(), first.stage.first(example.load().messages())\n"
        "tell()\n"
        "import dashboard.charts.styles\n"
        "tell()\n"
        "from dashboard.charts import curves as charts\n"
        "held = example.load(); held.messages()\n"
        "[charts.curves(held.lines(name), held.axes(name)) for name in held.curves]\n"
        "tell()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, styles, shown = (set(line.split()) for line in done.stdout.splitlines())
    return {"first": first, "styles": styles, "shown": shown}


def test_showing_it_loads_no_torch(loaded):
    assert "torch" not in loaded["shown"]


def test_what_is_on_screen_first_waits_for_nothing_that_takes_long_to_load(loaded):
    assert not loaded["first"]


def test_no_chart_meets_a_half_imported_pandas(loaded):
    """Plotly takes pandas from `sys.modules`, even while another session's thread is still importing it."""
    assert "pandas" in loaded["styles"]
    for path in (ROOT / "dashboard" / "charts").glob("*.py"):
        text = path.read_text()
        first = "\nimport pandas" if path.stem == "styles" else "\nfrom dashboard.charts.styles import"
        assert "\nimport plotly" not in text or first in text, path


def test_the_photo_is_what_the_model_sees(lite0):
    seen = to_picture(lite0.pixels(lite0.prepare(gallery_photo(FIRST.image))))
    assert np.abs(example.load().photo().astype(int) - seen).mean() < 1
    x = lite0.prepare(gallery_photo(FIRST.image))
    assert lite0.predict(x, k=1)[0][1] in example.load().about["photo"]


def test_its_messages_are_those_of_the_live_page(lite0):
    """The same parts with the same fields: the stage cannot tell which of them came first."""
    x = lite0.prepare(gallery_photo(FIRST.image))
    predictions = tuple(lite0.predict(x, k=5))
    subject = Subject(gallery_photo(FIRST.image), x, FIRST.image, lite0, predictions, predictions[0][0])
    jobs = Scheduler()
    board = CompareBoard(jobs, "me", Store(), FIRST, subject)
    live = {part.name: unpack(part.make()) for part in board.look().parts}
    for head, payload in map(unpack, example.load().messages()):
        name = " ".join(filter(None, (head["part"], head.get("metric"), head.get("name"))))
        there, bytes_there = live.pop(name)
        assert head.keys() <= there.keys()
        assert len(payload) == len(bytes_there) or head["part"] == "curve"
    assert not live


class TestStandingIn:
    def subject(self, model) -> Subject:
        x = model.prepare(gallery_photo(FIRST.image))
        return Subject(gallery_photo(FIRST.image), x, "cat", model, tuple(model.predict(x, k=1)), 282)

    def cells(self, state: str) -> tuple[Cell, ...]:
        panels = FIRST.panels("cat", "efficientnet_lite0", 282)
        return tuple(
            Cell(
                panel,
                View("done" if panel.method == CONTROL else state),
                tuple((key, View(state)) for key in FIRST.curve_keys(panel)),
            )
            for panel in panels
        )

    def test_what_is_at_work_shows_what_was_computed(self, lite0):
        shown = precomputed.stand_in(self.cells("running"), FIRST, self.subject(lite0))
        assert all(cell.curve(PERTURBATION).area > 0 and not cell.live and cell.instead_of.live for cell in shown)
        assert shown[0].snapshot.partial.attribution.shape == (1, 224, 224)
        assert shown == precomputed.stand_in(self.cells("waiting"), FIRST, self.subject(lite0)), "drawn once"

    def test_what_is_done_is_its_own(self, lite0):
        cells = self.cells("done")
        assert precomputed.stand_in(cells, FIRST, self.subject(lite0)) == cells

    @pytest.mark.parametrize("change", [{"sigma": 0.3}, {"image": "cat"}, {"seed": 1}, {"target": 3}])
    def test_another_experiment_is_not_it(self, lite0, change):
        cells = self.cells("running")
        assert precomputed.stand_in(cells, replace(FIRST, **change), self.subject(lite0)) == cells


class TestLessons:
    def test_each_has_one_picture_and_a_way_in(self):
        assert len({lesson.title for lesson in lessons.LESSONS}) == len(lessons.LESSONS) >= 9
        for lesson in lessons.LESSONS:
            assert bool(lesson.maps) != bool(lesson.chart)
            assert Experiment.from_query(lesson.opens.to_query()) == lesson.opens

    def test_a_random_order_is_no_proof(self):
        """A map of nothing but the centre can beat it. The texts say so where they speak of random orders."""
        (text,) = (lesson.text for lesson in lessons.LESSONS if lesson.chart == "blank")
        for said in (text, METRICS[PERTURBATION].note, perturbation.__doc__):
            assert "random order" in said
            assert "centre" in said
        assert "at least" not in text

    def test_what_they_say_of_the_blob_is_what_the_results_files_say(self):
        """It beats random orders in insertion, and does not in AUPC, nor on the photo of the lesson."""

        def numbers(name):
            with (ASSETS / name).open(encoding="utf-8", newline="") as lines:
                return {row["method"]: row for row in csv.DictReader(lines)}

        family, headline = numbers("ig-family.csv"), numbers("headline.csv")
        assert float(family["centre"]["insertion"]) > float(family["random_order"]["insertion"]) + 0.1
        assert float(headline["centre"]["aupc"]) > float(headline["random_order"]["aupc"])
        _, shown = lessons.load()
        assert shown["centre"] > shown["random"]
        texts = [one.text for one in lessons.LESSONS if "blob" in one.text]
        assert len(texts) == 2
        assert all("insertion" in text for text in texts)
        assert "and does not in AUPC" in texts[-1]
        assert CONTROLS.partition("it is ")[2] in texts[-1], "a control is the same thing everywhere"

    def test_a_map_of_few_samples_is_not_said_to_be_curvature(self):
        """Another seed gives another map: what a mean over many samples would show is the smaller part of it."""
        (lesson,) = (one for one in lessons.LESSONS if "curvature" in one.text)
        assert f"With {lesson.opens.samples} samples, as here, much of the first-order parts is still" in lesson.text
        maps, _ = lessons.load()
        assert np.corrcoef(maps["smooth_taylor"].flatten(), maps["seed 1"].flatten())[0, 1] < 0.5

    def test_what_they_say_is_so(self):
        """The numbers of the file bear out the text under which they stand."""
        maps, numbers = lessons.load()
        path = np.array(numbers["path"])
        assert np.ptp(path[-10:]) < 0.1 * np.ptp(path), "flat around the photo"
        assert np.ptp(path[:10]) > 0.5 * np.ptp(path), "and it climbs at the start"
        coat = (slice(80, 140), slice(0, 80))
        black, white = (np.abs(maps[f"camera {name}"])[coat].mean() for name in ("black", "white"))
        assert black < 0.3 * white, "from a black baseline the coat cannot light up"
        assert numbers["ig"] < numbers["random"] < numbers["edges"]
        assert abs(numbers["seeds"]) < 0.6, "spots of one seed are often not those of another"
        assert numbers["half"] < numbers["half28"], "regions settle before pixels"
        assert np.corrcoef(maps["seed 0"].flatten(), maps["seed 1"].flatten())[0, 1] == pytest.approx(
            numbers["seeds"], abs=0.01
        )
        assert numbers["taylor"] < numbers["centre"], "a method does better than the blob"
        ranked = spearmanr(*(np.abs(maps[name]).ravel() for name in ("smoothgrad", "randomised"))).statistic
        assert numbers["randomised"] == pytest.approx(ranked, abs=0.01)
        assert abs(ranked) < 0.2, "the map of a network that has learned nothing is another one"
