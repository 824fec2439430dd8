"""Draws until a map is settled: it is the map of that R, nothing is computed twice, and the budget holds."""

import inspect
import math

import pytest
import torch
import toys

from attribution import Store, explain
from attribution.agreement import agreements
from attribution.studies.settled import milestones, until_settled

X = toys.image(1, (3, 48, 48)).float()

network = toys.of_photos


def last(found):
    *_, one = found
    return one


@pytest.mark.parametrize("method", ["smoothgrad", "smooth_taylor"])
@pytest.mark.parametrize("knobs", [{"sigma": 0.3}, {"sigma": 0.6, "antithetic": True, "seed": 3}])
def test_it_is_the_map_of_that_r_bit_for_bit(method, knobs):
    """From gradients that are taken one by one: in a batch of another size, the network itself rounds otherwise."""
    model = toys.in_batches_of(1, network())
    found = last(until_settled(model, X, method, 0, agreement=0.7, side=28, most=300, **knobs))
    again = explain(model, X, method, 0, samples=found.samples, **knobs)
    assert torch.equal(found.partial.attribution, again.attribution)
    assert found.tried[found.samples] == agreements(again.halves)[28]


def test_it_ends_at_the_first_r_that_agrees():
    found = last(until_settled(network(), X, "smooth_taylor", 0, agreement=0.6, side=28, most=400, sigma=0.3))
    assert found.settled
    *before, at = found.tried.values()
    assert before
    assert max(before) < 0.6 <= at
    assert list(found.tried) == milestones(400)[: len(found.tried)]


@pytest.mark.parametrize("given", [None, Store()])
def test_nothing_is_computed_twice(given):
    """An empty store is false, and must be used all the same."""
    model, counter = toys.counted(toys.in_batches_of(7, network()))
    found = last(until_settled(model, X, "smooth_taylor", 0, agreement=0.999, most=90, store=given))
    assert not found.settled
    assert found.samples == 90
    assert found.evaluations == counter.gradients == 90
    assert given is None or len(given) > 0


@pytest.mark.parametrize(
    ("method", "looked"), [("smooth_taylor", [500, 1000, 1500]), ("smooth_taylor_null", [384, 500, 1500])]
)
def test_beyond_the_points_that_are_remembered_nothing_is_either(method, looked):
    """Not of a method whose sums are not remembered there."""
    model, counter = toys.counted(toys.in_batches_of(50, network()))
    found = last(until_settled(model, X, method, 0, agreement=0.999, most=1500))
    assert list(found.tried)[-3:] == looked
    assert found.evaluations == counter.gradients == 1500


def test_a_noiseless_map_is_settled_at_once():
    found = last(until_settled(network(), X, "smoothgrad", 0, sigma=0.0))
    assert found.settled
    assert found.tried == {10: pytest.approx(1)}


def test_a_null_never_settles():
    found = last(until_settled(network(), X, "smooth_taylor_null", 0, most=200))
    assert not found.settled
    assert max(found.tried.values()) < 0.6


@pytest.mark.parametrize("given", [{"method": "smooth_taylor", "sigma": 0.0}, {"method": "smoothgrad"}])
@pytest.mark.parametrize("side", [0, 28])
def test_a_blank_map_is_told_at_once_and_costs_no_further_draws(given, side):
    """It is not settled, and never will be."""
    model, counter = toys.counted(network() if "sigma" in given else toys.constant())
    found = last(until_settled(model, X, target=0, side=side, most=1000, **given))
    assert found.blank
    assert not found.settled
    assert list(found.tried) == [10]
    assert math.isnan(found.tried[10])
    assert found.evaluations == counter.gradients == 10


def test_a_map_that_is_not_finite_is_told_at_once_and_costs_no_further_draws():
    model, counter = toys.counted(toys.model(lambda z: (z.mean(1) + 0.01).sqrt() + z.square().sum(1)))
    with pytest.raises(ValueError, match="the attribution holds NaN or infinity"):
        list(until_settled(model, torch.zeros(3, 48, 48), "smoothgrad", 0, sigma=1.0, most=1000))
    assert 10 <= counter.gradients < 100


def test_a_map_that_is_not_blank_is_not_said_to_be():
    assert not any(one.blank for one in until_settled(network(), X, "smooth_taylor", 0, agreement=0.999, most=16))


def test_a_map_smaller_than_the_cells_is_compared_by_pixels():
    x, model = toys.image(1, (3, 20, 20)), toys.model(lambda z: z.pow(3).sum(1))
    found = last(until_settled(model, x, "smoothgrad", 0, side=28, most=10))
    assert found.tried[10] == last(until_settled(model, x, "smoothgrad", 0, side=0, most=10)).tried[10]


def test_the_map_grows_and_each_r_is_told():
    found = list(until_settled(toys.in_batches_of(4, network()), X, "smoothgrad", 0, agreement=0.999, most=20))
    assert [one.partial.done for one in found if one.samples == 10][:3] == [4, 8, 10]
    assert [one.samples for one in found] == sorted(one.samples for one in found)
    assert [list(one.tried) for one in found][-1] == [10, 16, 20]


@pytest.mark.parametrize("most", [10, 11, 16, 20, 34, 76, 114, 499, 500, 501, 999, 1000, 10_000])
@pytest.mark.parametrize("summed", [True, False])
def test_milestones_grow_up_to_the_budget(most, summed):
    found = milestones(most, summed)
    assert found == sorted(set(found))
    assert found[-1] == most
    assert all(k % 500 == 0 for k in found[:-1] if k > 500)
    assert all(k % 2 == 0 for k in found[:-1])


def test_a_budget_may_be_a_whole_number_of_another_type():
    unchecked = inspect.unwrap(until_settled)  # without the tests' own check of types
    assert last(unchecked(network(), X, "smoothgrad", 0, agreement=0.999, most=20.0)).samples == 20


@pytest.mark.parametrize(
    ("method", "given", "line"),
    [
        ("gradient", {}, "'gradient' is not a mean over noise, so it does not settle; use one of"),
        ("smoothgrad", {"samples": 9}, "samples=9 cannot be given"),
        ("smoothgrad", {"agreement": 1.0}, "agreement=1.0 must be between 0 and 1"),
        ("smoothgrad", {"side": 30}, r"side=30 must be 0 \(pixels\), 56 or 28"),
        ("smoothgrad", {"most": 5}, "most=5 must be at least 10"),
        ("smoothgrad", {"most": 20_000}, "samples=20000"),
        ("nothing", {}, "'nothing' is unknown"),
    ],
)
def test_what_cannot_be_is_said(method, given, line):
    with pytest.raises(ValueError, match=line):
        list(until_settled(toys.linear(), toys.image(), method, 0, **given))
