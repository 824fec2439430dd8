"""Laws of the largest change of a map near an image, and captum's number on the same draws."""

from functools import partial

import captum.metrics
import pytest
import torch
import toys
from captum.attr import Saliency

from attribution import explain
from attribution.engine.random_numbers import Purpose, uniform
from attribution.studies.sensitivity import max_sensitivity

X = toys.image()


def maps(model, method, **knobs):
    return lambda image: explain(model, image, method, 0, **knobs).attribution


def near(radius, seed, k):
    return radius * (2 * uniform(Purpose.NEARBY, seed, k, tuple(X.shape)).double() - 1)


def test_a_gradient_that_is_the_same_everywhere_does_not_change():
    assert list(max_sensitivity(maps(toys.linear(), "gradient"), X, repeats=3)) == [0.0] * 3


@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients")
def test_it_is_captums_number():
    model = toys.convolutional()
    saliency = Saliency(model.module)
    changes = torch.stack([near(0.3, 4, k) for k in range(6)])
    oracle = captum.metrics.sensitivity_max(
        partial(saliency.attribute, target=0, abs=False),
        X[None],
        lambda inputs, _: inputs + changes,
        n_perturb_samples=6,
        perturb_radius=0.3,
    )
    *_, found = max_sensitivity(maps(model, "gradient"), X, radius=0.3, repeats=6, seed=4)
    assert found == pytest.approx(oracle.item(), rel=1e-6)
    assert found > 0


def test_it_is_a_running_maximum_by_its_definition():
    make = maps(toys.convolutional(), "integrated_gradients", steps=5)
    changes = [((make(X + near(0.2, 0, k)) - make(X)).norm() / make(X).norm()).item() for k in range(4)]
    found = list(max_sensitivity(make, X, radius=0.2, repeats=4))
    assert found == pytest.approx([max(changes[: k + 1]) for k in range(4)])


def test_noise_of_the_method_is_no_change():
    make = maps(toys.convolutional(), "smoothgrad", samples=4, seed=3)
    assert max(max_sensitivity(make, X, radius=0.0, repeats=2)) == 0


def test_a_blank_map_is_measured_against_one():
    assert list(max_sensitivity(maps(toys.constant(), "gradient"), X, repeats=2)) == [0.0, 0.0]
    grows = iter([0.0, 3.0])
    assert list(max_sensitivity(lambda image: torch.tensor([next(grows)]), X, repeats=1)) == [3.0]


@pytest.mark.parametrize("wrong", [{"radius": -0.1}, {"repeats": 0}, {"radius": float("nan")}])
def test_what_cannot_be_is_said(wrong):
    with pytest.raises(ValueError, match=r"radius=.*use a radius of at least 0"):
        list(max_sensitivity(maps(toys.linear(), "gradient"), X, **wrong))
