"""Insertion, deletion and the area between perturbation curves: slow definitions and cases worked out by hand."""

import numpy as np
import pytest
import torch
import toys
from scipy.ndimage import gaussian_filter

from attribution import explain
from attribution.explain import curve
from attribution.metrics.insertion_deletion import blurred
from attribution.registry import METRICS, curves

X = toys.image(4, (3, 6, 7))


def probability(model, z, target):
    with torch.no_grad():
        return model.module(z[None]).softmax(1)[0, target].item()


def network():
    """Of pixels: every one counts by its own weight, all channels alike."""
    weights = toys.image(9, (6, 7)) / 3
    return toys.model(lambda z: (z.view(-1, 3, 6, 7).sum(1) * weights).sum((1, 2))), weights


def literal(model, x, heatmap, target, step, substrate, insert):
    """One pixel after another, a score after each `step` of them and after the last."""
    start, end = (substrate, x) if insert else (x, substrate)
    pixels = [(i, j) for i in range(x.shape[1]) for j in range(x.shape[2])]
    order = sorted(pixels, key=lambda p: (abs(heatmap[p].item()), p), reverse=True)
    present, scores = start.clone(), [probability(model, start, target)]
    for n, (i, j) in enumerate(order, 1):
        present[:, i, j] = end[:, i, j]
        if n % step == 0 or n == len(order):
            scores.append(probability(model, present, target))
    return scores


def blur_by_hand(x):
    spot = np.zeros((11, 11))
    spot[5, 5] = 1
    kernel, found = gaussian_filter(spot, 5), torch.zeros_like(x)
    for c in range(x.shape[0]):
        for i in range(x.shape[1]):
            for j in range(x.shape[2]):
                for u in range(11):
                    for v in range(11):
                        a, b = i + u - 5, j + v - 5
                        if 0 <= a < x.shape[1] and 0 <= b < x.shape[2]:
                            found[c, i, j] += kernel[u, v] * x[c, a, b]
    return found


class TestInsertionAndDeletion:
    @pytest.mark.parametrize("step", [1, 5, 42, 100])
    @pytest.mark.parametrize("substrate", ["blur", "mean"])
    @pytest.mark.parametrize("name", ["insertion", "deletion"])
    @pytest.mark.parametrize("size", [1, 7, 64])
    def test_the_definition(self, name, substrate, step, size):
        model = toys.in_batches_of(size, network()[0])
        heatmap = toys.image(6, (6, 7)).round(decimals=0)  # with ties
        ours = curve(model, X, heatmap, name, 1, step=step, substrate=substrate)
        other = blurred(X) if substrate == "blur" else torch.zeros_like(X)
        np.testing.assert_allclose(ours.y, literal(model, X, heatmap, 1, step, other, name == "insertion"), atol=1e-12)
        assert (ours.x[0], ours.x[-1]) == (0, 1)
        widths = np.diff(ours.x)
        assert ours.area == pytest.approx(((ours.y[1:] + ours.y[:-1]) / 2 * widths).sum())

    def test_ends(self):
        model, _ = network()
        heatmap = toys.image(6, (6, 7))
        into, out = (curve(model, X, heatmap, name, 0, substrate="mean") for name in ("insertion", "deletion"))
        full, empty = probability(model, X, 0), probability(model, torch.zeros_like(X), 0)
        assert (into.y[0], into.y[-1]) == pytest.approx((empty, full))
        assert (out.y[0], out.y[-1]) == pytest.approx((full, empty))

    def test_a_constant_model_has_its_probability_as_area(self):
        model = toys.constant(1.0)
        for name in ("insertion", "deletion"):
            assert curve(model, X, toys.image(6, (6, 7)), name, 0).area == pytest.approx(probability(model, X, 0))

    def test_nothing_deletes_faster_than_the_order_of_what_each_pixel_adds(self):
        """On a score that is a sum over pixels, whatever is taken first in its order makes it fall most."""
        model, weights = network()
        worth = (X.sum(0) * weights).clamp(min=0)  # negative ones last, in any order, as they only help later
        best = curve(model, X, worth, "deletion", 0, step=1).y[: int((worth > 0).sum()) + 1]
        for seed in range(20):
            other = curve(model, X, toys.image(seed, (6, 7)), "deletion", 0, step=1).y[: len(best)]
            assert (best <= other + 1e-12).all()

    def test_the_blur(self):
        torch.testing.assert_close(blurred(X), blur_by_hand(X))
        inside = blurred(torch.ones(1, 30, 30, dtype=torch.float64))[0, 10:-10, 10:-10]
        torch.testing.assert_close(inside, torch.ones_like(inside))

    def test_it_is_a_probability_whatever_the_output(self):
        model, _ = network()
        heatmap = toys.image(6, (6, 7))
        one, other = (curve(model, X, heatmap, "insertion", 0, output=o).y for o in ("logit", "probability"))
        np.testing.assert_array_equal(one, other)

    def test_the_sign_and_the_scale_of_a_map_do_not_matter(self):
        model, _ = network()
        heatmap = toys.image(6, (6, 7))
        for name in ("insertion", "deletion"):
            one, other = (curve(model, X, m, name, 0, step=3).y for m in (heatmap, -7 * heatmap))
            np.testing.assert_array_equal(one, other)


class TestAbpc:
    def test_the_definition(self):
        model, _ = network()
        heatmap, target = toys.image(6, (6, 7)), 1
        if model.module(X[None])[0, target] < model.module(0 * X[None])[0, target]:
            target = 0
        values = sorted(heatmap.flatten().tolist())
        low, high = (model.module(z[None])[0, target].item() for z in (0 * X, X))
        expected = []
        for k in range(1, 10):
            cut = 42 * k // 10
            without_low, without_high = X.clone(), X.clone()
            for i in range(6):
                for j in range(7):
                    if not heatmap[i, j].item() > values[cut]:
                        without_low[:, i, j] = 0
                    if not heatmap[i, j].item() < values[-cut]:
                        without_high[:, i, j] = 0
            kept = [(model.module(z[None])[0, target].item() - low) / (high - low) for z in (without_low, without_high)]
            expected.append(max(min(max(kept[0], 0), 1) - min(max(kept[1], 0), 1), 0))
        ours = curve(model, X, heatmap, "abpc", target)
        np.testing.assert_allclose(ours.y, [0, *expected, 0], atol=1e-9)
        assert ours.area == pytest.approx(sum(expected) / 10)

    def test_what_each_pixel_adds_beats_its_opposite(self):
        model, weights = network()
        target = int(model.module(X[None])[0, 0] < model.module(0 * X[None])[0, 0])
        worth = (X.sum(0) * weights) * (1 - 2 * target)
        good, bad = (curve(model, X, m, "abpc", target).area for m in (worth, -worth))
        assert bad == 0
        assert good > 0.3
        assert "A difference below 0 counts as 0" in METRICS["abpc"].note, "else 0 is read as no difference"

    def test_a_score_that_does_not_climb_is_refused(self):
        model = toys.model(lambda z: -z.square().sum(1))
        with pytest.raises(ValueError, match="does not climb from the mean colour"):
            curve(model, X, toys.image(6, (6, 7)), "abpc", 0)

    @pytest.mark.parametrize(("climb", "told"), [(4.9, True), (5.1, False)])
    def test_a_climb_is_small_up_to_5(self, climb, told):
        model = toys.model(lambda z: climb * z.square().sum(1) / X.square().sum())
        assert ("unreliable" in curve(model, X, toys.image(6, (6, 7)), "abpc", 0).note) == told

    def test_a_small_climb_is_told(self):
        model = toys.model(lambda z: z.square().sum(1) / 1000)
        heatmap = toys.image(6, (6, 7))
        assert "unreliable" in curve(model, X, heatmap, "abpc", 0).note
        assert curve(model, X, heatmap, "abpc", 0, output="probability").note == "", "it cannot climb by more than 1"


@pytest.mark.parametrize("name", curves())
def test_every_curve_comes_by_its_name(name):
    x = toys.image(1, (3, 40, 40))
    model = toys.model(lambda z: z.square().mean(1) / x.square().mean() - 0.6)
    made = explain(model, x, "gradient", 0).attribution
    knobs = {"perturbation": {"window": 5, "regions": 3, "draws": 2}, "insertion": {"step": 400}}.get(name, {})
    found = curve(model, x, made, name, 0, **knobs)
    assert np.isfinite(found.y).all()
    assert np.isfinite(found.area)


def test_a_metric_that_is_no_curve_is_refused():
    with pytest.raises(ValueError, match="'completeness_gap' is unknown; use one of perturbation, total_variation"):
        curve(toys.linear(), toys.image(), toys.image(), "completeness_gap", 0)
