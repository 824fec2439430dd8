"""The metrics against slow definitions, scikit-image's pyramid, and cases worked out by hand."""

import inspect
from dataclasses import replace

import definitions
import numpy as np
import pytest
import scipy.integrate
import torch
import toys
from skimage.transform import pyramid_gaussian

from attribution import METRICS, perturbation_curve, total_variation_curve
from attribution.controls import random_order
from attribution.engine.baselines import make_baselines
from attribution.engine.score import ClassScore
from attribution.explain import explain, one_channel
from attribution.heatmaps import as_tensor
from attribution.metrics.completeness import completeness_gap
from attribution.metrics.perturbation import perturbation, perturbed, select_windows
from attribution.metrics.total_variation import average_total_variation, reduce_level
from attribution.quadrature import RULES, simpson
from attribution.types import Curve

X = toys.image()
WIDE = toys.image(5, (3, 13, 17))


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class TestWindows:
    @pytest.mark.parametrize("shape", [(13, 17), (9, 30), (15, 15)])
    @pytest.mark.parametrize("seed", range(5))
    def test_against_every_window_one_by_one(self, shape, seed):
        h = noise(*shape, seed=seed)
        assert select_windows(h, 3, 8) == definitions.windows(h, 3, 8)

    def test_the_last_row_and_column_are_legal(self):
        h = torch.zeros(10, 10)
        h[7:, 7:] = 1
        assert select_windows(h, 3, 1) == [(7, 7)]

    def test_they_are_disjoint_and_fall_in_score(self):
        h = noise(60, 60)
        corners = select_windows(h, 7, 12)
        for i, (u, v) in enumerate(corners):
            assert all(abs(u - a) >= 7 or abs(v - b) >= 7 for a, b in corners[:i])
        means = [h[u : u + 7, v : v + 7].abs().mean() for u, v in corners]
        assert means == sorted(means, reverse=True)

    def test_a_constant_map_is_tiled_from_the_top_left(self):
        assert select_windows(torch.full((6, 6), 0.1), 2, 4) == [(0, 0), (0, 2), (0, 4), (2, 0)]

    def test_at_the_default_size_all_thirty_always_fit(self):
        for seed in range(5):
            assert len(select_windows(noise(224, 224, seed=seed), 15, 30)) == 30


KNOBS = {"window": 3, "regions": 4, "draws": 5, "seed": 2}


class TestPerturbation:
    @pytest.mark.parametrize("draws", [1, 4, 5])
    def test_against_the_definition(self, draws):
        model = toys.model(lambda z: (z.abs() + 1).log().sum(1))
        knobs = {**KNOBS, "draws": draws}
        h = noise(13, 17)
        ours = perturbation_curve(model, WIDE, h, 0, **knobs)
        assert ours.y == pytest.approx(definitions.perturbation(model, WIDE, h, 0, **knobs))
        assert ours.x == pytest.approx(range(5))

    def test_a_constant_score_never_falls(self):
        for value, sign in ((3.0, 1), (-2.0, -1)):
            curve = perturbation_curve(toys.constant(value), noise(3, 224, 224), noise(224, 224), 0, draws=1)
            assert curve.y == pytest.approx([sign] * 31)
            assert curve.area == pytest.approx(30 * sign)

    def test_a_sum_falls_as_computed_by_hand(self):
        """f = sum of x: each window trades the sum of its pixels for noise that is a half on average."""
        model = toys.model(lambda z: z.sum(1))
        h = torch.zeros(6, 6)
        h[:3, :3] = 1
        x = noise(3, 6, 6) + 5
        curve = perturbation_curve(model, x, h, 0, window=3, regions=1, draws=200)
        half = sum(9 * (0.5 - m) / s for m, s in zip(toys.MEAN, toys.STD, strict=True))
        expected = (x.sum() - x[:, :3, :3].sum()).item() + half
        assert curve.y[1] * x.sum().item() == pytest.approx(expected, abs=4)

    def test_the_probability_can_be_measured_instead(self):
        model, knobs = toys.model(lambda z: z.sum(1) / 20), {"window": 2, "regions": 2, "draws": 3}
        curve = perturbation_curve(model, X, X, 0, output="probability", **knobs)
        logits = perturbation_curve(model, X, X, 0, draws=3, window=2, regions=2)
        start = X.sum() / 20
        p = torch.stack([start, -start]).softmax(0)[0].item()
        assert (curve.y * p <= 1).all()
        assert curve.y != pytest.approx(logits.y)

    def test_channels_are_summed_with_their_signs(self):
        model, signed = toys.convolutional(), noise(3, 4, 5)
        knobs = {"window": 2, "regions": 2, "draws": 3}
        by_map = perturbation_curve(model, X, signed.sum(0), 0, **knobs)
        assert perturbation_curve(model, X, signed, 0, **knobs).y == pytest.approx(by_map.y)

    def test_the_image_at_each_step_can_be_had_again(self):
        """It is the one whose score, among those of its step, is nearest the median; nothing is replaced at step 0."""
        model, x = toys.model(lambda z: torch.sin(3 * z).sum(1) + z.square().sum(1)), toys.image(0, (3, 40, 40))
        curve = perturbation_curve(model, x, x, 0, window=7, regions=5, draws=6, seed=4)
        assert len(curve.replaced) == 5
        assert (perturbed(x, curve, 0, model) == x).all()
        for step in range(1, 6):
            image = perturbed(x, curve, step, model)
            top, left, kept = curve.replaced[step - 1]
            inside = torch.zeros(40, 40, dtype=torch.bool)
            for row, column, _ in curve.replaced[:step]:
                inside[row : row + 7, column : column + 7] = True
            assert ((image != x).any(0) == inside).all()
            others = []
            for p in range(6):
                trail = (*curve.replaced[: step - 1], (top, left, p))
                others.append(definitions.f(model, perturbed(x, replace(curve, replaced=trail), step, model), 0))
            assert np.mean(others) / abs(definitions.f(model, x, 0)) == pytest.approx(curve.y[step])
            assert kept == np.abs(np.array(others) - np.median(others)).argmin()

    def test_patches_are_the_same_for_every_map(self):
        model = toys.model(lambda z: z.square().sum(1) + 1)
        one, other = noise(13, 17), noise(13, 17, seed=1)
        other[:3, :3] = one[:3, :3] = 100
        knobs = {"window": 3, "regions": 1, "seed": 4}
        first, second = (perturbation_curve(model, WIDE, h, 0, draws=3, **knobs) for h in (one, other))
        assert first.y == pytest.approx(second.y)

    def test_it_grows_by_one_region_at_a_time_and_no_batch_is_long(self):
        model, counter = toys.counted(toys.in_batches_of(2, toys.convolutional()))
        h = X.sum(0)
        curves = list(perturbation(ClassScore(model, 0), X, h, window=2, regions=2, draws=5))
        assert [len(c.y) for c in curves] == [1, 1, 2, 2, 2, 3]
        assert counter.largest <= 2
        assert counter.values == 1 + 2 * 5
        assert counter.gradients == 0

    def test_it_says_when_fewer_windows_fit(self):
        h = torch.zeros(32, 32, dtype=torch.float64)
        h[8:23, 8:23] = 1
        curve = perturbation_curve(toys.model(lambda z: z.sum(1) + 1000), noise(3, 32, 32), h, 0)
        assert curve.note == "only 1 of 30 regions of 15x15 fit"
        assert len(curve.y) == 2
        assert not perturbation_curve(toys.constant(), noise(3, 60, 60), noise(60, 60), 0, regions=2).note

    def test_a_map_of_one_window_has_one(self):
        assert select_windows(noise(15, 15), 15, 30) == [(0, 0)]

    def test_the_control_is_in_no_order(self):
        control = random_order(60, 60)
        assert select_windows(control, 7, 5) != select_windows(random_order(60, 60, seed=1), 7, 5)
        rows = torch.arange(60.0).repeat_interleave(60)
        assert abs(torch.corrcoef(torch.stack([control.flatten(), rows]))[0, 1]) < 0.05

    def test_what_cannot_be(self):
        with pytest.raises(ValueError, match="no 15x15 region fits on a 4x5 map"):
            perturbation_curve(toys.linear(), X, X, 0)
        with pytest.raises(ValueError, match="the score of this class is exactly 0"):
            perturbation_curve(toys.constant(0.0), X, X, 0, window=2)
        with pytest.raises(ValueError, match=r"the map is \(3, 2\) but the image is \(3, 4, 5\)"):
            perturbation_curve(toys.linear(), X, torch.zeros(3, 2), 0)
        with pytest.raises(ValueError, match="draws=0 must be a whole number from 1 to 200"):
            perturbation_curve(toys.linear(), X, X, 0, draws=0)

    def test_a_map_that_numpy_read_is_measured_as_it_is(self):
        maps = [X, X.numpy(), np.asfortranarray(X.numpy()), X.flip(2).numpy()[..., ::-1]]
        for measured in (
            lambda one: perturbation_curve(toys.linear(), X, one, 0, window=2),
            lambda one: total_variation_curve(one, smallest=3),
        ):
            assert len({measured(one).area for one in maps}) == 1

    @pytest.mark.parametrize("run", [one_channel, lambda one, x: total_variation_curve(one)])
    def test_what_is_no_map(self, run):
        done = explain(toys.linear(), X, "gradient", 0)
        with pytest.raises(ValueError, match=r"shape \(1, 3, 4, 5\); use one map, \(channels, h, w\) or \(h, w\)"):
            run(X[None], X)
        for other, name in ((done, "Explained"), ([[1.0]], "list"), (np.array(["a"]), "ndarray")):
            with pytest.raises(ValueError, match=f"the map is a {name}; give a tensor or an array, such as .attribut"):
                inspect.unwrap(as_tensor)(other)

    def test_pointing_at_what_the_score_uses_beats_a_random_order(self):
        used = torch.zeros(3, 40, 40, dtype=torch.float64)
        used[:, 22:34, 5:17] = 1
        model = toys.model(lambda z: z @ used.flatten())
        x = noise(3, 40, 40) + 6
        knobs = {"window": 4, "regions": 12, "draws": 3}
        ours, control = (perturbation_curve(model, x, h, 0, **knobs) for h in (used, random_order(40, 40)))
        assert ours.area < 0.8 * control.area


class TestTotalVariation:
    def test_two_by_two(self):
        assert average_total_variation(torch.tensor([[0.0, 1.0], [1.0, 0.0]])) == 1.0
        assert average_total_variation(torch.tensor([[0.0, 1.0], [0.0, 1.0]])) == 0.5
        assert average_total_variation(torch.tensor([[0.0, 0.0], [0.0, 4.0]])) == 2.0

    def test_a_checkerboard_an_edge_and_a_constant(self):
        board = (torch.arange(40)[:, None] + torch.arange(50)[None]) % 2
        assert total_variation_curve(board.double()).y[0] == pytest.approx((40 * 49 + 39 * 50) / (40 * 50))
        assert total_variation_curve(2.0 * board - 1).y[0] == 0, "|.| of plus and minus one is constant"
        edge = (torch.arange(50) >= 20).double().expand(40, 50)
        assert total_variation_curve(edge).y[0] == pytest.approx(1 / 50)
        assert total_variation_curve(torch.full((64, 64), 3.0)).y == pytest.approx([0, 0])

    @pytest.mark.parametrize("shape", [(224, 224), (60, 97), (33, 200)])
    def test_each_level_against_scikit_image(self, shape):
        h = noise(*shape)
        theirs = list(pyramid_gaussian(h.numpy(), max_layer=4, downscale=1.5, order=1, mode="reflect"))
        level = h
        for expected in theirs[1:]:
            level = reduce_level(level, expected.shape)
            np.testing.assert_allclose(level.numpy(), expected, atol=1e-12)

    @pytest.mark.parametrize("rule", ["code", "paper"])
    @pytest.mark.parametrize("shape", [(48, 70), (30, 45)])
    def test_against_the_definition(self, rule, shape):
        h = noise(*shape, seed=3)
        source = definitions.st99(h).numpy() if rule == "paper" else h.numpy()
        levels = [source] + [
            level
            for level in pyramid_gaussian(source, downscale=1.5, order=1, mode="reflect")
            if min(level.shape) >= 30 and level.shape != shape
        ]
        seen = [definitions.st99(torch.from_numpy(v)).tolist() if rule == "code" else v.tolist() for v in levels]
        expected = [definitions.total_variation_of(s) for s in seen]
        assert total_variation_curve(h, rule=rule).y == pytest.approx(expected)

    @pytest.mark.parametrize(("side", "levels"), [(224, 6), (299, 6), (128, 4), (96, 3), (64, 2), (32, 1)])
    def test_levels_by_size(self, side, levels):
        curve = total_variation_curve(noise(side, side))
        assert len(curve.y) == levels
        assert curve.note == ("" if levels > 1 else "one level only: the map is too small for an area")

    def test_white_noise_lies_where_the_published_numbers_can_come_from(self):
        """Tables run from 0.85 to 1.79; the rule in the paper's text cannot exceed 0.9 on 224 x 224."""
        assert 2.0 < total_variation_curve(noise(224, 224)).area < 2.5
        assert total_variation_curve(noise(224, 224), rule="paper").area < 0.9

    @pytest.mark.parametrize("rule", ["code", "paper"])
    def test_scale_sign_and_mirror_do_not_matter(self, rule):
        h = noise(64, 64)
        expected = total_variation_curve(h, rule=rule).y
        for same in (7.5 * h, -h, h.flip(0), h.T):
            assert total_variation_curve(same, rule=rule).y == pytest.approx(expected)

    def test_channels_are_summed_with_their_signs(self):
        a = noise(3, 64, 64)
        assert total_variation_curve(a).y == pytest.approx(total_variation_curve(a.sum(0)).y)

    def test_what_cannot_be(self):
        with pytest.raises(ValueError, match="smallest=2 must be a whole number from 3"):
            total_variation_curve(noise(64, 64), smallest=2)  # halving two by 1.5 gives two: it would never end
        assert len(total_variation_curve(noise(64, 64), smallest=3).y) > 5
        with pytest.raises(ValueError, match="rule='other' is unknown; use one of code, paper"):
            total_variation_curve(noise(64, 64), rule="other")
        with pytest.raises(ValueError, match="NaN or infinity"):
            total_variation_curve(noise(64, 64) / 0)


class TestCompleteness:
    @pytest.mark.parametrize("kind", ["black", "white", "mean", "blurred", "uniform"])
    def test_a_linear_score_is_complete(self, kind):
        model = toys.linear()
        knobs = {"baseline": kind, "draws": 4, "seed": 1}
        done = explain(model, X, "integrated_gradients", 0, steps=3, **knobs)
        gap, difference = completeness_gap(ClassScore(model, 0), X, done.attribution, **knobs)
        assert gap == pytest.approx(0, abs=1e-12)
        starts = [definitions.f(model, b.image, 0) for b in make_baselines(model, X, kind, 4, 1)]
        assert difference == pytest.approx(definitions.f(model, X, 0) - sum(starts) / len(starts))

    def test_the_gap_is_what_is_missing(self):
        model = toys.quadratic()
        score = ClassScore(model, 0)
        gap, difference = completeness_gap(score, X, torch.zeros_like(X))
        assert gap == -difference


class TestAreas:
    @pytest.mark.parametrize("n", [3, 5, 31])
    def test_odd_counts_are_scipys_simpson(self, n):
        x, y = np.arange(float(n)), np.random.default_rng(n).random(n)
        assert simpson(x, y) == pytest.approx(scipy.integrate.simpson(y, x=x))

    def test_even_counts_average_both_sides(self):
        """By hand, for four points: Simpson on three and a trapezoid, from either end."""
        y = np.array([1.0, 2.0, 4.0, 9.0])
        first = (1 + 8 + 4) / 3 + (4 + 9) / 2
        second = (1 + 2) / 2 + (2 + 16 + 9) / 3
        assert simpson(np.arange(4.0), y) == pytest.approx((first + second) / 2)

    @pytest.mark.parametrize("n", range(2, 9))
    def test_a_line_is_exact_whatever_the_count(self, n):
        x = np.arange(float(n))
        assert Curve(x, 3 * x + 1).area == pytest.approx(1.5 * (n - 1) ** 2 + (n - 1))

    def test_one_point_has_no_area(self):
        assert Curve(np.zeros(1), np.ones(1)).area == 0

    @pytest.mark.parametrize("rule", RULES)
    @pytest.mark.parametrize("steps", [1, 2, 7, 50])
    def test_weights_sum_to_one_and_nodes_lie_within(self, rule, steps):
        nodes, weights = RULES[rule](steps)
        assert sum(weights) == pytest.approx(1, abs=1e-12)
        assert all(0 <= node <= 1 for node in nodes)
        assert list(nodes) == sorted(nodes)


def test_every_metric_says_what_it_is():
    assert METRICS["completeness_gap"].axes is None
    for metric in METRICS.values():
        assert "arXiv" in metric.paper
        assert "$" in metric.run.__doc__
        assert all(knob.help for knob in metric.knobs.values())
        assert metric.explained.startswith(metric.terms)
        assert metric.explained.endswith(metric.note)
    assert METRICS["perturbation"].explained.count("replaced by noise") == 1, "nothing is said twice"
