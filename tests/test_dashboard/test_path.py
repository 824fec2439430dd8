"""What the Path page says of a walk, and draws of it."""

import numpy as np
import pytest
import torch
import toys

from attribution import Store
from attribution.engine.baselines import make_baselines
from attribution.engine.profile import AT_ONCE
from attribution.explain import score_of
from attribution.studies.trace import Detour, Trace, trace
from dashboard.charts import path as paths
from dashboard.views.path.board import AFTER
from dashboard.views.path.walks import said, saturated
from dashboard.work.path import Rug, Start, rug_work

X = toys.image()


def walk(model, baseline="mean", steps=8) -> Trace:
    (start,) = make_baselines(model, X, baseline)
    return list(trace(score_of(model, X, 0, "logit", None), X, start, steps))[-1]


@pytest.mark.parametrize("sampling", ["adaptive", "reference"])
def test_the_places_of_many_samples_come_in_several_steps(sampling):
    """Everybody who shares the worker waits for the end of a step."""
    model, counter = toys.counted(toys.convolutional())
    rug = Rug(Start("photo", "toy", 0, "mean", 0), 100, sampling, 100, "midpoint")
    steps = [(counter.values, found) for found in rug_work(rug, model, X, Store())]
    counts = [count for count, _ in steps]
    assert counts == [AT_ONCE, 2 * AT_ONCE, 3 * AT_ONCE, 101]
    assert [found is None for _, found in steps] == [True, True, True, False]
    assert len(steps[-1][1]) > 50


class TestSaturated:
    def test_of_a_path_without_a_way(self):
        row = saturated(walk(toys.convolutional(), X), 0.9)
        assert (row["Share of the sum"], row["Share of the absolute sum"], row["Completeness gap"]) == (
            "none",
            "none",
            "+0.00",
        )

    def test_of_a_score_that_is_flat(self):
        row = saturated(walk(toys.model(lambda z: 0 * z.sum(1) + 3)), 0.9)
        assert (row["Share of the sum"], row["Share of the absolute sum"], row["Completeness gap"]) == (
            "none",
            "none",
            "+0.00",
        )
        assert row["Left-IG cuts at α"].startswith("nowhere")

    def test_of_a_score_that_falls(self):
        row = saturated(walk(toys.model(lambda z: -(z @ X.flatten()))), 0.9)
        assert row["Left-IG cuts at α"] == "nowhere: the score falls"
        assert row["Share of the sum"] == row["Steps after the cut"] == ""

    def test_of_a_score_that_is_infinite_at_the_baseline(self):
        """No share of its climb is reached anywhere."""
        found = walk(toys.model(lambda z: z.abs().mean(1).log()))
        assert saturated(found, 0.9)["Left-IG cuts at α"] == "nowhere: a score is not finite"
        assert "nan" not in said(found, 3)

    def test_of_a_score_that_jumps(self):
        direction = X.flatten() / X.square().sum()
        row = saturated(walk(toys.model(lambda z: torch.sigmoid(50 * (z @ direction - 0.45)))), 0.9)
        assert row["Left-IG cuts at α"] == "0.5"
        assert row["Steps after the cut"] == "62%"

    @pytest.mark.parametrize("phi", [0.5, 0.7, 0.95])
    def test_with_many_steps_what_is_left_of_the_climb_comes_after_the_cut(self, phi):
        """However the score climbs: that it changes little there is true near 1 only."""
        bent = toys.model(lambda z: torch.sin(4 * (z @ X.flatten()) / X.square().sum()) + z @ X.flatten() / 20)
        assert np.diff(walk(bent).scores).min() < 0
        assert walk(bent, steps=2000).saturated(phi)[0] == pytest.approx(1 - phi, abs=0.01)
        assert AFTER.startswith("With many steps, those after the cut add 1 − φ of the climb to the sum")


@pytest.mark.parametrize("beyond", [-30.0, 30.0])
def test_the_whole_of_guided_igs_path_is_in_its_chart(beyond):
    straight = walk(toys.convolutional())
    alphas = np.array([0.0, 0.5, 1.0])
    met = Detour(2, alphas, np.array([straight.ends[0], beyond, straight.ends[1]]), np.zeros(3))
    low, high = paths.guided("mean", straight, met).layout.yaxis.range
    assert low < beyond < high
