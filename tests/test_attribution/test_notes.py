"""What must be said beside a number: that it compares with no other."""

import numpy as np
import pytest
import torch
import toys

from attribution import perturbation_curve
from attribution.explain import curve
from attribution.registry import curves
from attribution.types import clear_of, notes

PHOTO = toys.image(0, (3, 48, 48)).float()
ROUGH = PHOTO.flatten().diff().abs().mean()
# One class for noise, the other one for its blurred copy: every curve is defined.
NOISY = toys.model(lambda z: 20 * (z.diff(dim=1).abs().mean(1) - 0.5 * ROUGH))


@pytest.mark.parametrize("metric", curves())
class TestBlankMaps:
    @pytest.mark.parametrize("value", [0.0, 0.3])
    def test_every_metric_says_so(self, metric, value):
        found = curve(NOISY, PHOTO, torch.full((48, 48), value), metric, 0)
        assert "the map is blank" in found.note

    def test_of_another_map_none_does(self, metric):
        assert "blank" not in curve(NOISY, PHOTO, PHOTO[0], metric, 0).note


class TestSharesOfAScore:
    """AUPC divides by the score of the photo."""

    def note(self, score: float, change: float = 1.0) -> str:
        """Of a curve that starts at this score, and ends `change` below it."""
        model = toys.model(lambda z: score - change * ((z - PHOTO.flatten()).abs().sum(1) > 0).to(z.dtype))
        heatmap = torch.zeros(48, 48, dtype=torch.float64)
        heatmap[:15, :15] = 1
        return perturbation_curve(model, PHOTO, heatmap, 0, regions=2, draws=2).note

    def test_of_a_usual_score_nothing_is_said(self):
        assert self.note(5.0) == ""
        assert self.note(1.0) == ""
        assert self.note(1.0, 1.9) == ""

    def test_of_one_near_zero_it_is(self):
        assert self.note(0.001) == "the score of the photo is near 0 (0.001): do not compare this area with others"

    def test_a_score_is_near_zero_if_it_changes_by_more_than_twice_itself(self):
        assert "is near 0 (1)" in self.note(1.0, 2.1)

    def test_of_a_negative_one_it_is(self):
        assert "is negative (-2.8)" in self.note(-2.8)


@pytest.mark.parametrize(
    ("limit", "value", "digits", "said"),
    [
        (0.95, 0.9495, 2, "0.9495"),
        (0.95, 0.949, 2, "0.949"),
        (0.95, 0.951, 2, "0.951"),
        (0.95, 0.95, 2, "0.95"),
        (0.95, 0.94, 2, "0.94"),
        (0.75, -0.001, 2, "0.00"),
        (0.05, 0.0496, 3, "0.0496"),
        (0.05, 0.0504, 3, "0.0504"),
        (0.05, float("nan"), 3, "nan"),
    ],
)
def test_a_number_beside_a_limit_is_not_rounded_to_it(limit, value, digits, said):
    assert clear_of(limit, value, digits) == said


def test_what_is_said_of_a_limit_fits_its_number():
    for value in np.random.default_rng(0).normal(0.75, 0.01, 2000):
        assert (float(clear_of(0.75, value)) >= 0.75) == (value >= 0.75)


def test_notes_stand_beside_each_other():
    assert notes("", "one", "", "two") == "one; two"
    assert notes("", "") == ""
