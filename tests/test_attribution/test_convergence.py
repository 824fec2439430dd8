"""How sure a map is: laws of its prefixes, its error and the agreement of its halves."""

from dataclasses import replace

import definitions
import numpy as np
import pytest
import torch
import toys

from attribution import METHODS, Store, explain
from attribution.agreement import ENOUGH, agreements
from attribution.engine.plans import NoiseCloud
from attribution.explain import score_of
from attribution.heatmaps import reduce_channels
from attribution.studies.convergence import Convergence, checkpoints, convergence

X = toys.image()
WIDE = torch.zeros((224, 224))


def run(
    model, method="smoothgrad", samples=24, antithetic=False, store=None, x=X, sigma=0.4, form="mean"
) -> list[Convergence]:
    score = score_of(model, x, 0, "logit", store)
    return list(convergence(score, x, method, NoiseCloud(sigma, 3, samples, antithetic), form))


def close(a, b):
    torch.testing.assert_close(a.double(), b.double(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("antithetic", [False, True])
@pytest.mark.parametrize("method", ["smoothgrad", "smooth_taylor"])
class TestMaps:
    def test_after_r_draws_it_is_the_methods_map_of_r_draws(self, method, antithetic):
        model = toys.convolutional()
        last = run(model, method, antithetic=antithetic)[-1]
        for count, found in zip(last.counts, last.maps, strict=True):
            knobs = {"sigma": 0.4, "samples": count, "seed": 3, "antithetic": antithetic}
            close(found, reduce_channels(explain(model, X, method, 0, **knobs).attribution, "signed"))

    def test_it_costs_nothing_once_the_map_is_there(self, method, antithetic):
        model, counter = toys.counted(toys.convolutional())
        store = Store()
        explain(model, X, method, 0, sigma=0.4, samples=24, seed=3, antithetic=antithetic, store=store)
        before = counter.gradients
        run(model, method, antithetic=antithetic, store=store)
        assert counter.gradients == before

    def test_the_batch_size_does_not_matter(self, method, antithetic):
        whole = run(toys.in_batches_of(24, toys.convolutional()), method, antithetic=antithetic)[-1]
        for size in (1, 5):
            parts = run(toys.in_batches_of(size, toys.convolutional()), method, antithetic=antithetic)
            assert parts[-1].counts == whole.counts
            close(parts[-1].maps, whole.maps)
            close(parts[-1].error, whole.error)
            np.testing.assert_allclose(parts[-1].at(), whole.at(), rtol=1e-6)
            assert [p.done for p in parts] == sorted({p.done for p in parts})


@pytest.mark.parametrize("antithetic", [False, True])
@pytest.mark.parametrize("form", METHODS["smoothgrad"].knobs["form"].allowed.names)
def test_maps_and_halves_are_those_of_the_form(form, antithetic):
    model, x = toys.of_photos(), toys.image(1, (3, 48, 48)).float()
    last = run(model, x=x, form=form, antithetic=antithetic)[-1]
    knobs = {"sigma": 0.4, "samples": 24, "seed": 3, "antithetic": antithetic, "form": form}
    expected = explain(model, x, "smoothgrad", 0, **knobs)
    close(last.maps[-1], expected.attribution.sum(0))
    assert dict(last.agreement[-1]) == pytest.approx(agreements(expected.halves), abs=1e-4)
    assert bool(last.error.isnan().all()) == (form == "variance"), "a variance is no mean of draws"


class TestError:
    def test_it_is_that_of_the_mean_of_the_draws(self):
        model = toys.convolutional()
        noise = [0.4 * definitions.epsilon(3, r, X.shape) for r in range(24)]
        draws = np.stack([definitions.gradient(model, X + eps, 0).sum(0).numpy() for eps in noise])
        np.testing.assert_allclose(run(model)[-1].error, draws.std(0, ddof=1) / np.sqrt(24), rtol=1e-4)

    def test_with_both_signs_pairs_are_what_is_independent(self):
        """On a linear score every pair of SmoothTaylor terms cancels: the map is exactly nothing, and known exactly."""
        last = run(toys.linear(), "smooth_taylor", antithetic=True)[-1]
        assert last.error.abs().max() < 1e-6
        plain = run(toys.linear(), "smooth_taylor")[-1]
        assert plain.error.min() > 1e-3

    def test_a_single_draw_has_none(self):
        last = run(toys.convolutional(), samples=1)[-1]
        assert last.error.isnan().all()
        assert np.isnan(last.at()[-1])


class TestAgreement:
    def test_it_is_the_correlation_of_the_two_signed_halves(self):
        model = toys.convolutional()
        noise = [0.4 * definitions.epsilon(3, r, X.shape) for r in range(24)]
        draws = np.stack([definitions.gradient(model, X + eps, 0).sum(0).numpy() for eps in noise])
        expected = np.corrcoef(draws[0::2].mean(0).ravel(), draws[1::2].mean(0).ravel())[0, 1]
        assert run(model)[-1].at()[-1] == pytest.approx(expected, abs=1e-4)

    def test_equal_gradients_agree_at_once(self):
        last = run(toys.linear())[-1]
        assert last.settled() == 2
        assert last.at()[-1] == pytest.approx(1)

    def test_a_blank_map_agrees_with_nothing(self):
        last = run(toys.constant())[-1]
        assert np.isnan(last.at()[-1])
        assert last.settled() is None
        assert last.needed() is None

    def test_settled_is_where_it_passes_for_good(self):
        last = run(toys.convolutional())[-1]
        counts = tuple(range(2, 2 + 2 * 5, 2))

        def settled(*agreement):
            return replace(last, counts=counts, agreement=tuple({X.shape[-2]: one} for one in agreement)).settled()

        assert settled(0.1, 0.96, 0.5, 0.97, 0.98) == 8
        assert settled(0.1, 0.2, 0.3, 0.4, 0.5) is None
        assert settled(0.1, 0.2, 0.3, 0.4, ENOUGH) == 10

    def test_what_is_needed_follows_from_the_agreement_so_far(self):
        """Means of n draws of signal 1 and noise v correlate n / (n + v), by definition of the correlation."""
        last = replace(run(toys.convolutional())[-1], maps=WIDE[None], error=WIDE, counts=(100,))
        for v in (0.5, 10, 200):
            found = replace(last, agreement=({224: 50 / (50 + v)},)).needed()
            assert (found / 2) / (found / 2 + v) == pytest.approx(ENOUGH, abs=0.05 if v < 1 else 0.01)

    def test_of_the_null_follows_nothing(self):
        """Its halves have nothing in common, whatever the network, and half of the time they agree by more than 0."""
        photos = [toys.image(k, (3, 48, 48)).float() for k in range(12)]
        found = [run(toys.of_photos(), "smooth_taylor_null", x=x)[-1] for x in photos]
        assert sum(one.at()[-1] > 0 for one in found) >= 3
        assert [one.needed() for one in found] == [None] * 12

    def test_pooled_halves_have_fewer_values(self):
        last = replace(run(toys.convolutional())[-1], maps=WIDE[None], error=WIDE, counts=(100,))
        found = replace(last, agreement=({224: 0.15, 56: 0.15, 28: 0.15},))
        assert found.needed(0) == found.needed(56) > 1000
        assert found.needed(28) is None, "0.15 of 784 values may be chance"


@pytest.mark.parametrize("samples", [1, 2, 3, 10, 150, 500])
def test_checkpoints_are_even_and_end_at_the_last(samples):
    found = checkpoints(samples)
    assert found[0] == 1
    assert found[-1] == samples
    assert all(count % 2 == 0 for count in found[1:-1])
    assert found == sorted(set(found))
    assert len(found) < 30


def test_a_method_that_is_no_mean_over_noise_is_named():
    with pytest.raises(
        ValueError,
        match="'gradient' is not a mean over noise; use one of smooth_taylor, ",
    ):
        run(toys.linear(), "gradient")
