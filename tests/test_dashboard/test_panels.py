"""What a panel computes, and how it is told: snapshots, figures, table rows, pictures."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
import torch
import toys

from attribution import Store, explain, perturbation_curve, total_variation_curve
from attribution.heatmaps import DIVERGING
from attribution.models import Model
from attribution.types import Curve, LinearCurve, Partial
from dashboard import figures, pictures, report
from dashboard.figures import TITLES
from dashboard.jobs import View
from dashboard.panels import CONTROL, Cell, Fall, Panel, Snapshot, fall_work, further, map_work, passes


def network() -> Model:
    return toys.model(lambda z: z.square().sum(1) + 1)


X = toys.image(0, (3, 96, 96))


def panel(method: str, **knobs) -> Panel:
    return Panel(method, "photo", "toy", 0, knobs=tuple(knobs.items()))


def cell(panel: Panel, seen: View, fell: View | None = None) -> Cell:
    return Cell(panel, 2, seen, fell or View("waiting"))


class TestWork:
    KNOBS = (("sigma", 0.5), ("samples", 9), ("seed", 0))

    def maps(self, panel, store=None):
        return list(map_work(panel, toys.in_batches_of(4, network()), X, store or Store()))

    def falls(self, panel, patches=2, finished=lambda panel: None, store=None):
        return list(fall_work(Fall(panel, patches), network(), X, store or Store(), finished))

    def test_the_map_grows(self):
        found = self.maps(panel("smooth_taylor", **dict(self.KNOBS)))
        assert [s.partial.done for s in found] == [4, 8, 9]
        assert all(len(s.variation.y) for s in found)

    def test_the_curve_grows(self):
        lengths = [len(curve.y) for curve in self.falls(panel("smooth_taylor", **dict(self.KNOBS)))]
        assert lengths == sorted(lengths)
        assert lengths[-1] > 2

    def test_the_last_ones_are_what_the_core_says(self):
        smooth = panel("smooth_taylor", **dict(self.KNOBS))
        done = explain(network(), X, "smooth_taylor", 0, **dict(self.KNOBS))
        last = self.maps(smooth)[-1]
        torch.testing.assert_close(last.partial.attribution, done.attribution)
        assert last.variation.area == pytest.approx(total_variation_curve(done.attribution).area)
        area = perturbation_curve(network(), X, done.attribution, 0, draws=2).area
        assert self.falls(smooth)[-1].area == pytest.approx(area)
        assert self.falls(smooth, finished=lambda found: last)[-1].area == pytest.approx(area)

    def test_the_finished_map_is_the_one_that_is_measured(self):
        smooth = panel("smooth_taylor", **dict(self.KNOBS))
        other = self.maps(panel("gradient"))[-1]
        assert self.falls(smooth, finished=lambda found: other)[-1].area == self.falls(panel("gradient"))[-1].area

    def test_integrated_gradients_tell_their_completeness_gap(self):
        last = self.maps(panel("integrated_gradients", steps=4, baseline="black", draws=1, seed=0))[-1]
        missing, difference = last.gap
        total = last.partial.attribution.sum().item()
        assert total - difference == pytest.approx(missing)

    def test_the_control_has_a_curve_alone(self):
        assert len(self.falls(panel(CONTROL))[-1].y) > 1

    def test_maps_go_before_curves_and_p_is_of_the_curve_alone(self):
        smooth = panel("smoothgrad", **dict(self.KNOBS))
        assert smooth.rank < Fall(smooth, 10).rank
        assert Fall(smooth, 10) != Fall(smooth, 50)


NAMES = ("integrated_gradients", "smoothgrad", "smooth_taylor", CONTROL)
GROWN = {name: np.linspace(1, 0.6, n) for name, n in zip(NAMES, (3, 31, 10, 2), strict=True)}


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
        curve = [1.0, -0.3, 1.4]
        low, high = figures.perturbation({"smoothgrad": curve}, 30).layout.yaxis.range
        assert low <= -0.3
        assert high >= 1.4

    def test_scales_are_named_by_their_size(self):
        axis = figures.variation({}, [224, 150, 100, 67, 45, 30]).layout.xaxis
        assert axis.ticktext == ("224", "150", "100", "67", "45", "30")

    def test_no_curves_yet_is_an_empty_chart(self):
        assert not figures.perturbation({}, 30).data
        assert not figures.variation({}, [32]).data


WHOLE = Curve(np.arange(31.0), np.ones(31))
HALF = Curve(np.arange(9.0), np.ones(9))
SMOOTH = panel("smoothgrad", samples=150)
PATH = panel("integrated_gradients", steps=50, draws=1)


def snapshot(done: int, total: int = 150, evaluations: int = 20) -> Snapshot:
    return Snapshot(Partial(toys.image(3, (3, 8, 8)), done, total, evaluations, 0), WHOLE)


def finished(panel: Panel, area: float) -> Cell:
    curve = Curve(np.arange(31.0), np.full(31, area / 30))
    return cell(panel, View("done", snapshot(150)), View("done", curve))


class TestReport:
    @pytest.mark.parametrize(
        ("view", "words"),
        [
            (View("waiting"), "waiting for its turn"),
            (View("running", snapshot(64)), "draft 64/150"),
            (View("stopped", snapshot(64)), "stopped at 64/150"),
            (View("stopped"), "stopped before its first points"),
            (View("done", snapshot(150)), "complete: 150 points"),
            (View("failed", error="no window fits"), "failed: no window fits"),
        ],
    )
    def test_status(self, view, words):
        assert report.status(cell(SMOOTH, view)) == words

    def test_a_row_when_all_is_done(self):
        found = Snapshot(snapshot(150).partial, WHOLE, (-0.5, 10.0))
        row = report.row(cell(SMOOTH, View("done", found, seconds=1), View("done", WHOLE, seconds=0.25)))
        assert row == {
            "Method": "SmoothGrad",
            "AUPC ↓": "30.00",
            "AUTVC ↓": "30.00",
            "Completeness gap": "-0.50 (5.0%)",
            "Gradients": "150",
            "Seconds": "1.2",
        }

    def test_gradients_are_shared_where_another_map_rests_on_them_too(self):
        done = [finished(SMOOTH, 20), finished(replace(SMOOTH, method="smooth_taylor"), 21)]
        assert [row["Gradients"] for row in report.rows(done)] == ["150 shared", "150 shared"]
        assert [row["Gradients"] for row in report.rows(done[:1])] == ["150"]

    def test_no_number_is_told_before_it_is_whole(self):
        running = cell(SMOOTH, View("running", snapshot(64)), View("waiting"))
        assert (report.row(running)["AUPC ↓"], report.row(running)["AUTVC ↓"]) == ("…", "…")
        assert report.row(cell(SMOOTH, View("done", snapshot(150)), View("running", HALF)))["AUPC ↓"] == "…"
        stopped = cell(SMOOTH, View("done", snapshot(150)), View("stopped", HALF))
        assert report.row(stopped)["AUPC ↓"] == "partial: 8/30 windows"

    def test_windows_that_did_not_fit_are_told(self):
        few = Curve(np.arange(4.0), np.ones(4), "only 3 of 30 windows of 15x15 fit")
        row = report.row(cell(SMOOTH, View("done", snapshot(150)), View("done", few)))
        assert row["AUPC ↓"] == "3.00 (only 3 of 30 windows of 15x15 fit)"

    def test_a_curve_that_failed_says_so(self):
        row = report.row(cell(SMOOTH, View("done", snapshot(150)), View("failed", error="the score is 0")))
        assert row["AUPC ↓"] == "failed"

    def test_a_further_curve_has_a_column_and_a_share_of_the_work(self):
        curve = LinearCurve(np.array([0, 0.25, 0.5]), np.array([0.1, 0.3, 0.5]))
        whole = LinearCurve(np.array([0, 0.5, 1]), np.array([0.0, 0.5, 1.0]))
        key = further(SMOOTH, "insertion", 7)
        assert key == further(SMOOTH, "insertion", 8), "a map that has no seed is measured once"
        assert further(panel(CONTROL), "insertion", 7) != further(panel(CONTROL), "insertion", 8)
        done = (View("done", snapshot(150)), View("done", WHOLE))
        half, all_there, gone = (
            Cell(SMOOTH, 2, *done, ((key, view),))
            for view in (View("running", curve), View("done", whole), View("failed", error="it does not climb"))
        )
        assert report.row(half)["Insertion ↑"] == "…"
        assert report.row(all_there)["Insertion ↑"] == "0.500"
        assert report.row(gone)["Insertion ↑"] == "failed"
        assert report.left([half]) == (0, 112)
        assert half.live
        assert report.progress([half])[1] == "Insertion of SmoothGrad 50%"
        assert report.progress([all_there]) == (1.0, "")
        assert report.errors([gone, gone, all_there]) == {"it does not climb": ["SmoothGrad", "SmoothGrad"]}

    def test_insertion_less_deletion_stands_beside_both(self):
        curve = LinearCurve(np.array([0.0, 1]), np.array([0.5, 0.5]))
        low = LinearCurve(np.array([0.0, 1]), np.array([0.125, 0.125]))
        more = (
            (further(SMOOTH, "insertion", 0), View("done", curve)),
            (further(SMOOTH, "deletion", 0), View("done", low)),
        )
        done = Cell(SMOOTH, 2, View("done"), View("done"), more)
        assert report.row(done)["Ins. − del. ↑"] == "+0.375"
        waiting = Cell(SMOOTH, 2, View("done"), View("done"), (more[0], (more[1][0], View("waiting"))))
        assert report.row(waiting)["Ins. − del. ↑"] == "…"
        assert "Ins. − del. ↑" not in report.row(Cell(SMOOTH, 2, View("done"), View("done"), more[:1]))

    def test_a_further_curve_costs_by_the_pixels(self):
        assert passes("insertion", 224) == 225
        assert passes("deletion", 299) == 401
        assert further(replace(SMOOTH, model="inception_v3"), "insertion", 0).passes == 401

    def test_more_insertion_is_better_and_more_deletion_is_not(self):
        def with_area(one, metric, area):
            key, curve = further(one, metric, 0), LinearCurve(np.array([0.0, 1]), np.array([area, area]))
            return Cell(one, 2, View("done"), View("done"), ((key, View("done", curve)),))

        cells = [with_area(SMOOTH, "insertion", 0.6), with_area(panel(CONTROL), "insertion", 0.5)]
        assert "all are above" in report.verdict(cells, "insertion")
        cells = [with_area(SMOOTH, "deletion", 0.6), with_area(panel(CONTROL), "deletion", 0.5)]
        assert "none is below" in report.verdict(cells, "deletion")

    def test_the_control_has_no_map(self):
        row = report.row(cell(panel(CONTROL), View("done"), View("done", WHOLE)))
        assert (row["AUPC ↓"], row["AUTVC ↓"], row["Gradients"]) == ("30.00", "", "0")

    def test_progress_is_the_share_of_work(self):
        assert report.progress([cell(SMOOTH, View("waiting"))]) == (0.0, "SmoothGrad 0/150")
        share, text = report.progress([cell(SMOOTH, View("running", snapshot(75)))])
        assert share == pytest.approx(3 * 75 / (3 * 150 + 60))
        assert text == "SmoothGrad 75/150"
        share, text = report.progress([cell(SMOOTH, View("done", snapshot(150)), View("running", HALF))])
        assert text == "AUPC of SmoothGrad 27%"
        assert report.progress([finished(SMOOTH, 20)]) == (1.0, "")

    def test_a_map_that_took_fewer_gradients_than_it_could_says_so(self):
        """Left-IG takes those before the cut, however many M would allow."""
        found = Snapshot(snapshot(12).partial, WHOLE)
        left = Panel("left_ig", "photo", "toy", 0, (("steps", 200),))
        assert left.points == 200
        cut = replace(found, partial=replace(found.partial, done=12, total=12))
        row = report.row(cell(left, View("done", cut), View("done", WHOLE)))
        assert row["Gradients"] == "12"

    def test_what_is_left_counts_shared_points_once(self):
        taylor = panel("smooth_taylor", samples=150)
        cells = [
            cell(PATH, View("waiting")),
            cell(SMOOTH, View("running", snapshot(64))),
            cell(taylor, View("waiting")),
        ]
        assert report.left(cells) == (50 + 150, 3 * 30 * 2)
        assert report.left([cell(SMOOTH, View("done", snapshot(150)), View("running", HALF))]) == (0, 22 * 2)
        assert report.left([finished(SMOOTH, 20)]) == (0, 0)

    def test_gradients_are_counted_once_for_all_who_share_them(self):
        taylor = panel("smooth_taylor", samples=150)
        cells = [finished(PATH, 20), finished(SMOOTH, 20), finished(taylor, 20), finished(panel(CONTROL), 20)]
        assert report.spent(cells[:3]).startswith("200 gradients make these maps, 60 of them")

    def test_curves_are_held_against_the_random_order(self):
        control = finished(panel(CONTROL), 25)
        assert "random order 25.00: 1 of 2 are below it" in report.verdict(
            [finished(SMOOTH, 20), finished(PATH, 27), control]
        )
        assert "none is below" in report.verdict([finished(SMOOTH, 26), control])
        assert "all are below" in report.verdict([finished(SMOOTH, 22), control])
        assert "Random" not in report.verdict([finished(SMOOTH, 22)])

    def test_a_map_in_words(self):
        a = torch.zeros(3, 8, 8)
        a[:, 5:, :3] = 1
        words = report.describe("smoothgrad", Snapshot(Partial(a, 1, 1, 1, 0), WHOLE))
        assert words == "SmoothGrad: 100% of the attribution lies in the bottom left quarter"
        blank = Snapshot(Partial(0 * a, 1, 1, 1, 0), WHOLE)
        assert report.describe("smoothgrad", blank) == "SmoothGrad: a blank map"


class TestViewer:
    PHOTO = np.full((8, 8, 3), 90, np.uint8)

    def draw(self, maps, **display):
        drawn = pictures.draw(maps, self.PHOTO, pictures.Display(**display))
        return {name: picture.pixels for name, picture in drawn.items()}

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

    def test_the_value_of_the_last_colour_is_told(self):
        a = torch.zeros(3, 8, 8)
        a[0, :4] = 2.5
        (picture,) = pictures.draw({"map": a}, self.PHOTO, pictures.Display()).values()
        assert picture.top == 2.5

    def test_an_address_holds_the_picture_without_loss(self):
        picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        head, body = pictures.data_url(picture).split(",")
        assert head == "data:image/png;base64"
        assert (np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(body)))) == picture).all()

    @pytest.mark.parametrize("dark", [False, True])
    @pytest.mark.parametrize("kind", ["absolute", "signed"])
    def test_the_scale_bar_has_the_colours_of_the_maps(self, kind, dark):
        display = pictures.Display(kind, dark=dark)
        bar = pictures.scale_bar(display)
        a = torch.zeros(3, 8, 8)
        a[0, 0, 0], a[0, 7, 7] = -5, 5
        picture = self.draw({"map": a}, kind=kind, dark=dark)["map"]
        assert (picture[7, 7] == bar[0, -1]).all()
        assert (picture[0, 0] == bar[0, 0 if kind == "signed" else -1]).all()

    @pytest.mark.parametrize("name", ["on_light", "on_dark"])
    def test_both_signs_are_told_apart_from_the_page_and_each_other(self, name):
        low, middle, high = (
            pictures.colour(torch.tensor([[v]]), DIVERGING[name])[0, 0].astype(int) for v in (0.0, 0.5, 1.0)
        )
        assert low[2] - low[0] > 60, "blue"
        assert high[0] - high[2] > 60, "orange"
        assert abs(low - middle).sum() > 150 < abs(high - middle).sum()
