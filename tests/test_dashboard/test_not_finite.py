"""A network whose gradient or score is not finite everywhere: the page says so, and goes on with the rest."""

from dataclasses import replace

import pytest
import torch
import toys
from page import toy_subject

from attribution import Store
from dashboard.experiment.experiment import Experiment
from dashboard.live.frames import unpack
from dashboard.live.hub import Hub
from dashboard.views.compare.board import CompareBoard
from dashboard.views.noise.board import NoiseBoard

SHAPE = (3, 96, 96)
X = toys.image(0, SHAPE).float()
X[:, 10:20, 10:20] = 0.0
EXPERIMENT = Experiment(samples=6, sigma=0.0, random="off")


def root(z):
    """Its gradient at X is NaN."""
    return z.unflatten(1, SHAPE)[:, :, 10:20, 10:20].square().sum((1, 2, 3)).sqrt() + 0.01 * z.sum(1) + 5


def logarithm(z):
    """NaN for the noise patches of a perturbation curve."""
    return torch.log(40 - 0.05 * (z - X.flatten()).abs().sum(1)) + 0.001 * z.sum(1)


def power(z):
    """Infinite for them."""
    return torch.exp(0.5 * (z - X.flatten()).abs().sum(1)) + 0.001 * z.sum(1)


def told(jobs, board) -> tuple[list[str], dict]:
    """The parts that a browser is sent when all work has ended, and the state; on the way it looks at every step."""
    hub = Hub()
    hub.show("me", "page", board)
    line = hub.open("me", "page", lambda: None)
    list(line.news())
    while jobs.step():
        list(line.news())
    heads = [unpack(message)[0] for message in hub.open("me", "page", lambda: None).news()]
    return [f"{head['part']} {head.get('name', '')}".strip() for head in heads], heads[-1]


def test_a_map_that_is_not_finite_is_an_error_and_other_maps_come(jobs):
    experiment = replace(EXPERIMENT, methods=("smoothgrad", "centre"))
    parts, state = told(jobs, CompareBoard(jobs, "me", Store(), experiment, toy_subject(X, root)))
    assert "map centre" in parts
    assert "map smoothgrad" not in parts
    (error,) = state["errors"]
    assert error.startswith("SmoothGrad: the attribution holds NaN or infinity")


def test_noise_says_so_of_every_method(jobs):
    parts, state = told(jobs, NoiseBoard(jobs, "me", Store(), EXPERIMENT, toy_subject(X, root), both=True))
    assert not [part for part in parts if part.startswith("map")]
    assert state["state"] == "failed"
    assert {error.partition(": ")[2].partition(":")[0] for error in state["errors"]} == {
        "the attribution holds NaN or infinity"
    }


@pytest.mark.parametrize("score", [logarithm, power])
def test_a_curve_that_is_not_finite_is_an_error_and_its_map_stays(jobs, score):
    experiment = replace(EXPERIMENT, methods=("gradient",))
    parts, state = told(jobs, CompareBoard(jobs, "me", Store(), experiment, toy_subject(X, score)))
    assert "map gradient" in parts
    assert state["errors"] == [
        "Gradient, Random order: the curve holds NaN or infinity: the model's score overflowed at some point"
    ]
