"""Adaptive noising: traces computed by hand, a literal transcription, and what it finds on a model."""

import inspect
import math

import pytest
import toys

from attribution import Store, explain, perturbation_curve, total_variation_curve
from attribution.studies.adaptive import FRESH, LARGEST, SMALLEST, Outcome, Trial, adaptive_noising, search_sigma
from attribution.types import Curve, Partial


def plain(area):
    """An area function as the search wants it, and the list of what it was asked."""
    asked = []

    def evaluate(sigma, number):
        asked.append((sigma, number))
        return area(sigma)
        yield

    return evaluate, asked


def trace(area, start, **knobs) -> list[Trial]:
    return list(search_sigma(plain(area)[0], start, **knobs))


def test_by_hand():
    """area = |sigma - 0.6|, from 0.3 by steps of 0.2: each line was computed on paper."""
    found = [
        (t.number, t.sigma, t.area, t.accepted, t.rate, t.best_sigma)
        for t in trace(lambda s: abs(s - 0.6), 0.3, rate=0.2, decay=0.5, iterations=4)
    ]
    expected = [
        (1, 0.3, 0.3, True, 0.2, 0.3),
        (2, 0.5, 0.1, True, 0.2, 0.5),  # better
        (3, 0.7, 0.1, True, 0.2, 0.5),  # no worse: taken, though no better
        (4, 0.9, 0.3, False, 0.2, 0.5),  # worse: the other way
        (5, 0.5, 0.1, True, 0.2, 0.5),  # no worse than 0.1
        (6, 0.7, 0.1, True, 0.2, 0.5),
    ]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs)


def test_four_worsenings_in_a_row_end_it_and_each_makes_the_step_smaller():
    calls = iter(range(100))
    worse = trace(lambda s: float(next(calls)), 0.5, rate=0.1, iterations=20)
    accepted = [t for t in worse if t.accepted]
    assert len(accepted) == 1 + 4
    assert [t.rate for t in accepted[1:]] == pytest.approx([0.1, 0.09, 0.081, 0.0729])
    assert worse[-1].best_sigma == 0.5


def literal(area, sigma, rate, decay, iterations, patience):
    """The algorithm's steps, one by one, without memory: every (sigma, area) that the search moved to."""
    current, stop, moves = area(sigma), 0, []
    best = (current, sigma)
    moves.append((sigma, current))
    for _ in range(iterations):
        plus = abs(sigma + rate)
        value = area(plus)
        if value > current:
            sigma = abs(sigma - rate)
            value = area(sigma)
        else:
            sigma = plus
        moves.append((sigma, value))
        if value > current:
            if stop < patience:
                rate, stop = decay * rate, stop + 1
            else:
                break
        else:
            stop = 0
            best = min(best, (value, sigma))
        current = value
    return moves, best


@pytest.mark.parametrize("start", [0.05, 0.31, 0.9, 1.1])
@pytest.mark.parametrize(
    "area", [lambda s: (s - 0.47) ** 2, lambda s: math.sin(9 * s) + s, lambda s: 1 / (0.1 + s), lambda s: 3.0]
)
def test_against_a_literal_transcription(area, start):
    moves, best = literal(area, start, 0.1, 0.9, 8, 3)
    found = trace(area, start, iterations=8)
    accepted = [(t.sigma, t.area) for t in found if t.accepted]
    assert len(accepted) == len(moves)
    for ours, theirs in zip(accepted, moves, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-9)
    assert found[-1].best_area == pytest.approx(best[0])


def test_common_draws_are_evaluated_once_and_fresh_ones_each_time():
    evaluate, asked = plain(lambda s: abs(s - 0.6))
    trials = list(search_sigma(evaluate, 0.3, rate=0.1, iterations=20))
    assert len(asked) == len(set(asked)) < len(trials)
    assert {number for _, number in asked} == {0}
    evaluate, asked = plain(lambda s: abs(s - 0.6))
    trials = list(search_sigma(evaluate, 0.3, rate=0.1, iterations=20, common=False))
    assert [number for _, number in asked] == list(range(len(trials)))


def test_it_never_costs_more_than_two_evaluations_a_step():
    evaluate, asked = plain(lambda s: math.sin(40 * s))
    list(search_sigma(evaluate, 0.4, common=False))
    assert len(asked) <= 1 + 2 * 20


def test_it_stays_where_there_is_noise():
    """Sigma 0 is a blank map, which has no variation at all."""
    assert min(t.sigma for t in trace(lambda s: s, 0.25, rate=0.25)) == SMALLEST
    assert max(t.sigma for t in trace(lambda s: -s, 1.9, rate=0.25)) == LARGEST


def test_it_leaves_the_largest_sigma():
    """A step up from there stays where it is: no area is worse than itself, and the search asked for it 20 times."""
    evaluate, asked = plain(lambda s: (s - 1.5) ** 2)
    *_, last = search_sigma(evaluate, 2.44)
    assert asked[0][0] == LARGEST
    assert last.best_sigma == pytest.approx(1.5, abs=0.05)


def test_a_start_that_cannot_be():
    with pytest.raises(ValueError, match="the image is zero everywhere"):
        trace(lambda s: s, 0.0)


X = toys.image(0, (3, 48, 48))
MODEL = toys.model(lambda z: (3 * z).sin().sum(1) + 0.1 * z.square().sum(1) + 50)
QUICK = {"samples": 4, "draws": 2, "iterations": 3, "store": None}


@pytest.mark.parametrize("objective", ["autvc", "aupc"])
class TestOnAModel:
    def run(self, objective, **knobs):
        return list(adaptive_noising(MODEL, X, 0, objective=objective, **{**QUICK, **knobs}))

    def area(self, objective, sigma, seed):
        done = explain(MODEL, X, "smooth_taylor", 0, sigma=sigma, samples=4, seed=seed)
        if objective == "autvc":
            return total_variation_curve(done.attribution).area
        return perturbation_curve(MODEL, X, done.attribution, 0, draws=2, seed=seed).area

    def test_every_trial_is_the_area_at_its_sigma(self, objective):
        found = self.run(objective)
        trials = [f for f in found if isinstance(f, Trial)]
        assert trials[0].sigma == pytest.approx(X.abs().mean().item())
        for trial in trials:
            assert trial.area == pytest.approx(self.area(objective, trial.sigma, 0))

    def test_the_outcome_is_scored_again_on_draws_it_has_not_seen(self, objective):
        *_, last = self.run(objective)
        assert isinstance(last, Outcome)
        assert last.area == min(t.area for t in last.trials if t.accepted)
        assert last.fresh_area == pytest.approx(self.area(objective, last.sigma, FRESH))
        assert last.fresh_area != last.area

    def test_what_grows_is_told_on_the_way(self, objective):
        found = self.run(objective)
        assert any(isinstance(f, Partial) for f in found)
        assert any(isinstance(f, Curve) for f in found) == (objective == "aupc")

    def test_a_remembered_sigma_costs_nothing(self, objective):
        model, counter = toys.counted(MODEL)
        store = Store()
        first = list(adaptive_noising(model, X, 0, objective=objective, **{**QUICK, "store": store}))
        before = counter.gradients
        again = list(adaptive_noising(model, X, 0, objective=objective, **{**QUICK, "store": store}))
        assert counter.gradients == before
        assert again[-1].sigma == first[-1].sigma


def test_an_objective_that_is_not_there():
    with pytest.raises(ValueError, match="objective='ssim' is unknown; use one of autvc, aupc"):
        next(adaptive_noising(MODEL, X, 0, objective="ssim"))


@pytest.mark.parametrize("objective", ["autvc", "aupc"])
@pytest.mark.parametrize("wrong", [{"samples": 0}, {"samples": -3}, {"samples": 2.5}, {"draws": 0}, {"seed": -1}])
def test_a_budget_that_cannot_be_is_told_before_anything_is_computed(objective, wrong):
    model, counter = toys.counted(MODEL)
    unchecked = inspect.unwrap(adaptive_noising)  # without the tests' own check of types
    with pytest.raises(ValueError, match="must be a whole number"):
        next(unchecked(model, X, 0, objective=objective, **{**QUICK, **wrong}))
    assert counter.gradients == counter.values == 0
