"""Sweeps: what can be turned, in which order, what it costs, and that each cell is what Compare would show."""

import re
from dataclasses import replace
from typing import Any

import by_heart
import numpy as np
import PIL.Image
import pytest
import toys
from page import toy_subject

from attribution import METHODS, MODELS, Store, explain, perturbation_curve, total_variation_curve
from attribution.agreement import agreements
from attribution.engine.baselines import fingerprint
from attribution.heatmaps import reduce_channels
from attribution.registry import Choice, Knob
from dashboard.charts import looks
from dashboard.charts import sweep as charts_of
from dashboard.experiment.choices import PATCHES
from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.experiment.gallery import gallery_photo
from dashboard.experiment.own import COMPARED, shared
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import settled
from dashboard.live.frames import unpack
from dashboard.views.sweep import others
from dashboard.views.sweep.board import SweepBoard
from dashboard.views.sweep.page import preparing
from dashboard.views.sweep.sweep import (
    MOST,
    PRESETS,
    Axis,
    Sweep,
    choices,
    knobs,
    parse,
    read_values,
    usual,
    with_axis,
    with_method,
)
from dashboard.work.models import Models
from dashboard.work.panel import PERTURBATION, VARIATION, curve_work, map_work
from dashboard.work.sweep import Found, order, sweep_work

EXPERIMENT = Experiment(samples=4, steps=4)


@pytest.fixture(autouse=True)
def one_patch(monkeypatch):
    monkeypatch.setitem(PATCHES, "quick", 1)


def other(knob: Knob) -> Any:
    """Another allowed value of a knob than its default."""
    if knob.type is bool:
        return not knob.default
    if isinstance(knob.allowed, Choice):
        return next(name for name in knob.allowed.names if name != knob.default)
    return knob.type(knob.allowed.high if knob.default != knob.allowed.high else knob.allowed.low)


def areas(*found: float | None, method: str = "smoothgrad") -> charts_of.Areas:
    return charts_of.Areas(method, METHODS[method].title, found)


class TestParsing:
    @pytest.mark.parametrize("text", [*PRESETS.values(), "integrated_gradients:baseline=black,rule=left/right"])
    def test_there_and_back(self, text):
        assert parse(text).text == text

    def test_the_presets_are_the_papers_ranges(self):
        grid, extremes = map(parse, PRESETS.values())
        assert grid.places == tuple((s, r) for s in (0.3, 0.5, 0.7) for r in (100, 150, 200))
        assert [min(s for s, _ in extremes.places), max(s for s, _ in extremes.places)] == [1e-4, 2.0]

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("", "is not a sweep of one or two settings"),
            ("smooth_taylor", "is not a sweep of one or two settings"),
            ("smooth_taylor:sigma=1,samples=1,seed=1", "is not a sweep of one or two settings"),
            ("smooth_taylor:sigma=1,sigma=2", "is not a sweep of one or two settings"),
            ("smooth_taylor:steps=1", "smooth_taylor has no setting steps"),
            ("smooth_taylor:sigma=a", "σ: a is not a number"),
            ("smooth_taylor:sigma=9", "sigma=9.0 must be a number from 0 to 2"),
            ("smooth_taylor:sigma=", "σ: there is no value"),
            ("integrated_gradients:baseline=green", "baseline: green cannot be chosen here"),
            ("smooth_taylor:target=1000", "class: 1000 cannot be chosen here"),
            (f"smooth_taylor:seed={'/'.join(map(str, range(MOST + 1)))}", f"{MOST + 1} maps are too many"),
        ],
    )
    def test_what_cannot_be_is_said(self, text, line):
        with pytest.raises(ValueError, match=line):
            parse(text)

    @pytest.mark.parametrize("text", ["smooth_taylor:seed=1234567/2000003", "smooth_taylor:sigma=0.1234567/0.1234568"])
    def test_numbers_are_not_rounded(self, text):
        assert parse(text).text == text
        assert parse(text).title(parse(text).places[0]).endswith(text.split("=")[1].split("/")[0])

    def test_values_are_taken_once_and_in_order(self):
        assert read_values("smooth_taylor", "sigma", [" 0.5", "0.1 ", "", "0.50"]) == (0.5, 0.1)

    def test_whatever_the_issue_names_can_be_turned(self):
        named = {"sigma", "samples", "steps", "draws", "baseline", "rule", "seed", "target", "model"}
        assert named <= {name for method in COMPARED for name in knobs(method)}

    @pytest.mark.parametrize("method", METHODS)
    def test_every_knob_of_every_method_can_be_turned(self, method):
        for name, knob in METHODS[method].knobs.items():
            noisy = name == "seed" and "baseline" in METHODS[method].knobs
            before = EXPERIMENT.turned(method, "baseline", "uniform") if noisy else EXPERIMENT
            for value in (knob.default, other(knob)):
                sweep = parse(f"{method}:{name}={value}")
                assert sweep.at(before, sweep.places[0]).every_knob(method)[name] == value, name
                shown = sweep.opened(before, sweep.places[0])
                assert method in shown.methods
                limited = name == "samples" and shared(method, name)  # Compare's R ends sooner than that of a sweep
                held = min(value, FIELDS[name].allowed.high) if limited else value
                assert shown.every_knob(method)[name] == held, name


class TestAxes:
    def test_a_shared_field_begins_with_its_declared_values(self):
        assert usual("sigma", "smooth_taylor", []).values == FIELDS["sigma"].usual
        assert usual("target", "smooth_taylor", [5, 3, 2, 1, 0]).values == (5, 3, 2, 1)

    @pytest.mark.parametrize("method", METHODS)
    def test_what_an_axis_begins_with_can_be_a_link(self, method):
        for name in knobs(method):
            begun = Sweep(method, (usual(name, method, [0]),))
            assert parse(begun.text) == begun

    @pytest.mark.parametrize("method", METHODS)
    def test_with_another_method_it_can_be_a_link(self, method):
        """A knob of the same name allows other values there, as `rule` and `steps` do."""
        for name, knob in METHODS[method].knobs.items():
            values = choices(name, method) or tuple(dict.fromkeys((other(knob), knob.default)))
            for another in METHODS:
                found = with_method(Sweep(method, (Axis(name, values),)), another, [0])
                assert parse(found.text) == found

    @pytest.mark.parametrize(
        ("text", "method", "kept"),
        [
            ("integrated_gradients:rule=right/adaptive", "idg", "rule=right"),
            ("smoothgrad:samples=500/1000,sigma=0.1/0.3", "expected_gradients", "samples=500"),
            ("integrated_gradients:steps=200/300", "agi", "steps=10/25/50/100"),
        ],
    )
    def test_values_that_another_method_does_not_allow_are_left_out(self, text, method, kept):
        assert with_method(parse(text), method, [0]).text == f"{method}:{kept}"

    def test_an_axis_comes_and_goes(self):
        one = parse("smooth_taylor:sigma=0.1/0.5")
        two = with_axis(one, 1, Axis("seed", (0, 1)))
        assert two.text == "smooth_taylor:sigma=0.1/0.5,seed=0/1"
        assert with_axis(two, 1, None) == one
        assert with_axis(two, 0, Axis("samples", (2,))).text == "smooth_taylor:samples=2,seed=0/1"


def test_classes_of_equal_names_have_titles_of_their_own(monkeypatch):
    """A map is put into the tile of its title, and the list of values gives back what is shown."""
    monkeypatch.setitem(MODELS, "birds", replace(MODELS[EXPERIMENT.model], categories=("crane", "hen", "crane")))
    sweep = parse("gradient:target=0/1/2", "birds")
    assert [sweep.title(place) for place in sweep.places] == ["class crane (0)", "class hen", "class crane (2)"]


class TestOrder:
    def places(self, sweep):
        return [task.place for task in order(sweep.key(EXPERIMENT, "").tasks)]

    def test_a_row_of_r_costs_its_largest_r(self):
        """R = 100, 150, 200 for three sigmas: whatever the order, 50 more are cheaper than 100 anew."""
        sweep = parse(PRESETS["Table I: σ and R"])
        found = self.places(sweep)
        assert set(found) == set(sweep.places)
        assert found[:3] == [(0.3, 100), (0.3, 150), (0.3, 200)]

    def test_cheapest_first(self):
        sweep = Sweep("integrated_gradients", (Axis("steps", (100, 10, 50)),))
        assert [m for (m,) in self.places(sweep)] == [10, 50, 100]

    def test_n_brings_noise_baselines(self):
        sweep = Sweep("integrated_gradients", (Axis("draws", (1, 5)),))
        assert sweep.at(EXPERIMENT, (5,)) == replace(EXPERIMENT, draws=5, baseline="uniform")


@pytest.fixture
def small():
    return by_heart.model()


class TestWork:
    def run(self, small, text, store=None, experiment=EXPERIMENT, known=None, beside=()) -> list[Found]:
        x = small.prepare(gallery_photo("cat"))

        def look(name):
            return small, x, "cat", 282

        store, known = Store() if store is None else store, {} if known is None else known
        sweep = replace(parse(text), beside=beside)
        return list(sweep_work(sweep.key(experiment, "cat"), look, store, known))

    def test_cells_are_what_the_core_gives(self, small):
        found = self.run(small, "smooth_taylor:sigma=0.3/0.6,seed=0/1")[-1]
        x = small.prepare(gallery_photo("cat"))
        for (sigma, seed), cell in found.cells.items():
            done = explain(small, x, "smooth_taylor", 282, sigma=sigma, samples=4, seed=seed)
            scale = done.attribution.abs().max().item()
            expected = reduce_channels(done.attribution, "signed").numpy()
            np.testing.assert_allclose(cell.heat, expected, atol=3e-3 * scale)
            assert cell.areas[VARIATION] == pytest.approx(total_variation_curve(done.attribution).area, rel=1e-3)
            assert cell.areas[PERTURBATION] == pytest.approx(
                perturbation_curve(small, x, done.attribution, 282, draws=1).area, rel=0.05
            )

    def test_what_is_remembered_is_not_computed_again(self, small):
        store = Store()
        last = self.run(small, "smooth_taylor:sigma=0.3,samples=2/4/6", store)[-1]
        assert [cell.new for cell in last.cells.values()] == [2, 2, 2]
        again = self.run(small, "smooth_taylor:sigma=0.3,samples=3/6", store)[-1]
        assert sum(cell.new for cell in again.cells.values()) == 0
        other = self.run(small, "smoothgrad:sigma=0.3,samples=6", store)[-1]
        assert [cell.new for cell in other.cells.values()] == [0]

    def test_a_cell_that_is_known_costs_no_gradient_and_no_curve(self, small):
        known = {}
        whole = self.run(small, "smooth_taylor:sigma=0.3/0.6", known=known)[-1]
        more = self.run(small, "smooth_taylor:sigma=0.3/0.6/0.9", known=known)
        others = [found for found in more if "σ 0.9" in found.now]
        assert not [found for found in more if "σ 0.3" in found.now or "σ 0.6" in found.now]
        assert others
        assert [more[-1].cells[p].areas for p in whole.cells] == [cell.areas for cell in whole.cells.values()]
        assert [more[-1].cells[p].new for p in whole.cells] == [0, 0]
        path = self.run(small, "smooth_taylor:sigma=0.3/0.6", known=known, experiment=replace(EXPERIMENT, steps=9))
        assert [cell.new for cell in path[-1].cells.values()] == [0, 0], "M is no knob of this method"

    def test_cells_come_one_by_one(self, small):
        counts = [len(found.cells) for found in self.run(small, "smooth_taylor:sigma=0.3/0.6")]
        assert counts == sorted(counts)
        assert set(counts) == {0, 1, 2}
        shares = [found.share for found in self.run(small, "smooth_taylor:sigma=0.3/0.6")]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0

    def test_a_cell_that_fails_leaves_the_others(self, small):
        """The score of class 0 falls along the path: Left-IG refuses it."""
        last = self.run(small, "left_ig:target=0/282,steps=2")[-1]
        assert ["falls along the path" in cell.error for cell in last.cells.values()] == [True, False]

    def test_a_model_is_asked_of_the_worker_by_its_name_alone(self, small):
        asked = []

        def look(name):
            asked.append(name)
            return small, small.prepare(gallery_photo("cat")), "cat", 282

        sweep = Sweep("gradient", (Axis("model", ("efficientnet_lite0", "resnet18")),))
        *_, last = sweep_work(sweep.key(EXPERIMENT, "cat"), look, Store(), {})
        assert set(asked) == {"efficientnet_lite0", "resnet18"}
        assert len(last.cells) == 2

    def test_chosen_curves_are_measured_in_every_cell(self, small):
        last = self.run(small, "smooth_taylor:sigma=0.3", experiment=replace(EXPERIMENT, curves=("abpc",)))[-1]
        assert all(set(cell.areas) == {PERTURBATION, VARIATION, "abpc"} for cell in last.cells.values())
        assert set(last.control) == {PERTURBATION, "abpc"}

    def test_the_random_order_is_the_last(self, small):
        *_, before, last = self.run(small, "smooth_taylor:sigma=0.3")
        assert not before.control
        band = last.control[PERTURBATION]
        assert len(band.areas) == 2
        assert band.area > 0

    @pytest.mark.parametrize("axis", ["target=0/282", "output=logit/probability", "model=efficientnet_lite0"])
    def test_orders_of_one_class_model_and_score_are_not_computed_for_others(self, small, axis):
        """They are not drawn there, and take many passes."""
        *_, last = found = self.run(small, f"gradient:{axis}")
        assert not last.control
        assert not any("random orders" in one.now for one in found)
        assert last.share == 1.0
        shares = [one.share for one in found]
        assert shares == sorted(shares)

    def test_each_cell_says_how_well_its_halves_agree(self, small):
        x = small.prepare(gallery_photo("cat"))
        last = self.run(small, "smooth_taylor:samples=1/4")[-1]
        done = explain(small, x, "smooth_taylor", 282, sigma=0.5, samples=4)
        assert last.cells[1,].agreement == {}, "one sample has no halves"
        assert last.cells[4,].agreement == pytest.approx(agreements(done.halves), abs=1e-4)
        assert list(last.cells[4,].agreement) == [224, 56, 28]

    def test_random_orders_are_a_line_in_a_band(self):
        figure = charts_of.against((0.1, 0.5), ["a", "b"], areas(1, 2), "AUPC", "σ", (20.0, 26.0))
        assert {shape.y0 for shape in figure.layout.shapes} == {23.0, 20.0}
        assert {shape.y1 for shape in figure.layout.shapes} == {23.0, 26.0}


def test_photos_that_the_shown_model_cannot_tell_apart_have_their_own_maps(jobs):
    """A photo and its middle are the same input for a model that sees the middle, and two for one that sees all."""
    middle = toys.of_photos()
    models = {"efficientnet_lite0": middle, "efficientnet_lite2": replace(middle, squash=True)}
    wide = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 96, 3), np.uint8))
    sweep = Sweep("gradient", (Axis("model", tuple(models)),))
    seen = []
    for name, source in (("wide", wide), ("square", wide.crop((24, 0, 72, 48)))):
        x, other = middle.prepare(source), models["efficientnet_lite2"].prepare(source)
        subject = Subject(source, x, fingerprint(x), middle, tuple(middle.predict(x, k=2)), 0, digest=name)
        prepare = preparing(subject, Models(lambda name, device: models[name]))
        board = SweepBoard(jobs, name, Store(), EXPERIMENT, subject, sweep, prepare, {})
        board.ask()
        while jobs.step():
            pass
        cells = board.ask().snapshot.cells
        assert cells["efficientnet_lite2",].panel.image == fingerprint(other)
        seen.append((subject.image, fingerprint(other)))
    assert [len(set(inputs)) for inputs in zip(*seen, strict=True)] == [1, 2]


def test_a_tile_says_how_well_halves_agree(jobs):
    """As under the maps of Compare."""
    x = toys.image(0, (3, 96, 96)).float()
    subject = toy_subject(x)
    sweep = parse("smooth_taylor:samples=4")
    board = SweepBoard(jobs, "me", Store(), EXPERIMENT, subject, sweep, lambda _: (subject.model, x, "photo", 0), {})
    board.look()
    while jobs.step():
        pass
    (head,) = [unpack(part.make())[0] for part in board.look().parts if part.name.startswith("map")]
    agreement = agreements(explain(subject.model, x, "smooth_taylor", 0, sigma=0.5, samples=4).halves)
    assert head["status"].endswith(settled(agreement))
    assert " · halves agree " in head["status"]


def test_notes_of_areas_are_told_with_their_maps(jobs):
    """A map without noise is blank: its areas say nothing."""
    subject = toy_subject(toys.image(0, (3, 96, 96)).float())
    sweep = replace(parse("smooth_taylor:sigma=0/0.5"), beside=("smooth_taylor_null", "edges"))
    experiment = replace(EXPERIMENT, samples=2)
    prepare = lambda _: (subject.model, subject.x, "photo", 0)  # noqa: E731
    board = SweepBoard(jobs, "me", Store(), experiment, subject, sweep, prepare, {})
    board.look()
    while jobs.step():
        pass
    (head,) = [unpack(part.make())[0] for part in board.look().parts if part.name == "state"]
    blank = {label: words for label, words in head["lines"] if "blank" in words}
    assert sorted(blank) == ["AUPC", "AUTVC"]
    assert all(words.endswith(" (σ 0, SmoothTaylor's null)") for words in blank.values())


class TestFigures:
    def test_a_range_of_ten_thousands_is_logarithmic(self):
        values = (1e-4, 1e-2, 1.0)
        figure = charts_of.against(values, ["a", "b", "c"], areas(1, 2, None), "AUPC", "σ")
        assert figure.layout.xaxis.type == "log"

    @pytest.mark.parametrize("values", [(0.0, 1e-4, 1.0), (0.1, 0.5), (0,)])
    def test_others_are_linear(self, values):
        texts = [str(v) for v in values]
        figure = charts_of.against(values, texts, areas(*[1.0] * len(values)), "AUPC", "σ")
        assert figure.layout.xaxis.type == "linear"

    def test_alone_it_has_neither_names_nor_a_legend(self):
        figure = charts_of.against((0.1, 0.5), ["a", "b"], areas(1, 2), "AUPC", "σ", (20.0, 26.0))
        assert [trace.name for trace in figure.data] == [None]
        assert not figure.layout.showlegend
        assert [note.text for note in figure.layout.annotations] == ["random orders"]

    def test_methods_beside_it_have_a_name_a_look_and_points_of_the_same_cells(self):
        beside = (areas(3, 3, method="edges"), areas(None, 4, method="smooth_taylor_null"))
        figure = charts_of.against((0.1, 0.5), ["a", "b"], areas(1, 2), "AUPC", "σ", (20.0, 26.0), beside)
        *others, swept = figure.data
        assert [trace.name for trace in figure.data] == ["Edges", "SmoothTaylor's null", "SmoothGrad"]
        assert [list(trace.y) for trace in others] == [[3, 3], [None, 4]]
        assert all(trace.customdata == swept.customdata and trace.x == swept.x for trace in others)
        assert all(trace.marker.size < swept.marker.size for trace in others)
        assert [(trace.line.color, trace.line.dash) for trace in others] == [
            looks.style(method)[:2] for method in ("edges", "smooth_taylor_null")
        ]
        assert figure.layout.showlegend
        assert not figure.layout.annotations, "its name is in the legend"
        assert [shape.name for shape in figure.layout.shapes if shape.showlegend] == ["random orders"]

    def test_names_are_names(self):
        figure = charts_of.against(("black", "white"), ("black", "white"), areas(1.0, 2.0), "AUPC", "baseline")
        assert list(figure.data[0].x) == ["black", "white"]

    def test_every_cell_of_a_grid_can_be_clicked_and_knows_its_place(self):
        figure = charts_of.grid(["a", "b"], ["x", "y", "z"], [[1, 2, None], [3, 4, 5]], ("row", "column", "AUPC"))
        points = figure.data[1]
        assert [(points.y[k], points.x[k]) for k in points.customdata] == [(r, c) for r in "ab" for c in "xyz"]
        assert list(figure.data[0].text[0]) == ["1.00", "2.00", ""]

    def test_a_grid_has_each_area_in_its_cell_and_low_ones_are_dark(self):
        areas = [[1, 2, None], [3, 4, 5]]
        cells = charts_of.grid(["a", "b"], ["x", "y", "z"], areas, ("row", "column", "AUPC")).data[0]
        assert (list(cells.y), list(cells.x)) == (["a", "b"], ["x", "y", "z"])
        assert [list(line) for line in cells.z] == areas
        (_, lowest), *_, (_, highest) = cells.colorscale
        dark, light = (sum(bytes.fromhex(colour[1:])) for colour in (lowest, highest))
        assert dark < light


def test_agreement_that_is_rounded_to_nothing_has_no_sign():
    assert (
        settled({224: -0.001, 56: -0.004, 28: -0.02}) == " · halves agree 0.00 · 0.00 at 56 cells · -0.02 at 28 cells"
    )


FREE = ("blurred_noise", "centre", "edges")
"""Controls that need no gradient."""


class TestWhatIsUsualBesideIt:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("smooth_taylor:sigma=0.1/0.5", {*FREE, "smooth_taylor_null"}),
            ("smoothgrad:sigma=0.1/0.5,samples=2/4", {*FREE, "smooth_taylor_null"}),
            ("smoothgrad:form=mean/squared", {*FREE, "smooth_taylor_null"}),
            ("smooth_taylor_null:sigma=0.1/0.5", {*FREE}),
            ("integrated_gradients:steps=1/2", {*FREE}),
            ("gradient:target=0/1", {*FREE}),
            ("blurred_noise:seed=0/1", {"centre", "edges"}),
            ("edges:model=efficientnet_lite0", {"blurred_noise", "centre"}),
            ("smooth_taylor:antithetic=False/True,samples=2/4", {*FREE, "smooth_taylor_null"}),
            ("smooth_taylor:samples=500/501", {*FREE}),
        ],
    )
    def test_controls_that_need_no_further_gradient(self, text, expected):
        assert set(others.usual(parse(text), EXPERIMENT)) == expected

    def test_a_control_with_other_points_is_none(self):
        """The null keeps its own setting."""
        sweep = parse("smooth_taylor:sigma=0.1/0.5")
        paired = EXPERIMENT.turned("smooth_taylor", "antithetic", True)
        assert set(others.usual(sweep, paired)) == {*FREE}
        assert set(others.usual(sweep, paired.turned("smooth_taylor_null", "antithetic", True))) > {*FREE}

    def test_it_follows_what_is_declared(self, monkeypatch):
        sweep = parse("integrated_gradients:steps=1/2")
        monkeypatch.setitem(METHODS, "gradient", replace(METHODS["gradient"], control=True))
        monkeypatch.setitem(METHODS, "edges", replace(METHODS["edges"], control=False))
        assert set(others.usual(sweep, EXPERIMENT)) == {*FREE} - {"edges"}
        assert "gradient" in others.usual(parse("input_x_gradient:target=0/1"), EXPERIMENT)

    def test_the_swept_method_is_not_beside_itself(self):
        sweep = parse("edges:target=0/1")
        assert others.shown(sweep, EXPERIMENT, ("edges", "agi")) == ("agi",)
        assert others.shown(sweep, EXPERIMENT, ()) == ()
        assert others.shown(sweep, EXPERIMENT, None) == others.usual(sweep, EXPERIMENT)

    @pytest.mark.parametrize("choice", [None, (), ("edges",), ("lrp", "centre")])
    def test_a_choice_as_text_and_back(self, choice):
        assert others.read(others.text(choice)) == (choice, "")

    def test_who_chooses_the_usual_ones_chooses_nothing(self):
        sweep = parse("integrated_gradients:steps=1/2")
        assert others.chosen(("edges", "centre", "blurred_noise"), sweep, EXPERIMENT) is None
        assert others.chosen(("edges", "centre"), sweep, EXPERIMENT) == ("edges", "centre")

    @pytest.mark.parametrize(
        ("text", "expected", "words"),
        [
            ("edges,nothing,centre,edges", ("edges", "centre"), "there is no method nothing"),
            ("nothing,more", None, "there is no method nothing, more"),
            (",".join(METHODS), tuple(METHODS)[: others.MOST], f"at most {others.MOST} can be shown"),
            ("none,edges", ("edges",), "there is no method none"),
            ("", None, ""),
        ],
    )
    def test_names_that_are_not_used_are_said(self, text, expected, words):
        assert others.read(text) == (expected, words)


class TestBeside:
    def run(self, small, text, beside, experiment=EXPERIMENT, store=None):
        """The key, and the sweep at its end."""
        x, sweep = small.prepare(gallery_photo("cat")), replace(parse(text), beside=beside)
        key = sweep.key(experiment, "cat")
        return key, list(sweep_work(key, lambda name: (small, x, "cat", 282), store or Store(), {}))

    @pytest.mark.parametrize(
        ("text", "method"),
        [
            ("smooth_taylor:sigma=0.3/0.6,seed=0/1", "smooth_taylor_null"),
            ("smooth_taylor:antithetic=False/True", "smooth_taylor_null"),
            ("smooth_taylor:seed=0/1", "edges"),
            ("smooth_taylor:target=0/282,sigma=0.3/0.6", "centre"),
            ("integrated_gradients:baseline=black/white,steps=2", "idgi"),
            ("expected_gradients:samples=2/3", "smooth_taylor"),
        ],
    )
    def test_it_has_the_values_that_compare_gives(self, small, text, method):
        """Of the setting that Compare opens, where the swept knobs are turned for this method too."""
        key, (*_, last) = self.run(small, text, (method,))
        x, sweep = small.prepare(gallery_photo("cat")), parse(text)
        for task, place in zip(key.beside, sweep.places, strict=True):
            here = sweep.opened(EXPERIMENT, place)
            for axis, value in zip(sweep.axes, place, strict=True):
                if axis.knob in METHODS[method].knobs:
                    here = here.turned(method, axis.knob, value)
            panel = here.panel(method, "cat", here.model, 282 if here.target is None else here.target)
            *_, shot = map_work(panel, small, x, Store())
            expected = {name: curve.area for name, curve in shot.free.items()}
            for curve_key in here.curve_keys(panel):
                *_, curve = curve_work(curve_key, small, x, Store(), lambda panel, shot=shot: shot)
                expected[curve_key.metric] = curve.area
            assert last.beside[task.work].areas == pytest.approx(expected, rel=1e-3)

    def test_equal_work_is_done_once(self, small):
        key, found = self.run(small, "smooth_taylor:sigma=0.3/0.6/0.9", ("edges", "smooth_taylor_null"))
        assert len(key.beside) == 6
        assert len(found[-1].beside) == 4, "the edges of a photo have no σ"
        assert found[-2].share == 7 / 8, "3 cells, 4 others, and the random orders"
        begun = [one.now for one in found if one.now.startswith("Edges: map")]
        assert len(begun) == 1

    def test_the_usual_ones_need_no_gradient(self, small):
        sweep = parse("smooth_taylor:sigma=0.3/0.6,samples=2/4")
        _, (*_, last) = self.run(small, sweep.text, others.usual(sweep, EXPERIMENT))
        assert [cell.new for cell in last.beside.values()] == [0] * 7
        assert [cell.points for cell in last.beside.values()] == [0, 0, 0, 2, 4, 2, 4]
        assert sum(cell.new for cell in last.cells.values()) == 8, "as without them"

    def test_the_sweep_comes_first_and_the_random_orders_last(self, small):
        _, found = self.run(small, "smooth_taylor:sigma=0.3/0.6", ("edges", "centre"))
        counts = [(len(one.cells), len(one.beside), len(one.control)) for one in found]
        assert list(dict.fromkeys(counts)) == [(0, 0, 0), (1, 0, 0), (2, 0, 0), (2, 1, 0), (2, 2, 0), (2, 2, 1)]
        shares = [one.share for one in found]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0

    def test_one_that_fails_leaves_the_others(self, small):
        """The score of class 0 falls along the path: Left-IG refuses it."""
        key, (*_, last) = self.run(small, "smooth_taylor:target=0/282", ("left_ig", "edges"))
        refused, *others = [last.beside[task.work] for task in key.beside]
        assert "falls along the path" in refused.error
        assert all(cell.areas and not cell.error for cell in others)

    def test_without_others_the_work_is_that_of_before(self):
        assert parse("smooth_taylor:sigma=0.3").key(EXPERIMENT, "cat").beside == ()


class TestBoardWithOthers:
    def heads(self, jobs, text, beside, experiment=EXPERIMENT):
        x = toys.image(0, (3, 96, 96)).float()
        subject, sweep = toy_subject(x), replace(parse(text), beside=beside)
        given = (jobs, "me", Store(), experiment, subject, sweep)
        board = SweepBoard(*given, lambda _: (subject.model, x, "photo", 0), {})
        seen = [board.look()]
        while jobs.step():
            seen.append(board.look())
        return [{part.name: unpack(part.make())[0] for part in look.parts} for look in (*seen[1:-1:4], board.look())]

    def test_they_have_no_maps_and_their_work_is_counted(self, jobs):
        *seen, last = self.heads(jobs, "smooth_taylor:sigma=0.3/0.6", ("edges", "smooth_taylor_null"))
        assert [name for name in last if name.startswith("map")] == ["map σ 0.3", "map σ 0.6"]
        assert last["state"]["text"] == (
            "complete: 2 maps of 8 gradients, 8 of them computed"
            " · for the charts 3 maps of 8 gradients, 0 of them computed"
        )
        assert any(head["state"]["text"].startswith("2 of 2 maps, 1 of 3 more for the charts · ") for head in seen)

    def test_the_chart_names_them(self, jobs):
        *_, last = self.heads(jobs, "smooth_taylor:sigma=0.3/0.6", ("edges",))
        chart = last[f"figure sweep-{PERTURBATION}"]
        assert chart["words"] == "AUPC of each map of the sweep, beside it Edges"
        assert [trace.get("name") for trace in chart["figure"]["data"]] == ["Edges", "SmoothTaylor"]
        assert "Edges" not in chart["note"], "it is drawn"

    def test_an_error_of_several_cells_is_one_line(self, jobs):
        broken = EXPERIMENT.turned("blur_ig", "widest", -1)
        *_, last = self.heads(jobs, "blur_ig:steps=2/4", (), broken)
        (error,) = last["state"]["errors"]
        assert error.startswith("M 2, M 4: ")
        assert "widest=-1 must be a number" in error

    def test_a_chart_with_many_names_is_higher(self, jobs):
        """Else the names would take the room of the lines. A grid has no names."""
        few, many = ("edges",), ("edges", "centre", "blurred_noise", "smooth_taylor_null")
        heights = [
            self.heads(jobs, text, beside)[-1][f"figure sweep-{PERTURBATION}"]["height"]
            for text, beside in [
                ("smooth_taylor:sigma=0.3/0.6", few),
                ("smooth_taylor:sigma=0.3/0.6", many),
                ("smooth_taylor:sigma=0.3/0.6,samples=2/4", many),
            ]
        ]
        assert heights[0] == heights[2] == 0
        assert heights[1] > 320

    def test_a_grid_tells_their_values(self, jobs):
        *_, last = self.heads(jobs, "smooth_taylor:sigma=0.3/0.6,samples=2/4", ("edges", "smooth_taylor_null"))
        note = last[f"figure sweep-{VARIATION}"]["note"]
        assert re.fullmatch(r"Also measured: Edges \d\.\d\d, SmoothTaylor's null \d\.\d\d to \d\.\d\d\.", note), note
        assert len(last[f"figure sweep-{VARIATION}"]["figure"]["data"]) == 2, "the grid and its points"
        orders = last[f"figure sweep-{PERTURBATION}"]["note"]
        assert re.match(r"\d+ random orders on this photo: .* to [\d.-]+\. Also measured: Edges ", orders), orders
        assert "grey" not in last[f"figure sweep-{PERTURBATION}"]["help"].lower(), "a grid has no band"

    def test_over_classes_they_have_a_value_for_each(self, jobs):
        *_, last = self.heads(jobs, "smooth_taylor:target=0/1", ("centre",))
        chart = last[f"figure sweep-{PERTURBATION}"]["figure"]
        assert [trace.get("name") for trace in chart["data"]] == ["Centre", "SmoothTaylor"]
        assert None not in chart["data"][0]["y"]
        assert "shapes" not in chart["layout"], "random orders of one class are not drawn"

    @pytest.mark.parametrize(
        ("axes", "named"),
        [
            ("target=0/1", "classes"),
            ("output=logit/probability", "scores"),
            ("target=0/1,output=logit/probability", "classes and scores"),
            ("target=0,sigma=0.3/0.6", ""),
            ("sigma=0.3/0.6", ""),
        ],
    )
    def test_areas_of_several_classes_or_scores_are_said_not_to_be_compared(self, jobs, axes, named):
        *_, last = self.heads(jobs, f"smooth_taylor:{axes}", ())
        for metric in (PERTURBATION, VARIATION):
            note = last[f"figure sweep-{metric}"]["note"]
            assert ("cannot be compared" in note) == bool(named)
            assert note.endswith(f"Areas of different {named} cannot be compared with each other." if named else note)

    def test_what_fails_at_all_places_is_one_line(self, jobs):
        broken = EXPERIMENT.turned("blur_ig", "widest", -1)
        *_, last = self.heads(jobs, "smooth_taylor:target=0/1", ("blur_ig", "edges"), broken)
        (error,) = last["state"]["errors"]
        assert error.startswith("Blur IG: ")
        assert "widest=-1 must be a number" in error
        assert last["state"]["text"].endswith(" · for the charts 2 maps of 0 gradients, 0 of them computed; 2 failed")
        lines = last[f"figure sweep-{PERTURBATION}"]["figure"]["data"]
        assert [None in line["y"] for line in lines] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("smooth_taylor:samples=4/600/10000", [(), ("R 500",), ("R 500",)]),
        ("smoothgrad:sigma=0.00005/0.12345/0.5", [("σ 0.0001",), ("σ 0.1235",), ()]),
        ("smooth_taylor:sigma=0.12345,samples=600", [("σ 0.1235", "R 500")]),
        ("blur_ig:widest=123.4567", [()]),
        ("guided_ig:max_dist=0.0123456789", [()]),
        ("ggig:rate=0.000123456789", [()]),
        ("gradient:target=3/5", [(), ()]),
    ],
)
@pytest.mark.parametrize("image", ["cat", "upload"])
def test_what_compare_opens_is_what_its_link_holds(text, told, image):
    sweep, experiment = parse(text), Experiment(image=image)
    for place, words in zip(sweep.places, told, strict=True):
        opened = sweep.opened(experiment, place)
        assert replace(Experiment.from_query(opened.to_query()), image=image) == opened
        assert sweep.unlike_opened(experiment, place) == words
        axes = zip(sweep.axes, place, strict=True)
        if not words and sweep.axes[0].knob != "target":
            assert [opened.every_knob(sweep.method)[axis.knob] for axis, _ in axes] == list(place)
