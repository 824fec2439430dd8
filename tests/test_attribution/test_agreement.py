"""Whether a map is settled or luck: laws of the agreement of two signed halves."""

import math

import definitions
import numpy as np
import pytest
import torch
import toys
from scipy.stats import spearmanr

from attribution import METHODS, Store, explain, stream
from attribution.agreement import ENOUGH, agreement, agreements, needed
from attribution.engine import clouds, plans
from attribution.engine.baselines import make_baselines
from attribution.heatmaps import reduce_channels

X = toys.image()
PHOTO = toys.image(1, (3, 48, 48)).float()
NOISY = ("smoothgrad", "smoothgrad_squared", "smooth_taylor", "smooth_taylor_null")


def halves(model, x, method, **knobs):
    return explain(model, x, method, 0, **knobs).halves


def drawn(seed: int, signal: torch.Tensor, noise: float, draws: int) -> torch.Tensor:
    """The mean of so many draws of a signal with independent noise of this variance."""
    generator = torch.Generator().manual_seed(seed)
    return signal + math.sqrt(noise / draws) * torch.randn(signal.shape, generator=generator, dtype=torch.float64)


class TestOfTwoMaps:
    def test_it_is_pearsons_correlation(self):
        pair = torch.randn((2, 30, 40), generator=torch.Generator().manual_seed(0))
        assert agreement(pair) == pytest.approx(np.corrcoef(pair.flatten(1).numpy())[0, 1], abs=1e-6)
        assert agreement(3 * pair + 7) == pytest.approx(agreement(pair), abs=1e-5), "neither unit nor offset matter"

    def test_the_sign_counts(self):
        one = torch.randn((30, 40), generator=torch.Generator().manual_seed(0))
        assert agreement(torch.stack([one, one])) == pytest.approx(1)
        assert agreement(torch.stack([one, -one])) == pytest.approx(-1)

    @pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
    def test_a_constant_map_agrees_with_nothing(self, value):
        one = torch.randn((30, 40), generator=torch.Generator().manual_seed(0))
        assert math.isnan(agreement(torch.stack([one, torch.full_like(one, value)])))

    def test_maps_are_pooled_to_what_is_smaller(self):
        pair = torch.randn((2, 224, 224), generator=torch.Generator().manual_seed(0))
        found = agreements(pair)
        assert list(found) == [224, 56, 28]
        blocks = pair.reshape(2, 56, 4, 56, 4).mean((2, 4))
        assert found[56] == pytest.approx(agreement(blocks), abs=1e-6)
        assert list(agreements(pair[:, :56, :56])) == [56, 28]
        assert list(agreements(pair[:, :20, :20])) == [20]

    def test_regions_settle_before_pixels(self):
        signal = torch.nn.functional.interpolate(
            torch.randn((1, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.float64), (224, 224)
        )[0, 0]
        found = agreements(torch.stack([drawn(k, signal, 50, 10) for k in (1, 2)]))
        assert found[224] < found[56] < found[28]


class TestExtrapolation:
    """On a signal of variance 1 with noise of known variance, so that everything is known."""

    SIGNAL = torch.randn((300, 300), generator=torch.Generator().manual_seed(9), dtype=torch.float64)

    @pytest.mark.parametrize("noise", [1, 10, 100])
    def test_with_as_many_draws_as_it_says_halves_agree(self, noise):
        found = agreement(torch.stack([drawn(k, self.SIGNAL, noise, 20) for k in (1, 2)]))
        draws = needed(found, 40, self.SIGNAL.numel())
        then = agreement(torch.stack([drawn(k, self.SIGNAL, noise, draws / 2) for k in (3, 4)]))
        assert then == pytest.approx(ENOUGH, abs=0.01)

    def test_absolute_ranks_would_have_promised_too_much(self):
        """They find agreement between maps of one envelope that have nothing else in common."""
        envelope = self.SIGNAL.exp()
        pair = torch.stack([envelope * drawn(k, torch.zeros_like(envelope), 1, 1) for k in (1, 2)])
        ranks = spearmanr(pair[0].abs().flatten(), pair[1].abs().flatten()).statistic
        assert ranks > 0.2
        assert agreement(pair) == pytest.approx(0, abs=0.05)

    @pytest.mark.parametrize("found", [-0.1, 0.0, math.nan])
    def test_of_nothing_follows_nothing(self, found):
        assert needed(found, 40, 100) is None

    @pytest.mark.parametrize("side", [60, 200])
    def test_draws_without_noise_need_one_in_each_half(self, side):
        """Rounded, the correlation of equal halves can be above 1."""
        halves = drawn(3, torch.zeros(side, side, dtype=torch.float64), 1, 1).expand(2, -1, -1)
        for scale in (1.0, 3.0, 0.1, 1e6):
            found = agreement(torch.stack([halves[0], scale * halves[1]]))
            assert 0.999_999 < found <= 1
            assert needed(found, 40, side**2) == 2

    @pytest.mark.parametrize("side", [28, 224])
    def test_halves_that_have_nothing_in_common_promise_nothing(self, side):
        """Half of such agreements are above 0: chance, of which no number of draws follows. Also with an envelope."""
        envelope = (self.SIGNAL[:side, :side] / 2).exp()
        unrelated = [
            torch.stack([envelope * drawn(k, 0 * envelope, 1, 1) for k in (2 * i, 2 * i + 1)]) for i in range(20)
        ]
        found = [agreement(pair) for pair in unrelated]
        assert sum(one > 0 for one in found) > 5
        assert [needed(one, 40, side**2) for one in found] == [None] * 20

    def test_more_values_tell_less_agreement_from_none(self):
        assert needed(0.1, 40, 28**2) is None
        assert needed(0.1, 40, 224**2) == 6840


@pytest.mark.parametrize("method", NOISY)
class TestHalvesOfAMap:
    @pytest.mark.parametrize("antithetic", [False, True])
    def test_together_they_are_the_map(self, method, antithetic):
        found = explain(toys.convolutional(), X, method, 0, sigma=0.4, samples=12, seed=3, antithetic=antithetic)
        together = reduce_channels(found.attribution, "signed")
        torch.testing.assert_close(found.halves.mean(0).double(), together, rtol=1e-9, atol=1e-9)

    def test_they_grow_with_the_map(self, method):
        run = list(stream(toys.in_batches_of(1, toys.convolutional()), X, method, 0, sigma=0.4, samples=6))
        assert run[0].halves is None, "one draw has no halves"
        assert all(partial.halves.shape == (2, *X.shape[1:]) for partial in run[1:])

    def test_without_noise_they_are_equal(self, method):
        if method.startswith("smoothgrad"):
            assert agreement(halves(toys.convolutional(), X, method, sigma=0.0, samples=8)) == pytest.approx(1)
        else:
            assert not halves(toys.convolutional(), X, method, sigma=0.0, samples=8).any()

    def test_sums_of_a_large_cloud_have_them_too(self, method, monkeypatch):
        """They are the same whether points or sums are remembered, and a later run goes on from them."""
        model, knobs = toys.convolutional(), {"sigma": 0.4, "samples": 21, "seed": 3}
        points = halves(model, X, method, **knobs)
        for module in (plans, clouds, *(__import__(f"attribution.methods.{name}", fromlist=["x"]) for name in NOISY)):
            monkeypatch.setattr(module, "REMEMBERED", 6, raising=False)
        store = Store()
        explain(model, X, method, 0, store=store, **{**knobs, "samples": 13})
        sums = halves(model, X, method, store=store, **knobs)
        torch.testing.assert_close(sums, points, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", ["mean", "squared", "variance"])
def test_halves_are_the_method_of_every_other_draw(form):
    model = toys.convolutional()
    noise = [0.4 * definitions.epsilon(3, r, X.shape) for r in range(8)]
    draws = torch.stack([definitions.gradient(model, X + eps, 0) for eps in noise])
    for k, found in enumerate(halves(model, X, "smoothgrad", sigma=0.4, samples=8, seed=3, form=form)):
        some = draws[k::2]
        expected = {"mean": some.mean(0), "squared": some.square().mean(0), "variance": some.var(0, unbiased=False)}
        torch.testing.assert_close(found, expected[form].sum(0), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_they_are_of_the_methods_that_average_over_draws(method):
    """Those that declare a mean over a noise cloud, and one whose draws are baselines and places on the path."""
    model = toys.layered(toys.WEIGHTS) if method == "lrp" else toys.convolutional()
    small = {knob: 6 for knob in ("steps", "samples", "iterations") if knob in METHODS[method].knobs}
    drawn = METHODS[method].term is not None or method == "expected_gradients"
    assert (explain(model, X, method, 0, **small).halves is not None) == drawn


def test_several_noise_baselines_are_as_many_draws():
    """One baseline, and a fixed one, are no draws."""
    model = toys.convolutional()

    def run(**knobs):
        return explain(model, X, "integrated_gradients", 0, steps=3, seed=2, **knobs)

    starts = [baseline.image for baseline in make_baselines(model, X, "uniform", 4, 2)]
    expected = [definitions.integrated_gradients(model, X, 0, 3, starts[k::2]).sum(0) for k in range(2)]
    torch.testing.assert_close(run(baseline="uniform", draws=4).halves, torch.stack(expected), rtol=1e-9, atol=1e-9)
    assert run(baseline="uniform", draws=1).halves is None
    assert run(baseline="black", draws=4).halves is None


class TestNull:
    def test_it_is_gradients_times_other_noise(self):
        model = toys.convolutional()
        total = torch.zeros_like(X)
        for r in range(7):
            z = X + 0.4 * definitions.epsilon(3, r, X.shape)
            other = torch.from_numpy(np.random.default_rng([8, 3, r]).standard_normal(X.shape, dtype=np.float32))
            total -= 0.4 * other.double() * definitions.gradient(model, z, 0)
        found = explain(model, X, "smooth_taylor_null", 0, sigma=0.4, samples=7, seed=3).attribution
        torch.testing.assert_close(found, total / 7, rtol=1e-6, atol=1e-9)

    def test_it_costs_nothing_beside_smoothtaylor(self):
        model, counter = toys.counted(toys.convolutional())
        store = Store()
        explain(model, X, "smooth_taylor", 0, sigma=0.4, samples=9, store=store)
        explain(model, X, "smooth_taylor_null", 0, sigma=0.4, samples=9, store=store)
        assert counter.gradients == 9

    def test_its_halves_have_nothing_in_common(self):
        """Within the error of a correlation of so many pixels; ranks of absolute values would say otherwise."""
        pair = halves(toys.of_photos(), PHOTO, "smooth_taylor_null", sigma=0.5, samples=64)
        assert agreement(pair) == pytest.approx(0, abs=4 / math.sqrt(PHOTO[0].numel()))
