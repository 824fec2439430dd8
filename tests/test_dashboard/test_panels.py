"""What a panel computes, and how it is told: snapshots, figures, table rows, pictures."""

import json

import numpy as np
import pytest
import torch
import toys

from attribution import Store, explain, perturbation_curve, total_variation_curve
from attribution.models import Model
from attribution.types import Curve, Partial
from dashboard import figures, report, viewer
from dashboard.figures import STYLES, TITLES
from dashboard.jobs import View
from dashboard.panels import CONTROL, Panel, Snapshot, work


def network() -> Model:
    return toys.model(lambda z: z.square().sum(1) + 1)


X = toys.image(0, (3, 96, 96))


def panel(method: str, **knobs) -> Panel:
    return Panel(method, "photo", "toy", 0, patches=2, knobs=tuple(knobs.items()))


class TestWork:
    KNOBS = (("sigma", 0.5), ("samples", 9), ("seed", 0))

    def snapshots(self, panel):
        return list(work(panel, toys.in_batches_of(4, network()), X, Store()))

    def test_the_map_grows_then_the_curve(self):
        found = self.snapshots(panel("smooth_taylor", **dict(self.KNOBS)))
        assert [s.partial.done for s in found[:3]] == [4, 8, 9]
        assert all(s.variation for s in found)
        assert [s.rank for s in found[:3]] == [0, 0, 1]
        lengths = [len(s.fall.y) for s in found[3:]]
        assert lengths == sorted(lengths)

    def test_the_last_snapshot_is_what_the_core_says(self):
        last = self.snapshots(panel("smooth_taylor", **dict(self.KNOBS)))[-1]
        done = explain(network(), X, "smooth_taylor", 0, **dict(self.KNOBS))
        torch.testing.assert_close(last.partial.attribution, done.attribution)
        assert last.variation.area == pytest.approx(total_variation_curve(done.attribution).area)
        assert last.fall.area == pytest.approx(perturbation_curve(network(), X, done.attribution, 0, draws=2).area)

    def test_integrated_gradients_tell_their_completeness_gap(self):
        last = self.snapshots(panel("integrated_gradients", steps=4, baseline="black", draws=1, seed=0))[-1]
        missing, difference = last.gap
        total = last.partial.attribution.sum().item()
        assert total - difference == pytest.approx(missing)

    def test_the_control_has_a_curve_alone(self):
        last = self.snapshots(panel(CONTROL))[-1]
        assert last.partial is None
        assert len(last.fall.y) > 1


GROWN = {
    name: Curve(np.arange(float(n)), np.linspace(1, 0.6, n)) for name, n in zip(STYLES, (3, 31, 10, 2), strict=True)
}


class TestFigures:
    def test_a_line_for_each_method_named_and_told_apart_without_colour(self):
        figure = json.loads(figures.perturbation(GROWN, 30).to_json())
        assert [trace["name"] for trace in figure["data"]] == [TITLES[name] for name in GROWN]
        assert len({trace["line"]["dash"] for trace in figure["data"]}) == 4
        assert len({trace["marker"]["symbol"] for trace in figure["data"]}) == 4
        assert len({trace["line"]["color"] for trace in figure["data"]}) == 4

    def test_axes_stay_while_curves_grow(self):
        short = {"smoothgrad": GROWN["smooth_taylor"]}
        for now, later in ((short, GROWN), ({}, short)):
            assert (
                figures.perturbation(now, 30).layout.xaxis.range == figures.perturbation(later, 30).layout.xaxis.range
            )
            assert (
                figures.perturbation(now, 30).layout.yaxis.range == figures.perturbation(later, 30).layout.yaxis.range
            )

    def test_curves_outside_the_usual_range_are_shown_whole(self):
        curve = Curve(np.arange(3.0), np.array([1.0, -0.3, 1.4]))
        low, high = figures.perturbation({"smoothgrad": curve}, 30).layout.yaxis.range
        assert low <= -0.3
        assert high >= 1.4

    def test_scales_are_named_by_their_size(self):
        axis = figures.variation({}, [224, 150, 100, 67, 45, 30]).layout.xaxis
        assert axis.ticktext == ("224", "150", "100", "67", "45", "30")

    def test_no_curves_yet_is_an_empty_chart(self):
        assert not figures.perturbation({}, 30).data
        assert not figures.variation({}, [32]).data


def partial(done: int, total: int = 150, evaluations: int = 20) -> Partial:
    return Partial(toys.image(3, (3, 8, 8)), done, total, evaluations, 0)


WHOLE = Curve(np.arange(31.0), np.ones(31))
SMOOTH = panel("smoothgrad", samples=150)


class TestReport:
    @pytest.mark.parametrize(
        ("view", "words"),
        [
            (View("waiting"), "waiting for its turn"),
            (View("running", Snapshot(partial(64))), "draft 64/150"),
            (View("stopped", Snapshot(partial(64))), "stopped at 64/150"),
            (View("stopped"), "stopped before its first points"),
            (View("done", Snapshot(partial(150))), "complete: 150 points"),
            (View("failed", error="no window fits"), "failed: no window fits"),
        ],
    )
    def test_status(self, view, words):
        assert report.status(view) == words

    def test_a_row_when_all_is_done(self):
        found = Snapshot(partial(150), WHOLE, (-0.5, 10.0), WHOLE)
        row = report.row(SMOOTH, View("done", found, seconds=1.25), found)
        assert row == {
            "Method": "SmoothGrad",
            "AUPC ↓": "30.00",
            "AUTVC ↓": "30.00",
            "Completeness gap": "-0.50 (5.0%)",
            "Gradients": "150 (20 new)",
            "Seconds": "1.2",
        }

    def test_no_number_is_told_before_it_is_whole(self):
        half = Curve(np.arange(9.0), np.ones(9))
        found = Snapshot(partial(64), WHOLE, None, half)
        assert report.row(SMOOTH, View("running", found), found)["AUPC ↓"] == "…"
        assert report.row(SMOOTH, View("running", found), found)["AUTVC ↓"] == "…"
        assert report.row(SMOOTH, View("stopped", found), found)["AUPC ↓"] == "partial: 8/30 windows"

    def test_windows_that_did_not_fit_are_told(self):
        few = Curve(np.arange(4.0), np.ones(4), "only 3 of 30 windows of 15x15 fit")
        found = Snapshot(partial(150), WHOLE, None, few)
        assert report.row(SMOOTH, View("done", found), found)["AUPC ↓"] == "3.00 (only 3 of 30 windows of 15x15 fit)"

    def test_the_control_has_no_map(self):
        found = Snapshot(fall=WHOLE)
        row = report.row(panel(CONTROL), View("done", found), found)
        assert (row["AUPC ↓"], row["AUTVC ↓"], row["Gradients"]) == ("30.00", "", "0")

    def test_progress_is_the_share_of_work(self):
        assert report.progress({SMOOTH: View("waiting")}) == (0.0, "SmoothGrad 0/150")
        share, text = report.progress({SMOOTH: View("running", Snapshot(partial(75)))})
        assert share == pytest.approx(3 * 75 / (3 * 150 + 60))
        assert text == "SmoothGrad 75/150"
        done = View("done", Snapshot(partial(150), WHOLE, None, WHOLE))
        assert report.progress({SMOOTH: done}) == (1.0, "")

    def test_a_map_in_words(self):
        a = torch.zeros(3, 8, 8)
        a[:, 5:, :3] = 1
        words = report.describe(SMOOTH, Snapshot(Partial(a, 1, 1, 1, 0)))
        assert words == "SmoothGrad: 100% of the attribution lies in the bottom left quarter"
        assert report.describe(SMOOTH, Snapshot(Partial(0 * a, 1, 1, 1, 0))) == "SmoothGrad: a blank map"


class TestViewer:
    PHOTO = np.full((8, 8, 3), 90, np.uint8)

    def draw(self, maps, **display):
        return viewer.draw(maps, self.PHOTO, viewer.Display(**display))

    def test_shared_scale_shows_which_map_is_stronger(self):
        strong, weak = toys.image(1, (3, 8, 8)), 0.1 * toys.image(2, (3, 8, 8))
        per_map = self.draw({"strong": strong, "weak": weak}, colours="grey")
        assert per_map["weak"].max() == 255
        shared = self.draw({"strong": strong, "weak": weak}, colours="grey", shared=True)
        assert shared["weak"].max() < 128 < shared["strong"].max()

    @pytest.mark.parametrize("dark", [False, True])
    def test_signed_zero_has_the_colour_of_the_page(self, dark):
        a = torch.zeros(3, 8, 8)
        a[0, 0, 0], a[0, 1, 1] = 1, -1
        picture = self.draw({"map": a}, kind="signed", dark=dark)["map"]
        assert picture[4, 4].tolist() == ([14, 17, 23] if dark else [255, 255, 255])
        assert picture[0, 0, 0] > picture[0, 0, 2], "orange for"
        assert picture[1, 1, 2] > picture[1, 1, 0], "blue against"

    def test_a_blank_map_over_a_photo_is_the_photo(self):
        assert (self.draw({"map": torch.zeros(3, 8, 8)}, opacity=1.0)["map"] == 90).all()

    def test_png_is_lossless(self):
        import io

        import PIL.Image

        picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        assert (np.asarray(PIL.Image.open(io.BytesIO(viewer.png(picture)))) == picture).all()
