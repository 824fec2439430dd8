"""What each baseline is, in pixel space, and that no two are mistaken for one another."""

import numpy as np
import pytest
import scipy.ndimage
import torch
import toys

from attribution import Store, explain
from attribution.engine.baselines import BASELINES, make_baselines
from attribution.images import denormalise

X = toys.image(2, (3, 40, 60))
MODEL = toys.linear()


def pixels(kind, draws: int = 1, seed: int = 0) -> list[torch.Tensor]:
    return [denormalise(b.image, toys.MEAN, toys.STD) for b in make_baselines(MODEL, X, kind, draws, seed)]


def test_the_baselines_promised():
    assert BASELINES == ("black", "white", "mean", "blurred", "uniform")


@pytest.mark.parametrize(("kind", "value"), [("black", 0.0), ("white", 1.0)])
def test_constants_are_so_before_normalisation(kind, value):
    (found,) = pixels(kind)
    torch.testing.assert_close(found, torch.full_like(X, value))


def test_the_mean_is_zero_after_normalisation():
    (found,) = make_baselines(MODEL, X, "mean")
    assert found.image.abs().max() < 1e-12
    assert pixels("mean")[0][:, 0, 0].tolist() == pytest.approx(toys.MEAN)


def test_blurred_is_the_photo_under_a_gaussian_of_a_twentieth():
    (found,) = pixels("blurred")
    photo = denormalise(X, toys.MEAN, toys.STD).numpy()
    expected = [scipy.ndimage.gaussian_filter(c, sigma=40 / 20, radius=6, mode="mirror") for c in photo]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_noise_is_uniform_between_black_and_white():
    first, second = pixels("uniform", draws=2)
    for found in (first, second):
        assert 0 <= found.min() < 0.01
        assert 0.99 < found.max() <= 1
        assert found.mean().item() == pytest.approx(0.5, abs=0.02)
        assert found.std().item() == pytest.approx(12**-0.5, abs=0.02)
        assert all(c.mean().item() == pytest.approx(0.5, abs=0.03) for c in found)
    assert not torch.equal(first, second)
    assert not torch.equal(first, pixels("uniform", seed=1)[0])
    assert torch.equal(first, pixels("uniform", draws=20)[0])


def test_noise_baseline_n_of_a_seed_is_this_one_on_every_machine():
    for n, found in enumerate(pixels("uniform", draws=3, seed=7)):
        drawn = np.random.default_rng([2, 7, n]).random(X.shape, dtype=np.float32)
        np.testing.assert_allclose(found.numpy(), drawn, atol=1e-6)


def test_a_tensor_is_taken_as_it_is():
    other = toys.image(8, (3, 40, 60))
    (found,) = make_baselines(MODEL, X, other)
    assert torch.equal(found.image, other)
    (single,) = make_baselines(MODEL, X, other.float())
    assert single.image.dtype == X.dtype


def test_no_baseline_is_remembered_as_another():
    """Eight baselines, one of them again: each costs its path once."""
    model, store = toys.convolutional(), Store()
    x = toys.image()
    tried = [
        *({"baseline": name} for name in BASELINES),
        {"baseline": "uniform", "seed": 1},
        {"baseline": torch.zeros_like(x)},
        {"baseline": torch.ones_like(x)},
    ]
    for knobs in tried:
        assert explain(model, x, "integrated_gradients", 0, steps=3, store=store, **knobs).evaluations == 3
    for knobs in tried:
        assert explain(model, x, "integrated_gradients", 0, steps=3, store=store, **knobs).evaluations == 0
