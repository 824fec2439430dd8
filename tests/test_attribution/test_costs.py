"""Costs are declared beside each method and metric; here they are checked by counting what a network is asked."""

from itertools import pairwise, product

import pytest
import torch
import toys

from attribution import METHODS, METRICS, Store, explain, stream
from attribution.engine.baselines import BASELINES, make_baselines
from attribution.engine.plans import StraightPath
from attribution.engine.profile import AT_ONCE
from attribution.explain import score_of, stepwise, together
from attribution.quadrature import RULES, node_count
from attribution.registry import curves

X = toys.image()
SMALL = {"steps": 6, "samples": 6, "classes": 2, "iterations": 3, "cells": 4}
EXACT = {name for name, method in METHODS.items() if not method.fewer}


def variants(name: str) -> list[dict]:
    """Small knobs of a method, and then each of its choices in turn."""
    knobs = METHODS[name].knobs
    small = {knob: value for knob, value in SMALL.items() if knob in knobs}
    found = [small]
    for knob, declared in knobs.items():
        values = (True,) if declared.type is bool else getattr(declared.allowed, "names", ())
        found += [{**small, knob: value} for value in values]
    if "draws" in knobs:
        found.append({**small, "draws": 3, "baseline": "uniform"})
    return found


# Its score climbs from every baseline to the photo: no method refuses it.
CLIMBING = toys.model(lambda z: (z - X.flatten()).square().sum(1).neg().exp() * 40 + z @ X.flatten())


def asked(name: str, knobs: dict, store: Store | None = None) -> tuple[int, int]:
    """Gradients and forward passes that a map takes."""
    model, counter = toys.counted(CLIMBING)
    explain(model, X, name, 0, store=store, **knobs)
    return counter.gradients, counter.values


@pytest.mark.parametrize(("name", "knobs"), [(n, k) for n in METHODS if n != "lrp" for k in variants(n)])
def test_a_map_takes_at_most_its_cost(name, knobs):
    cost = METHODS[name].cost(knobs)
    gradients, passes = asked(name, knobs)
    assert gradients <= cost.gradients
    assert passes <= cost.passes
    if name in EXACT:
        assert gradients == cost.gradients


def test_lrp_takes_one_backward_pass():
    assert explain(toys.layered(toys.WEIGHTS), X, "lrp", 0).evaluations == METHODS["lrp"].cost({}).gradients == 1


@pytest.mark.parametrize("name", METHODS)
def test_a_larger_run_with_equal_points_holds_the_smaller_one(name):
    """After the larger run the smaller one is free, whichever method it is of."""
    for knobs in variants(name):
        cost = METHODS[name].cost(knobs)
        if cost.points is None:
            continue
        for other in METHODS:
            for theirs in variants(other):
                smaller = METHODS[other].cost(theirs)
                if smaller.points == cost.points and smaller.gradients <= cost.gradients:
                    if "left" in name or "right" in name:
                        continue  # these take only a part of their points
                    store = Store()
                    asked(name, knobs, store)
                    assert asked(other, theirs, store)[0] == 0, (name, knobs, other, theirs)


@pytest.mark.parametrize("name", ["agi", "left_ig", "right_ig"])
def test_a_method_that_says_so_takes_fewer(name):
    assert METHODS[name].fewer
    assert asked(name, {"steps": 30})[0] < METHODS[name].cost({"steps": 30}).gradients


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("left_ig", {"steps": 100, "phi": 1.0}),
        ("right_ig", {"steps": 100, "phi": 1.0}),
        ("idg", {"steps": 100, "cells": 100}),
        ("idg", {"steps": 100, "cells": 100, "sampling": "reference"}),
        ("integrated_gradients", {"steps": 4, "rule": "adaptive", "baseline": "uniform", "draws": 5}),
    ],
)
def test_many_passes_before_the_first_map_are_several_steps(name, knobs):
    """Everybody who shares the worker waits for the end of a step. Who asks for maps gets maps alone."""
    for run in (
        lambda model: (found for _, found in together(model, X, {"one": (name, knobs)}, 0)),
        lambda model: stepwise(model, X, name, 0, "logit", None, knobs),
    ):
        model, counter = toys.counted(CLIMBING)
        counts, maps = [0], []
        for found in run(model):
            counts.append(counter.values)
            maps += [] if found is None else [found.attribution]
        assert counts[-1] > 2 * AT_ONCE
        most = max(after - before for before, after in pairwise(counts))
        assert most <= AT_ONCE + 2, "two more are the ends of the path"
    shown = [found.attribution for found in stream(CLIMBING, X, name, 0, **knobs)]
    torch.testing.assert_close(shown[-1], maps[-1])


@pytest.mark.parametrize("rule", RULES)
def test_nodes_are_counted_without_making_them(rule):
    for steps in (1, 2, 7):
        assert node_count(rule, steps) == len(RULES[rule](steps)[0])


METRIC_KNOBS = {
    "perturbation": {"window": 1, "regions": 4, "draws": 3},
    "insertion": {"step": 7},
    "deletion": {"step": 7},
}


@pytest.mark.parametrize("name", [name for name in curves() if name not in ("sic", "aic")])
def test_a_curve_takes_at_most_its_cost(name):
    model, counter = toys.counted(CLIMBING)
    metric, knobs = METRICS[name], METRIC_KNOBS.get(name, {})
    heatmap = torch.arange(20.0, dtype=torch.float64).reshape(4, 5)
    if metric.scored:
        *_, _ = metric.run(score_of(model, X, 0, "logit", None), X, heatmap, **knobs)
    else:
        metric.run(heatmap, **knobs)
    assert counter.values == metric.cost(knobs, 20).passes
    assert counter.gradients == 0


@pytest.mark.parametrize("name", ["sic", "aic"])
def test_an_information_curve_takes_at_most_its_cost(name):
    photo = toys.image(0, (3, 48, 48)).float()
    # One class for noise, the other one for its blurred copy: the curve has a way to climb.
    noisy = toys.model(lambda z: z.diff(dim=1).abs().mean(1) - 0.5 * photo.flatten().diff().abs().mean())
    model, counter = toys.counted(noisy)
    *_, _ = METRICS[name].run(score_of(model, photo, 0, "logit", None), photo, photo[0].double())
    assert 0 < counter.values <= METRICS[name].cost({}, 48 * 48).passes


@pytest.mark.parametrize("baseline", BASELINES)
def test_the_completeness_gap_takes_at_most_its_cost(baseline):
    model, counter = toys.counted(CLIMBING)
    knobs = {"baseline": baseline, "draws": 3}
    METRICS["completeness_gap"].run(score_of(model, X, 0, "logit", None), X, X, **knobs)
    assert counter.values == METRICS["completeness_gap"].cost(knobs, 20).passes


CLOUDS = [name for name, method in METHODS.items() if "antithetic" in method.knobs]


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        *product(CLOUDS, ({"sigma": 0.1}, {"seed": 1}, {"antithetic": True})),
        ("expected_gradients", {"seed": 1}),
        ("integrated_gradients", {"steps": 5}),
    ],
)
def test_other_points_are_not_declared_equal(name, knobs):
    assert METHODS[name].cost(knobs).points != METHODS[name].cost({}).points


def test_equal_points_are_equal_plans():
    """What Integrated Gradients declares as its points changes with all that its path depends on."""
    costs = {}
    for baseline in ("black", "uniform"):
        for rule in ("right", "left"):
            for seed in (0, 1):
                knobs = {"baseline": baseline, "rule": rule, "seed": seed, "steps": 3}
                path = StraightPath(make_baselines(toys.linear(), X, baseline, 1, seed), (RULES[rule](3),))
                points = METHODS["integrated_gradients"].cost(knobs).points
                costs.setdefault(points, set()).add(tuple(path.key(k) for k in range(len(path))))
    assert all(len(paths) == 1 for paths in costs.values())
    assert len(costs) == 6, "the seed matters for noise alone"
