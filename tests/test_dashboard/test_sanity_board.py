"""What is chosen on the page Sanity reaches the studies, and its charts show what the studies found."""

import math
from dataclasses import replace
from itertools import pairwise

import by_heart
import PIL.Image
import pytest
import torch
import toys
from page import QUICK, finish
from torch import nn

from attribution import METHODS, Store
from attribution.similarity import MEASURES, Alike
from attribution.studies.other_class import other_class
from attribution.studies.perturbed import Level, Perturbed, model_perturbation
from attribution.studies.randomisation import randomisation
from dashboard.controls import resources
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.live.frames import unpack
from dashboard.views.sanity.board import Choice, SanityBoard
from dashboard.views.sanity.figures import noise_chart
from dashboard.views.sanity.words import NOISE
from dashboard.work import sanity
from dashboard.work.models import Models

pytestmark = pytest.mark.usefixtures("small_network")
DRAWS = sanity.SEEDS
"""As the page has it. The other tests of pages have fewer."""
TARGET, SEED = 2, 5
NAN = math.nan
EXPERIMENT = Experiment(samples=4, steps=4, methods=("gradient",), seed=SEED)
CHECKED = {"gradient": ("gradient", {}), "edges": ("edges", {}), "centre": ("centre", {})}
X = toys.image(0, (3, 48, 48)).float()


@pytest.fixture
def board(jobs):
    """Of a network with three classes: the likeliest other class is not the least likely one."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = [nn.Conv2d(3, 6, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(96, 3)]
    categories = ("yes", "no", "perhaps")
    model = replace(toys.model(nn.Sequential(*network)), name="efficientnet_lite0", categories=categories)
    source = PIL.Image.new("RGB", (48, 48))
    subject = Subject(source, X, "photo", model, tuple(model.predict(X, k=3)), TARGET)
    return SanityBoard(jobs, "me", Store(), EXPERIMENT, subject, Choice())


def done(jobs, board, **choice):
    """The board with these choices, complete."""
    board = replace(board, choice=replace(board.choice, **choice))
    board.look()
    while jobs.step():
        pass
    return board


def found(board):
    return {name: view.snapshot for name, view in board.ask().items()}


def charts(board):
    """The traces of each chart: the lines by their names, and the bands by those of the lines that they lie behind."""
    parts = [part for part in board.look().parts if part.name in ("figure sanity-layers", "figure sanity-noise")]
    heads = [unpack(part.make())[0] for part in parts]
    return {head["name"]: named(head["figure"]["data"]) for head in heads}


def named(traces):
    bands = {line["name"]: one for one, line in pairwise(traces) if "fill" in one}
    return {one["name"]: one for one in traces if "fill" not in one}, bands


def last(run):
    *_, ended = run
    return ended


@pytest.mark.parametrize("choice", [{}, {"mode": "independent"}, {"own_class": True}])
def test_layers_become_random_as_it_was_chosen(jobs, board, choice):
    random = found(done(jobs, board, **choice))["layers"]
    true = last(randomisation(board.subject.model, X, CHECKED, TARGET, stages=sanity.STAGES, seed=SEED, **choice))
    assert random.mode == choice.get("mode", "cascading")
    assert [stage.target for stage in random.stages] == [stage.target for stage in true.stages]
    assert ({stage.target for stage in random.stages} == {TARGET}) == ("own_class" not in choice)
    for stage, by_hand in zip(random.stages, true.stages, strict=True):
        torch.testing.assert_close(stage.maps["gradient"], by_hand.maps["gradient"])


def test_running_statistics_become_random_too_if_that_was_chosen(jobs, board):
    """Only where a batch-norm has some. It was not folded, as nothing comes before it."""
    norm = nn.BatchNorm2d(3).eval()
    norm.running_mean.fill_(2)
    model = replace(board.subject.model, module=nn.Sequential(norm, board.subject.model.module).eval())
    board = replace(board, subject=replace(board.subject, model=model))
    stages = {}
    for statistics in (False, True):
        stages[statistics] = found(done(jobs, board, statistics=statistics))["layers"].stages
        true = last(randomisation(model, X, CHECKED, TARGET, stages=sanity.STAGES, seed=SEED, statistics=statistics))
        torch.testing.assert_close(stages[statistics][-1].maps["gradient"], true.stages[-1].maps["gradient"])
    kept, lost = (stages[statistics][-1].maps["gradient"] for statistics in (False, True))
    assert not torch.allclose(kept, lost)


@pytest.mark.parametrize("other", ["second", "least"])
def test_the_other_class_is_the_chosen_one(jobs, board, other):
    beside = found(done(jobs, board, other=other))["class"]
    order = [index for index, *_ in board.subject.predictions if index != TARGET]
    assert (beside.target, beside.other) == (TARGET, order[0] if other == "second" else order[-1])
    true = last(other_class(board.subject.model, X, CHECKED, TARGET, other=other))
    torch.testing.assert_close(beside.others["gradient"], true.others["gradient"])


def test_noise_in_the_weights_is_drawn_as_often_as_the_page_says(jobs, board, monkeypatch):
    assert f"the lowest to the highest of {('no', 'one', 'two', 'three')[DRAWS]} draws" in NOISE
    monkeypatch.setattr(sanity, "SEEDS", 2)
    noise = found(done(jobs, board))["weights"]
    assert noise.seeds == 2
    assert [one.seed for one in noise.levels] == [SEED, SEED, SEED + 1, SEED + 1]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("mode", ["cascading", "independent"])
def test_the_line_of_each_method_is_its_curve(jobs, board, mode, measure):
    """Of random layers. The stages stand at equal distances."""
    board = done(jobs, board, mode=mode, measure=measure)
    random, (lines, _) = found(board)["layers"], charts(board)["sanity-layers"]
    assert len(random.counts) == 3
    for method in CHECKED:
        line, curve = lines[METHODS[method].title], random.curve(method, measure)
        assert line["x"] == [random.counts.index(count) for count, _ in curve] == [0, 1, 2]
        assert line["y"] == pytest.approx([one.value for _, one in curve])
    assert min(lines["Gradient"]["y"]) < 0.95 < min(lines["Edges"]["y"])


@pytest.mark.parametrize("measure", MEASURES)
def test_noise_has_the_curve_and_the_band_of_each_method_and_the_probability(jobs, board, monkeypatch, measure):
    monkeypatch.setattr(sanity, "SEEDS", 2)
    board = done(jobs, board, measure=measure)
    levels = {"shares": sanity.LEVELS, "seeds": 2, "seed": SEED}
    noise = last(model_perturbation(board.subject.model, X, CHECKED, TARGET, **levels))
    lines, bands = charts(board)["sanity-noise"]
    for method in CHECKED:
        title, curve = METHODS[method].title, noise.curve(method, measure)
        assert lines[title]["x"] == pytest.approx([100 * band.share for band in curve])
        assert lines[title]["y"] == pytest.approx([band.mean for band in curve])
        assert bands[title]["x"] == pytest.approx([10, 100, 100, 10]), "along its highest values, and back"
        assert bands[title]["y"] == pytest.approx([*(one.high for one in curve), *(one.low for one in reversed(curve))])
    scores, below = noise.scores(), lines["share of the probability"]
    assert below["x"] == pytest.approx([100 * one.share for one in scores])
    assert below["y"] == pytest.approx([one.mean for one in scores])
    assert scores[-1].mean < 0.99
    assert bands["Gradient"]["y"][1] > bands["Gradient"]["y"][2]


def test_noise_has_a_gap_where_no_network_has_a_finite_score():
    """A line across it would show what nobody measured."""
    rows = ((0.1, 0, 0.9, 0.8), (0.2, 0, NAN, NAN), (0.3, 0, 0.5, 0.4), (0.1, 1, 0.7, 0.6), (0.2, 1, NAN, NAN))
    levels = [Level(t, seed, score, {}, {"edges": {"spearman": Alike(one)}}, {}) for t, seed, score, one in rows]
    noise = Perturbed(0, ("edges",), (0.1, 0.2, 0.3), 2, {}, {}, tuple(levels))
    part = noise_chart(noise, [EXPERIMENT.panel("edges", "photo", "toy", 0)], "spearman", "")
    lines, bands = named(unpack(part.make())[0]["figure"]["data"])
    assert lines["Edges"]["x"] == lines["share of the probability"]["x"] == pytest.approx([10, 20, 30])
    assert lines["Edges"]["y"] == pytest.approx([0.7, None, 0.4])
    assert lines["share of the probability"]["y"] == pytest.approx([0.8, None, 0.5])
    assert bands["Edges"]["x"] == pytest.approx([10, 10, None, 30, 30])
    assert bands["Edges"]["y"] == pytest.approx([0.8, 0.6, None, 0.4, 0.4])
    assert "has a gap" in NOISE


def test_small_changes_say_that_a_map_is_blank(jobs, board):
    """SmoothTaylor without noise is one. Its max-sensitivity would be 0, and its infidelity is that of zeros."""
    board = done(jobs, replace(board, experiment=replace(EXPERIMENT, methods=("smooth_taylor", "gradient"), sigma=0.0)))
    parts = {part.name: part for part in board.look().parts}
    rows, about = {}, ("mode", "hovertemplate", "textposition")
    for name in ("infidelity", "sensitivity"):
        traces = unpack(parts[f"figure sanity-{name}"].make())[0]["figure"]["data"]
        rows[name] = {one["y"][0]: (one["text"][0], *(one[part] for part in about)) for one in traces}
    text, mode, words, place = rows["infidelity"]["SmoothTaylor"]
    assert (text, mode) == ("1.00 · blank map", "markers+text")
    assert place == "middle left", "at the right end of the chart it would be cut"
    assert "1.000; the map is blank: it puts no pixel before another" in words
    text, mode, words, place = rows["sensitivity"]["SmoothTaylor"]
    assert (text, mode, place) == ("blank map", "text", "middle right"), "no point at 0"
    assert "the map is blank: it puts no pixel before another" in words
    assert not any("blank" in "".join(row) for found in rows.values() for row in (found["Gradient"], found["Edges"]))


def test_what_is_set_on_the_page_is_what_is_computed(page, jobs):
    app = page(**QUICK, methods="gradient").switch_page("views/sanity/page.py").run()
    keys = {slot: held.job.key for (_, slot), held in jobs._slots.items()}
    assert (keys["sanity layers"].mode, keys["sanity layers"].own_class) == ("cascading", False)
    assert keys["sanity class"].other == "second"
    app.segmented_control(key="sanity-mode").set_value("independent")
    app.toggle(key="sanity-own").set_value(True)
    app.selectbox(key="sanity-other").set_value("least").run()
    finish(app, jobs)
    keys = {slot: held.job.key for (_, slot), held in jobs._slots.items()}
    assert (keys["sanity layers"].mode, keys["sanity layers"].own_class) == ("independent", True)
    assert keys["sanity class"].other == "least"


def test_running_statistics_are_a_choice_where_the_model_has_some(page, jobs, monkeypatch):
    small = by_heart.model()
    app = page(**QUICK, methods="gradient").switch_page("views/sanity/page.py").run()
    assert "sanity-statistics" not in {one.key for one in app.toggle}
    normed = replace(small, module=nn.Sequential(nn.BatchNorm2d(3), small.module).eval().requires_grad_(False))
    models = Models(lambda name, device: normed)
    monkeypatch.setattr(resources, "models", lambda: models)
    app.run()
    app.toggle(key="sanity-statistics").set_value(True).run()
    finish(app, jobs)
    keys = {slot: held.job.key for (_, slot), held in jobs._slots.items()}
    assert keys["sanity layers"].statistics
