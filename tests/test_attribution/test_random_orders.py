"""Laws of the random orders: what their mean, their band and their spread are."""

import numpy as np
import pytest
import toys

from attribution import METRICS, controls, perturbation_curve
from attribution.benchmark.measure import Task, measure
from attribution.controls import Band, random_order, random_orders, told
from attribution.explain import score_of
from attribution.types import Curve, LinearCurve

X = toys.image(0, (3, 30, 30)).float()
KNOBS = {"window": 5, "regions": 4, "draws": 3}


def of(model, orders=4, seed=2):
    score = score_of(model, X, 0, "logit", None)

    def measure(heatmap, k):
        return METRICS["perturbation"].run(score, X, heatmap, **KNOBS, seed=seed + k)

    return list(random_orders(measure, 30, 30, seed, orders))


def alone(model, orders=4, seed=2):
    found = [random_order(30, 30, seed, k) for k in range(orders)]
    return [perturbation_curve(model, X, one, 0, **KNOBS, seed=seed + k) for k, one in enumerate(found)]


@pytest.fixture
def network():
    return toys.model(lambda z: z.square().sum(1) + 1)


def test_it_is_the_mean_of_curves_that_are_measured_alone(network):
    last, curves = of(network)[-1], alone(network)
    y = np.array([one.y for one in curves])
    np.testing.assert_allclose(last.y, y.mean(0))
    np.testing.assert_allclose(last.low, y.min(0))
    np.testing.assert_allclose(last.high, y.max(0))
    assert last.areas == tuple(one.area for one in curves)
    assert last.area == pytest.approx(np.mean(last.areas))
    assert last.spread == pytest.approx(np.std(last.areas, ddof=1))
    assert last.share == 1.0


def test_orders_are_independent_and_the_same_again():
    ranks = [random_order(20, 30, 5, k).flatten().argsort().argsort().numpy() for k in range(8)]
    found = np.corrcoef(ranks)[np.triu_indices(8, 1)]
    assert np.abs(found).max() < 0.15
    assert (random_order(20, 30, 5, 3) == random_order(20, 30, 5, 3)).all()
    assert (random_order(20, 30, 5) == random_order(20, 30, 5, 0)).all()


def test_order_k_of_a_seed_is_this_one_on_every_machine():
    for k in range(3):
        drawn = np.random.default_rng([4, 7, k]).random((4, 5), dtype=np.float32)
        np.testing.assert_array_equal(random_order(4, 5, 7, k), drawn)


def test_a_constant_score_has_a_band_without_width():
    last = of(toys.constant())[-1]
    assert last.areas == (4.0,) * 4
    assert last.spread == 0
    assert (last.low == last.high).all()


def test_it_grows_order_by_order(network):
    found = of(network)
    assert [len(one.areas) for one in found] == sorted(len(one.areas) for one in found)
    shares = [one.share for one in found]
    assert shares == sorted(shares)
    assert len({len(one.y) for one in found if one.areas}) == 1, "the mean stays whole once it is"


def test_curves_of_different_lengths_are_a_band_as_far_as_all_of_them_go():
    long, short = Curve(np.arange(4.0), np.ones(4)), Curve(np.arange(3.0), np.zeros(3), "only 2 of 3 fit")
    band = Band.of([long, short], (3.0, 0.0), 1.0)
    np.testing.assert_array_equal(band.y, [0.5] * 3)
    assert band.note == "only 2 of 3 fit"
    assert band.area == 1.5


@pytest.mark.parametrize("said", [("", "near 0"), ("near 0", ""), ("", "", "near 0")])
def test_what_one_order_notes_is_the_note_of_all(said):
    assert Band.of([Curve(np.arange(3.0), np.ones(3), note) for note in said], (2.0,) * len(said), 1.0).note == "near 0"


def test_the_area_is_by_the_rule_of_the_metric():
    """A mean of areas, whatever their rule: Simpson's on the mean curve would give another number."""
    line = LinearCurve(np.array([0.0, 1, 2]), np.array([0.0, 1, 0]))
    assert Band.of([line, line], (line.area,) * 2, 1.0).area == 1.0


def test_it_is_told_with_its_spread():
    curve = Curve(np.arange(3.0), np.ones(3))
    assert told(Band.of([curve], (1.0, 2.0), 1.0), 2) == "1.50 ± 0.71"
    assert told(Band.of([curve], (2.0,), 1.0), 2) == "2.00"
    assert told(curve, 2) == "2.00"


class TestToldApart:
    """What one more order would be is inside the reach 19 times of 20."""

    def bands(self, orders, count=4000):
        drawn = np.random.default_rng(0).normal(25, 1.3, (count, orders + 1))
        curve = Curve(np.arange(3.0), np.ones(3))
        return [(Band.of([curve], tuple(row[1:]), 1.0), row[0]) for row in drawn]

    @pytest.mark.parametrize("orders", [2, 8])
    def test_one_more_order_is_seldom_outside(self, orders):
        outside = [abs(one - band.area) > band.reach for band, one in self.bands(orders)]
        assert np.mean(outside) == pytest.approx(0.05, abs=0.012)

    def test_two_more_orders_are_seldom_apart(self):
        found = self.bands(8)
        others = np.roll([one for _, one in found], 1)
        apart = [abs(one - other) > band.noise for (band, one), other in zip(found, others, strict=True)]
        assert np.mean(apart) == pytest.approx(0.05, abs=0.012)

    @pytest.mark.parametrize("areas", [(), (25.0,), (0.0,) * 8, (0.1,) * 3])
    def test_with_one_order_or_one_area_nothing_is_told_apart(self, areas):
        """A mean of equal numbers is rounded: the deviation of (0.1, 0.1, 0.1) is not quite 0."""
        band = Band.of([Curve(np.arange(3.0), np.ones(3))], areas, 1.0)
        assert np.isnan(band.reach)
        assert np.isnan(band.noise)


def test_no_order_is_refused(network):
    with pytest.raises(ValueError, match="orders=0: use at least one"):
        of(network, 0)


def test_the_benchmark_measures_as_many(monkeypatch, tmp_path):
    from PIL import Image

    from attribution.benchmark.cases import metrics, parse, subjects

    monkeypatch.setattr(controls, "ORDERS", 3)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    (case,) = parse(["random_order"], subjects())
    cases = metrics(["perturbation:draws=2,regions=3", "total_variation:smallest=12"])
    (found,) = measure(Task("a", "", 7, ((case, cases),)), (tmp_path / "a.png").read_bytes(), toys.of_photos())
    assert found.detail == {"orders": 3}
    curve = found.curves[cases[0]]
    assert len(curve.areas) == 3
    assert curve.note.startswith(f"mean of 3 random orders, standard deviation {curve.spread:.3g}")
    assert found.error == ""
