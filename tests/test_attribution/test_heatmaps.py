"""From signed attributions to what is looked at."""

import definitions
import numpy as np
import pytest
import torch
from captum.attr._utils.visualization import _normalize_attr

from attribution import heatmap
from attribution.heatmaps import COLOURS, DIVERGING, KINDS, colour, limits, overlay, reduce_channels, rescale


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_default_is_the_papers():
    a = noise(3, 20, 30)
    torch.testing.assert_close(heatmap(a), definitions.st99(a.sum(0)))


def test_sum_of_absolutes():
    a = noise(3, 20, 30)
    torch.testing.assert_close(heatmap(a, "sum_of_absolutes"), definitions.st99(a.abs().sum(0)))


def test_signed_is_symmetric_about_zero():
    a = noise(3, 20, 30)
    h = heatmap(a, "signed")
    torch.testing.assert_close(heatmap(-a, "signed"), -h)
    assert (h.sign() == a.sum(0).sign()).all()
    assert h.abs().max() == 1
    assert (h.abs() == 1).double().mean().item() == pytest.approx(0.01, abs=0.005)


@pytest.mark.parametrize("percentile", [None, 90.0])
def test_mass_is_captums(percentile):
    a = noise(3, 20, 30)
    theirs = _normalize_attr(a.sum(0).numpy(), "absolute_value", 100 - (percentile or 98))
    np.testing.assert_allclose(heatmap(a, "mass", percentile).numpy(), theirs, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, 2.5])
def test_a_constant_map_is_blank(kind, value):
    assert not heatmap(torch.full((3, 5, 5), value), kind).any()


@pytest.mark.parametrize("percentile", [None, 90.0])
@pytest.mark.parametrize("kind", KINDS)
def test_a_map_of_a_few_pixels_is_seen(kind, percentile):
    """As of a small bright thing on black: the percentile is the value of all others."""
    a = torch.zeros(3, 64, 64)
    a[:, 8:12, 8:12] = noise(3, 4, 4).abs().float() + 1
    shown = heatmap(a, kind, percentile)
    assert shown.max() == 1
    assert torch.equal(shown != 0, a.sum(0) != 0)


@pytest.mark.parametrize("kind", KINDS)
def test_scaling_does_not_matter(kind):
    a = noise(3, 16, 16)
    torch.testing.assert_close(heatmap(1e-9 * a, kind), heatmap(a, kind))


def test_a_shared_scale_keeps_magnitudes():
    small, large = noise(3, 16, 16), 10 * noise(3, 16, 16, seed=1)
    ends = limits(reduce_channels(large))
    assert rescale(reduce_channels(small), ends).max() < 0.5 < rescale(reduce_channels(large), ends).max()


@pytest.mark.parametrize("kind", KINDS)
def test_not_a_number_is_told(kind):
    a = noise(3, 4, 4)
    a[0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="holds NaN or infinity"):
        heatmap(a, kind)


def test_a_faint_map_on_a_high_plateau_is_seen():
    a = torch.ones(1, 8, 8, dtype=torch.float64)
    a[0, 3:5, 3:5] += 1e-6
    assert heatmap(a)[3, 3] == 1


def test_the_whole_mass_clips_nothing():
    for seed in range(50):
        assert (heatmap(noise(3, 16, 16, seed=seed), "mass", 100.0) == 1).sum() == 1


def test_what_cannot_be():
    with pytest.raises(ValueError, match="percentile=101 must be from 0 to 100"):
        heatmap(noise(3, 4, 4), "mass", 101)
    with pytest.raises(ValueError, match=r"has shape \(4, 4\); use \(channels, height, width\)"):
        heatmap(noise(4, 4))


def test_an_unknown_kind_is_told():
    with pytest.raises(ValueError, match="heatmap kind 'jet' is unknown; use one of absolute, "):
        heatmap(noise(3, 4, 4), "jet")


class TestColours:
    def test_ends_and_middle(self):
        h = torch.tensor([[0.0, 0.5, 1.0]])
        assert colour(h, COLOURS["grey"]).tolist() == [[[0] * 3, [128] * 3, [255] * 3]]
        assert colour(h, COLOURS["inferno"])[0, 0].tolist() == [0, 0, 4]

    @pytest.mark.parametrize("name", COLOURS)
    def test_brighter_is_more(self, name):
        luminance = colour(torch.linspace(0, 1, 64)[None], COLOURS[name])[0] @ np.array([0.299, 0.587, 0.114])
        assert (np.diff(luminance) > 0).all()

    @pytest.mark.parametrize("name", DIVERGING)
    def test_diverging_is_neutral_at_zero_and_equal_in_strength_on_both_sides(self, name):
        anchors = DIVERGING[name]
        zero = colour(torch.tensor([[0.5]]), anchors)[0, 0]
        assert int(zero.max()) - int(zero.min()) < 16
        luminance = colour(torch.linspace(0, 1, 41)[None], anchors)[0] @ np.array([0.299, 0.587, 0.114])
        away = np.sign(luminance[-1] - luminance[20])
        assert (np.diff(luminance[20:]) * away > 0).all()
        assert (np.diff(luminance[:21]) * away < 0).all()

    def test_overlay(self):
        photo = np.full((1, 2, 3), 200, np.uint8)
        coloured = np.full((1, 2, 3), 10, np.uint8)
        strength = torch.tensor([[0.0, 1.0]])
        assert overlay(coloured, strength, photo, 1.0).tolist() == [[[200] * 3, [10] * 3]]
        assert overlay(coloured, strength, photo, 0.0).tolist() == [[[200] * 3, [200] * 3]]
        assert overlay(coloured, strength, photo, 0.5)[0, 1].tolist() == [105] * 3

    def test_the_photo_under_an_overlay_is_grey(self):
        photo = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        mixed = overlay(photo, torch.zeros(4, 4), photo, 1.0)
        assert (mixed == mixed[..., :1]).all()
