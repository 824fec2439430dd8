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

from attribution import METRICS, Store, controls, explain, perturbation_curve, total_variation_curve
from attribution.heatmaps import DIVERGING
from attribution.models import Model
from attribution.types import Curve, LinearCurve, Partial
from dashboard.charts.curves import curves
from dashboard.charts.lines import Line
from dashboard.experiment import words
from dashboard.experiment.experiment import Experiment
from dashboard.stage import pictures
from dashboard.views.compare import table
from dashboard.work.glance import Glanced
from dashboard.work.panel import (
    CONTROL,
    PERTURBATION,
    VARIATION,
    Cell,
    CurveKey,
    Panel,
    Snapshot,
    curve_work,
    map_work,
)
from dashboard.work.scheduler import View


def network() -> Model:
    return toys.model(lambda z: z.square().sum(1) + 1)


X = toys.image(0, (3, 96, 96))


def panel(method: str, **knobs) -> Panel:
    return Panel(method, "photo", "toy", 0, knobs=tuple(knobs.items()))


STANDARD = (PERTURBATION, VARIATION)
PIXELS = 224 * 224


def fall(panel: Panel, patches: int = 2) -> CurveKey:
    """A perturbation curve."""
    return CurveKey(panel, PERTURBATION, (("draws", patches),))


def cell(panel: Panel, seen: View, fell: View | None = None) -> Cell:
    return Cell(panel, seen, ((fall(panel), fell or View("waiting")),))


class TestWork:
    KNOBS = (("sigma", 0.5), ("samples", 9), ("seed", 0))

    def maps(self, panel, store=None):
        return list(map_work(panel, toys.in_batches_of(4, network()), X, store or Store()))

    def falls(self, panel, patches=2, finished=lambda panel: None, store=None):
        work = curve_work(fall(panel, patches), network(), X, store or Store(), finished)
        return [curve for curve in work if curve is not None]

    def test_the_map_grows(self):
        found = self.maps(panel("smooth_taylor", **dict(self.KNOBS)))
        assert [s.partial.done for s in found] == [4, 8, 9]

    def test_its_curves_grow_with_it_and_cost_little(self, monkeypatch):
        """The first map does not wait for them. Later they are those of a map of at least 80 % of its points."""
        computed, measured = [], METRICS[VARIATION]
        counted = replace(measured, run=lambda heat: computed.append(heat) or measured.run(heat))
        monkeypatch.setitem(METRICS, VARIATION, counted)
        first, *found = self.maps(panel("smooth_taylor", **{**dict(self.KNOBS), "samples": 100}))
        assert len(computed) < len(found) / 2
        assert first.free == {}
        areas = {total_variation_curve(s.partial.attribution).area: s.partial.done for s in found}
        for s in found:
            assert 0.8 * s.partial.done < areas[s.free[VARIATION].area] <= s.partial.done
        assert found[-1].free[VARIATION].area == total_variation_curve(found[-1].partial.attribution).area

    def test_the_curve_grows(self):
        lengths = [len(curve.y) for curve in self.falls(panel("smooth_taylor", **dict(self.KNOBS)))]
        assert lengths == sorted(lengths)
        assert lengths[-1] > 2

    def test_the_last_ones_are_what_the_core_says(self):
        smooth = panel("smooth_taylor", **dict(self.KNOBS))
        done = explain(network(), X, "smooth_taylor", 0, **dict(self.KNOBS))
        last = self.maps(smooth)[-1]
        torch.testing.assert_close(last.partial.attribution, done.attribution)
        assert last.free[VARIATION].area == pytest.approx(total_variation_curve(done.attribution).area)
        area = perturbation_curve(network(), X, done.attribution, 0, draws=2).area
        assert self.falls(smooth)[-1].area == pytest.approx(area)
        assert self.falls(smooth, finished=lambda found: last)[-1].area == pytest.approx(area)

    def test_the_finished_map_is_the_one_that_is_measured(self):
        smooth = panel("smooth_taylor", **dict(self.KNOBS))
        other = self.maps(panel("gradient"))[-1]
        assert self.falls(smooth, finished=lambda found: other)[-1].area == self.falls(panel("gradient"))[-1].area

    def test_a_map_is_rebuilt_batch_by_batch(self):
        """Its gradients may be stored no more, and everybody waits for the end of a step."""
        model, asked = toys.counted(network())
        smooth, given = panel("smooth_taylor", **dict(self.KNOBS)), (toys.in_batches_of(4, model), X, Store())
        steps = [asked.gradients for _ in curve_work(fall(smooth), *given, lambda panel: None)]
        assert (steps[:3], steps[-1]) == ([4, 8, 9], 9)

    def test_integrated_gradients_tell_their_completeness_gap(self):
        last = self.maps(panel("integrated_gradients", steps=4, baseline="black", draws=1, seed=0))[-1]
        missing, difference = last.gap
        total = last.partial.attribution.sum().item()
        assert total - difference == pytest.approx(missing)

    def test_the_control_has_curves_alone(self):
        band = self.falls(panel(CONTROL))[-1]
        assert len(band.y) > 1
        assert len(band.areas) == controls.ORDERS

    def test_the_control_costs_its_orders_and_comes_last(self):
        """So the curves of maps are not delayed by it."""
        smooth, control = fall(panel("smooth_taylor", **dict(self.KNOBS))), fall(panel(CONTROL))
        assert control.cost(PIXELS).passes == controls.ORDERS * smooth.cost(PIXELS).passes
        assert control.rank > smooth.rank
        shares = [control.share(band) for band in self.falls(panel(CONTROL))]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0

    def test_maps_go_before_curves_and_p_is_of_the_curve_alone(self):
        smooth = panel("smoothgrad", **dict(self.KNOBS))
        assert smooth.rank < fall(smooth).rank
        assert fall(smooth, 10) != fall(smooth, 50)


NAMES = ("integrated_gradients", "smoothgrad", "smooth_taylor", CONTROL)
GROWN = {name: np.linspace(1, 0.6, n) for name, n in zip(NAMES, (3, 31, 10, 2), strict=True)}


def drawn(grown, metric=PERTURBATION, ticks=()):
    """The chart of a metric, as JSON."""
    lines = [Line(name, Panel(name, "", "", 0).title, range(len(y)), y, ticks) for name, y in grown.items()]
    return curves(lines, METRICS[metric].axes)


class TestFigures:
    def test_a_line_for_each_method_named_and_told_apart_without_colour(self):
        figure = json.loads(drawn(GROWN).to_json())
        titles = ["Integrated Gradients", "SmoothGrad", "SmoothTaylor", "Random order"]
        assert [trace["name"] for trace in figure["data"]] == titles
        assert len({trace["line"]["dash"] for trace in figure["data"]}) == 4
        assert len({trace["marker"]["symbol"] for trace in figure["data"]}) == 4
        assert len({trace["line"]["color"] for trace in figure["data"]}) == 4

    def test_the_band_lies_behind_its_line_and_in_the_chart(self):
        line = Line(CONTROL, "Random order", range(3), [1.0, 0.9, 0.8], (), [1.0, 0.2, 0.1], [1.0, 1.4, 1.3])
        low, high, mean = curves([line], METRICS[PERTURBATION].axes).data
        assert (list(low.y), list(high.y), list(mean.y)) == (list(line.low), list(line.high), list(line.y))
        assert high.fill == "tonexty"
        bottom, top = curves([line], METRICS[PERTURBATION].axes).layout.yaxis.range
        assert bottom <= 0.1
        assert top >= 1.4

    def test_axes_stay_while_curves_grow(self):
        short = {"smoothgrad": GROWN["smooth_taylor"]}
        for now, later in ((short, GROWN), ({}, short)):
            assert drawn(now).layout.xaxis.range == drawn(later).layout.xaxis.range
            assert drawn(now).layout.yaxis.range == drawn(later).layout.yaxis.range

    @pytest.mark.parametrize("metric", [PERTURBATION, "insertion", "sic"])
    def test_curves_outside_the_usual_range_are_shown_whole(self, metric):
        low, high = drawn({"smoothgrad": [1.0, -0.3, 1.4]}, metric).layout.yaxis.range
        assert low <= -0.3
        assert high >= 1.4

    def test_the_whole_of_the_usual_range_is_in_the_chart(self):
        low, high = drawn({}).layout.xaxis.range
        assert low < 0
        assert high > 30

    def test_scales_are_named_by_their_size(self):
        sides = ("224", "150", "100", "67", "45", "30")
        axis = drawn({"smoothgrad": [1.0] * 6}, VARIATION, sides).layout.xaxis
        assert axis.ticktext == sides
        assert axis.range[1] > 5

    def test_no_curves_yet_is_an_empty_chart(self):
        assert not drawn({}).data
        assert not drawn({}, VARIATION).data


WHOLE = Curve(np.arange(31.0), np.ones(31))
HALF = Curve(np.arange(9.0), np.ones(9))
SMOOTH = panel("smoothgrad", samples=150)
PATH = panel("integrated_gradients", steps=50, draws=1)


def snapshot(done: int, total: int = 150, evaluations: int = 20) -> Snapshot:
    return Snapshot(Partial(toys.image(3, (3, 8, 8)), done, total, evaluations, 0), {VARIATION: WHOLE})


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
        assert table.status(cell(SMOOTH, view)) == words

    @pytest.mark.parametrize(
        ("agreement", "words"),
        [
            ({224: 0.364, 56: 0.87, 28: 0.9}, " · halves agree 0.36 · 0.87 at 56 cells · 0.90 at 28 cells"),
            ({8: -0.02}, " · halves agree -0.02"),
            ({224: float("nan"), 56: float("nan")}, ""),
            ({}, ""),
        ],
    )
    def test_how_well_halves_agree_stands_behind_the_status(self, agreement, words):
        whole, part = (replace(snapshot(done), agreement=agreement) for done in (150, 64))
        assert table.status(cell(SMOOTH, View("done", whole))) == f"complete: 150 points{words}"
        assert table.status(cell(SMOOTH, View("running", part))) == f"draft 64/150{words}"

    def test_a_row_when_all_is_done(self):
        found = replace(snapshot(150), gap=(-0.5, 10.0))
        row = table.row(cell(SMOOTH, View("done", found, seconds=1), View("done", WHOLE, seconds=0.25)), STANDARD)
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
        assert [row["Gradients"] for row in table.rows(done, STANDARD)] == ["150 shared", "150 shared"]
        assert [row["Gradients"] for row in table.rows(done[:1], STANDARD)] == ["150"]

    def test_no_number_is_told_before_it_is_whole(self):
        running = cell(SMOOTH, View("running", snapshot(64)), View("waiting"))
        assert (table.row(running, STANDARD)["AUPC ↓"], table.row(running, STANDARD)["AUTVC ↓"]) == ("…", "…")
        assert table.row(cell(SMOOTH, View("done", snapshot(150)), View("running", HALF)), STANDARD)["AUPC ↓"] == "…"
        stopped = cell(SMOOTH, View("done", snapshot(150)), View("stopped", HALF))
        assert table.row(stopped, STANDARD)["AUPC ↓"] == "partial: 27%"

    def test_windows_that_did_not_fit_are_told(self):
        few = Curve(np.arange(4.0), np.ones(4), "only 3 of 30 windows of 15x15 fit")
        row = table.row(cell(SMOOTH, View("done", snapshot(150)), View("done", few)), STANDARD)
        assert row["AUPC ↓"] == "3.00 (only 3 of 30 windows of 15x15 fit)"

    def test_a_curve_that_failed_says_so(self):
        row = table.row(cell(SMOOTH, View("done", snapshot(150)), View("failed", error="the score is 0")), STANDARD)
        assert row["AUPC ↓"] == "failed"

    def test_a_further_curve_has_a_column_and_a_share_of_the_work(self):
        curve = LinearCurve(np.array([0, 0.25, 0.5]), np.array([0.1, 0.3, 0.5]))
        whole = LinearCurve(np.array([0, 0.5, 1]), np.array([0.0, 0.5, 1.0]))
        key = CurveKey(SMOOTH, "insertion")
        done, shown = View("done", snapshot(150)), (*STANDARD, "insertion")
        half, all_there, gone = (
            Cell(SMOOTH, done, ((fall(SMOOTH), View("done", WHOLE)), (key, view)))
            for view in (View("running", curve), View("done", whole), View("failed", error="it does not climb"))
        )
        assert table.row(half, shown)["Insertion ↑"] == "…"
        assert table.row(all_there, shown)["Insertion ↑"] == "0.500"
        assert table.row(gone, shown)["Insertion ↑"] == "failed"
        assert table.left([half], PIXELS) == (0, 112)
        assert half.live
        assert table.progress([half], PIXELS)[1] == "Insertion of SmoothGrad 50%"
        assert table.progress([all_there], PIXELS) == (1.0, "")
        assert table.errors([gone, gone, all_there]) == {"it does not climb": ["SmoothGrad", "SmoothGrad"]}

    def test_a_curve_is_that_of_its_own_patches(self):
        """P and the seed are the key's own: no curve is built again without them."""
        experiment = Experiment(evaluation="paper", seed=7, curves=("insertion",))
        first, *_, control = experiment.panels("photo", "toy", 1)
        keys = {key.metric: key for key in experiment.curve_keys(first)}
        assert dict(keys[PERTURBATION].knobs) == {"draws": 50, "seed": 7}
        assert keys["insertion"].knobs == (), "a metric without patches has no seed"
        other = replace(experiment, seed=8)
        assert keys["insertion"] in other.curve_keys(first), "and is measured once"
        assert set(experiment.curve_keys(control)).isdisjoint(other.curve_keys(control)), "the order has a seed"

    def test_insertion_less_deletion_stands_beside_both(self):
        curve = LinearCurve(np.array([0.0, 1]), np.array([0.5, 0.5]))
        low = LinearCurve(np.array([0.0, 1]), np.array([0.125, 0.125]))
        keys, name = [CurveKey(SMOOTH, metric) for metric in ("insertion", "deletion")], "Insertion - Deletion ↑"
        both = ("insertion", "deletion")
        done = Cell(SMOOTH, View("done"), tuple(zip(keys, (View("done", curve), View("done", low)), strict=True)))
        assert table.row(done, both)[name] == "+0.375"
        waiting = Cell(SMOOTH, View("done"), tuple(zip(keys, (View("done", curve), View("waiting")), strict=True)))
        assert table.row(waiting, both)[name] == "…"
        assert name not in table.row(done, both[:1])
        failed = View("failed", error="no score")
        for other in (View("done", low), View("waiting"), failed):
            cells = Cell(SMOOTH, View("done"), tuple(zip(keys, (failed, other), strict=True)))
            assert table.row(cells, both)[name] == "failed", "it never comes"
        unmapped = table.row(Cell(SMOOTH, failed), both)
        assert unmapped[name] == unmapped["Insertion ↑"] == ""

    def test_a_further_curve_costs_by_the_pixels(self):
        assert CurveKey(SMOOTH, "insertion").cost(224 * 224).passes == 225
        assert CurveKey(SMOOTH, "deletion").cost(299 * 299).passes == 401

    def test_the_control_has_no_map(self):
        band = controls.Band.of([WHOLE], (29.0, 31.0), 1.0)
        row = table.row(cell(panel(CONTROL), View("done"), View("done", band)), STANDARD)
        assert (row["AUPC ↓"], row["AUTVC ↓"], row["Gradients"]) == ("30.00 ± 1.41", "", "0")

    def test_progress_is_the_share_of_work(self):
        assert table.progress([cell(SMOOTH, View("waiting"))], PIXELS) == (0.0, "SmoothGrad 0/150")
        share, text = table.progress([cell(SMOOTH, View("running", snapshot(75)))], PIXELS)
        assert share == pytest.approx(3 * 75 / (3 * 150 + 61))
        assert text == "SmoothGrad 75/150"
        share, text = table.progress([cell(SMOOTH, View("done", snapshot(150)), View("running", HALF))], PIXELS)
        assert text == "AUPC of SmoothGrad 27%"
        grown = cell(SMOOTH, View("done", snapshot(150)), View("running", HALF))
        begun = cell(PATH, View("done", snapshot(50)), View("waiting"))
        assert table.progress([grown, begun], PIXELS)[1] == "AUPC of 2 curves 13%", "the mean"
        assert table.progress([finished(SMOOTH, 20)], PIXELS) == (1.0, "")

    def test_a_map_that_took_fewer_gradients_than_it_could_says_so(self):
        """Left-IG takes those before the cut, however many M would allow."""
        found = snapshot(12)
        left = Panel("left_ig", "photo", "toy", 0, (("steps", 200),))
        assert left.cost.gradients == 200
        cut = replace(found, partial=replace(found.partial, done=12, total=12))
        row = table.row(cell(left, View("done", cut), View("done", WHOLE)), STANDARD)
        assert row["Gradients"] == "12"

    def test_what_is_left_counts_shared_points_once(self):
        taylor = panel("smooth_taylor", samples=150)
        cells = [
            cell(PATH, View("waiting")),
            cell(SMOOTH, View("running", snapshot(64))),
            cell(taylor, View("waiting")),
        ]
        assert table.left(cells, PIXELS) == (50 + 150, 3 * 61)
        assert table.left([cell(SMOOTH, View("done", snapshot(150)), View("running", HALF))], PIXELS) == (
            0,
            round(22 / 30 * 61),
        )
        assert table.left([finished(SMOOTH, 20)], PIXELS) == (0, 0)

    def test_what_is_left_of_random_networks_is_counted_too(self):
        """Once for all who share it, as far as the one that has most to do."""
        taylor = panel("smooth_taylor", samples=150)
        cells = [
            replace(finished(one, 20), random=View("running", Glanced(share)))
            for one, share in ((SMOOTH, 0.8), (taylor, 0.2))
        ]
        assert table.left(cells[:1], PIXELS) == (30, 0)
        assert table.left(cells, PIXELS) == (120, 0)
        assert table.left([replace(cells[0], random=View("done", Glanced(1.0)))], PIXELS) == (0, 0)

    def test_gradients_are_counted_once_for_all_who_share_them(self):
        taylor = panel("smooth_taylor", samples=150)
        cells = [finished(PATH, 20), finished(SMOOTH, 20), finished(taylor, 20), finished(panel(CONTROL), 20)]
        assert table.spent(cells[:3]).startswith("These maps use 200 gradients; 60 of them")

    def test_a_map_that_failed_takes_no_gradients_and_waits_for_nothing(self):
        failed = cell(PATH, View("failed", error="why"))
        row = table.row(failed, [PERTURBATION, VARIATION])
        assert (row["Gradients"], row["AUTVC ↓"]) == ("0", "")
        assert table.spent([failed, finished(SMOOTH, 20)]).startswith("These maps use 150 gradients;")

    def test_all_who_share_are_named(self):
        shared = [finished(panel(name, samples=150), 20) for name in ("smoothgrad", "smooth_taylor")]
        assert "SmoothGrad and SmoothTaylor share their points." in table.spent(shared)
        three = [*shared, finished(panel("smooth_taylor_null", samples=150), 20)]
        assert "SmoothGrad, SmoothTaylor and SmoothTaylor's null share their points." in table.spent(three)

    def test_a_map_in_words(self):
        a = torch.zeros(3, 8, 8)
        a[:, 5:, :3] = 1
        told = words.describe("SmoothGrad", a)
        assert told == "SmoothGrad: 100% of the attribution lies in the bottom left quarter"
        assert words.describe("SmoothGrad", 0 * a) == "SmoothGrad: a blank map"


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

    def test_maps_of_different_units_share_no_scale(self):
        strong, weak = toys.image(1, (3, 8, 8)), 0.1 * toys.image(2, (3, 8, 8))
        maps, display = {"strong": strong, "weak": weak, "other": weak}, pictures.Display(colours="grey", shared=True)
        units = {"strong": "f", "weak": "f", "other": "f/x"}
        drawn = {name: one.pixels for name, one in pictures.draw(maps, self.PHOTO, display, units).items()}
        assert drawn["weak"].max() < 128
        assert drawn["other"].max() == 255

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

    def test_over_a_photo_a_value_is_as_strong_as_its_square_root(self):
        """A quarter of the highest value covers half of the photo."""
        a = torch.zeros(3, 8, 8)
        a[0, :4], a[0, 7, 7] = 4, 1
        alone, over = (self.draw({"map": a}, colours="grey", opacity=opacity)["map"] for opacity in (0.0, 1.0))
        assert over[7, 7] == pytest.approx((alone[7, 7] + 90.0) / 2, abs=0.5)
        assert (over[:4] == alone[:4]).all()

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


def test_the_names_of_classes_are_shown_as_they_are():
    """They come from whoever made the network, and could look like Markdown."""
    predicted, explained = (0, "*ape* [x](http://y)", 0.5, 1.0), (1, "a_b_", 0.25, 0.5)
    plain = "predicted: *ape* [x](http://y) · 50.0% · logit 1.00  \nexplained: a_b_ · 25.0% · logit 0.50"
    assert words.prediction(predicted, explained) == plain
    seen = words.prediction(predicted, explained, markdown=True)
    assert seen.startswith(r"predicted: **\*ape\* \[x\]\(http\://y\)** · 50.0% · logit 1.00")
    assert r"explained: **a\_b\_** · 25.0%" in seen
