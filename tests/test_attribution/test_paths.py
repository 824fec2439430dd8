"""Laws of the methods that ask where on a path a gradient counts, each against its literal definition."""

import functools
import math
from collections.abc import Callable
from itertools import pairwise

import definitions
import numpy as np
import pytest
import torch
import toys
from torch import Tensor, nn

from attribution import Store, explain, stream
from attribution.engine.baselines import make_baselines
from attribution.explain import score_of
from attribution.images import normalise
from attribution.methods.blur_ig import blur
from attribution.methods.guided_ig import _step
from attribution.methods.idg import allocate
from attribution.quadrature import RULES, climbing

X = toys.image()
MEAN = torch.zeros_like(X)
"""The mean colour is zero in model space."""


def close(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def decision(at: float, sharp: float, scale: float = 1.0):
    """A score that climbs around alpha = `at` on the way from the mean colour to X, and nowhere else."""
    direction = X.flatten() / X.square().sum()
    return toys.model(lambda z: scale * torch.sigmoid(sharp * (z @ direction - at)))


def distance(points):
    """The mean size of the values of each image: 0 for the mean colour."""
    return points.abs().mean(1)


INFINITE: dict[str, Callable[[Tensor], Tensor]] = {
    "at the baseline": lambda z: distance(z).log(),
    "at the baseline, falling": lambda z: -distance(z).log(),
    "on half of the path": lambda z: (distance(z) - 0.4).clamp(min=0).log(),
    "at both ends": lambda z: distance(z).log() + (distance(z) - distance(X[None].flatten(1))).abs().log(),
}
"""Scores that are infinite at places on the way from the mean colour to X."""


class TestLeftAndRight:
    @pytest.mark.parametrize("toy", ["linear", "additive", "convolutional"])
    def test_the_definition(self, toy):
        model = toys.ALL[toy]()
        target = int(definitions.f(model, X, 0) < definitions.f(model, MEAN, 0))
        left, right = definitions.left_and_right(model, X, target, 20, MEAN, 0.7)
        close(explain(model, X, "left_ig", target, steps=20, phi=0.7).attribution, left)
        close(explain(model, X, "right_ig", target, steps=20, phi=0.7).attribution, right)

    @pytest.mark.parametrize("phi", [0.0, 0.3, 0.9, 1.0])
    def test_left_and_right_are_the_whole(self, phi):
        model = decision(0.4, 20)
        left, right = (explain(model, X, m, 0, steps=30, phi=phi).attribution for m in ("left_ig", "right_ig"))
        whole = explain(model, X, "integrated_gradients", 0, steps=30, baseline="mean").attribution
        close(left + right, whole)

    def test_a_score_that_never_exceeds_leaves_all_to_the_left(self):
        model = toys.linear()
        target = int(definitions.f(model, X, 0) < definitions.f(model, MEAN, 0))
        left, right = (explain(model, X, m, target, steps=9, phi=1.0).attribution for m in ("left_ig", "right_ig"))
        close(left, explain(model, X, "integrated_gradients", target, steps=9, baseline="mean").attribution)
        assert not right.any()

    def test_it_is_integrated_gradients_to_where_the_path_is_cut(self):
        model = decision(0.4, 20)
        done = explain(model, X, "left_ig", 0, steps=50)
        kept = done.total
        truncated = explain(model, kept / 50 * X, "integrated_gradients", 0, steps=kept, baseline="mean")
        close(done.attribution, truncated.attribution)
        reached = definitions.f(model, kept / 50 * X, 0)
        assert reached <= definitions.f(model, MEAN, 0) + 0.9 * (
            definitions.f(model, X, 0) - definitions.f(model, MEAN, 0)
        )

    def test_a_score_that_is_not_a_number_ends_the_climb(self):
        direction = X.flatten() / X.square().sum()

        def score(z):
            at = z @ direction
            return torch.where((at - 0.5).abs() < 0.01, float("nan"), at)

        assert explain(toys.model(score), X, "left_ig", 0, steps=10).total == 4

    @pytest.mark.parametrize("size", [1, 7, 64])
    def test_no_gradient_past_the_cut_is_computed(self, size):
        model, counter = toys.counted(toys.in_batches_of(size, decision(0.4, 20)))
        done = explain(model, X, "left_ig", 0, steps=100)
        assert counter.gradients == done.evaluations == done.total < 60

    def test_what_is_remembered_is_not_computed_again(self):
        model, counter = toys.counted(decision(0.4, 20))
        store = Store()
        explain(model, X, "integrated_gradients", 0, steps=40, baseline="mean", store=store)
        gradients, values = counter.gradients, counter.values
        for method in ("left_ig", "right_ig"):
            assert explain(model, X, method, 0, steps=40, store=store).evaluations == 0
        assert counter.gradients == gradients
        assert counter.values - values == 4, "both ends, for each of the two"

    def test_a_score_that_falls_is_refused_in_a_line(self):
        model = decision(0.4, 20)
        with pytest.raises(ValueError, match=r"falls along the path.*explain another class") as caught:
            explain(model, X, "left_ig", 1)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("network", ["at the baseline", "at the baseline, falling", "at both ends", "nan"])
    @pytest.mark.parametrize("method", ["left_ig", "right_ig"])
    def test_a_score_that_is_not_finite_at_an_end_is_refused_in_a_line(self, network, method):
        """It has no climb to take a share of. Left-IG was a finished blank map."""
        model = toys.model({**INFINITE, "nan": lambda z: (distance(z) - 0.3).log()}[network])
        said = r"is (-?inf|nan) at the baseline and [^ ]+ at the image: there is no saturation point; explain another"
        with pytest.raises(ValueError, match=said) as caught:
            explain(model, X, method, 0)
        assert "\n" not in str(caught.value)

    def test_a_baseline_equal_to_the_image_gives_blank_maps(self):
        for method in ("left_ig", "right_ig"):
            assert not explain(decision(0.4, 20), X, method, 0, baseline=X, steps=5).attribution.any()

    @pytest.mark.parametrize("baseline", ["black", "white"])
    def test_so_it_is_whatever_is_remembered(self, lite0, baseline):
        """In float32 the score of one image differs in the last digits between batches."""
        x, store = make_baselines(lite0, torch.zeros(3, 96, 96), baseline)[0].image, Store()
        for target in range(4):
            explain(lite0, x, "integrated_gradients", target, steps=5, baseline=baseline, store=store)
            for phi in (0.9, 1.0):
                left = explain(lite0, x, "left_ig", target, steps=5, baseline=baseline, phi=phi, store=store)
                assert not left.attribution.any()


class TestDecision:
    def nodes(self, model, **knobs) -> list[tuple[float, float]]:
        """Where a map looked, and with which weight."""
        seen = []
        inner = model.module.score

        def spy(z: Tensor) -> Tensor:
            if z.requires_grad:
                seen.extend((z.detach() @ X.flatten() / X.square().sum()).tolist())
            return inner(z)

        model.module.score = spy
        explain(model, X, "idg", 0, **knobs)
        return sorted(seen)

    @pytest.mark.parametrize("rule", definitions.NODES)
    @pytest.mark.parametrize("toy", toys.ALL)
    def test_uniform_is_the_definition(self, toy, rule):
        model = toys.ALL[toy]()
        ours = explain(model, X, "idg", 1, sampling="uniform", steps=6, rule=rule).attribution
        close(ours, definitions.idg(model, X, MEAN, 1, definitions.NODES[rule](6)))

    def test_adaptive_is_the_definition_at_its_own_nodes(self):
        model = decision(0.3, 15)
        alphas = self.nodes(model, steps=12, cells=10)
        cells = [int(alpha * 10) for alpha in alphas]
        nodes = [(alpha, 1 / (10 * cells.count(cell))) for alpha, cell in zip(alphas, cells, strict=True)]
        ours = explain(decision(0.3, 15), X, "idg", 0, steps=12, cells=10).attribution
        close(ours, definitions.idg(decision(0.3, 15), X, MEAN, 0, nodes))

    @pytest.mark.parametrize("sampling", ["adaptive", "uniform"])
    @pytest.mark.parametrize("steps", [1, 7, 50, 70])
    def test_on_a_linear_model_it_is_integrated_gradients_times_the_climb(self, sampling, steps):
        model = toys.linear()
        climb = definitions.f(model, X, 0) - definitions.f(model, MEAN, 0)
        plain = explain(model, X, "integrated_gradients", 0, baseline="mean", steps=3).attribution
        close(explain(model, X, "idg", 0, sampling=sampling, steps=steps).attribution, climb * plain)

    @pytest.mark.parametrize("sampling", ["adaptive", "uniform"])
    def test_it_sums_to_the_square_of_the_slope(self, sampling):
        """And that is at least the square of the climb: Cauchy and Schwarz."""
        model = decision(0.4, 12)
        alphas = (np.arange(4000) + 0.5) / 4000
        slopes = [(definitions.g(model, a * X, 0) * X).sum().item() for a in alphas[::4]]
        exact = np.mean(np.square(slopes))
        ours = explain(model, X, "idg", 0, sampling=sampling, steps=200).attribution.sum().item()
        assert ours == pytest.approx(exact, rel=0.01)
        assert ours > (definitions.f(model, X, 0) - definitions.f(model, MEAN, 0)) ** 2

    def test_it_is_quadratic_in_the_score(self):
        once, thrice = (explain(decision(0.4, 12, scale), X, "idg", 0).attribution for scale in (1.0, 3.0))
        close(thrice, 9 * once)

    @pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
    def test_samples_lie_where_the_score_climbs(self, at):
        for scale in (1.0, -1.0):  # a fall counts as a climb
            assert np.mean(self.nodes(decision(at, 60, scale))) == pytest.approx(at, abs=0.02)
        assert np.mean(self.nodes(decision(at, 60), sampling="uniform")) == pytest.approx(0.5, abs=0.01)

    def test_the_released_sampler_misses_the_decision(self):
        """Where it flips in the middle, all samples slide towards the baseline."""
        found = self.nodes(decision(0.5, 200), sampling="reference")
        assert np.mean(found) < 0.3
        right, missed = (explain(decision(0.5, 200), X, "idg", 0, sampling=s).attribution.sum() for s in
                         ("adaptive", "reference"))  # fmt: skip
        assert missed < 0.01 * right

    def test_a_flat_path_and_a_baseline_equal_to_the_image_give_a_blank_map(self):
        assert not explain(toys.constant(), X, "idg", 0).attribution.any()
        assert not explain(toys.convolutional(), X, "idg", 0, baseline=X).attribution.any()

    @pytest.mark.parametrize("network", [*INFINITE, "nan"])
    @pytest.mark.parametrize("sampling", ["adaptive", "reference"])
    def test_samples_are_spread_evenly_where_a_score_is_not_finite(self, network, sampling):
        """An infinite climb has no shares. Samples lie inside the path, so the map can be finite."""
        model = toys.model({**INFINITE, "nan": lambda z: (distance(z) - 0.3).log()}[network])
        found = explain(model, X, "idg", 0, steps=12, sampling=sampling)
        assert found.done == found.total == 12
        if sampling == "adaptive":
            even = explain(model, X, "idg", 0, steps=12, sampling="uniform").attribution
            torch.testing.assert_close(found.attribution, even, equal_nan=True)

    @pytest.mark.parametrize("sizes", [[0.0, 0, 0], [1.0, 2, 3.5], [5.0, 0, 0], [1e-9, 1.0]])
    @pytest.mark.parametrize("count", [1, 2, 3, 10, 50])
    def test_shares_are_whole_complete_and_fair(self, sizes, count):
        shares = allocate(np.array(sizes), count)
        assert sum(shares) == count
        ideal = count * np.array(sizes) / sum(sizes) if sum(sizes) else count * np.ones(len(sizes)) / len(sizes)
        assert np.abs(np.array(shares) - ideal).max() < 1

    def test_a_path_that_is_known_costs_nothing(self):
        model, store = decision(0.4, 12), Store()
        explain(model, X, "integrated_gradients", 0, steps=50, baseline="mean", rule="midpoint", store=store)
        assert explain(model, X, "idg", 0, sampling="uniform", store=store).evaluations == 0


class TestImportantDirection:
    @pytest.mark.parametrize("toy", ["linear", "additive", "quadratic", "convolutional"])
    @pytest.mark.parametrize("size", [1, 4, 64])
    def test_the_definition(self, toy, size):
        model = toys.in_batches_of(size, toys.ALL[toy]())
        (start,) = make_baselines(model, X, "white")
        ours = explain(model, X, "idgi", 1, steps=7, baseline="white").attribution
        close(ours, definitions.idgi(model, X, start.image, 1, 7))

    @pytest.mark.parametrize("steps", [1, 2, 13])
    @pytest.mark.parametrize("toy", ["additive", "quadratic", "convolutional"])
    def test_it_sums_to_the_change_of_the_score_for_any_number_of_steps(self, toy, steps):
        model = toys.ALL[toy]()
        (start,) = make_baselines(model, X, "white")
        found = explain(model, X, "idgi", 0, steps=steps, baseline="white").attribution.sum().item()
        assert found == pytest.approx(definitions.f(model, X, 0) - definitions.f(model, start.image, 0), rel=1e-9)

    def test_a_linear_score_goes_to_pixels_by_their_squared_weights(self):
        weights = toys.WEIGHTS.view(X.shape)
        change = (X * weights).sum()
        close(
            explain(toys.linear(), X, "idgi", 0, baseline="mean").attribution, weights**2 / (weights**2).sum() * change
        )

    def test_a_partial_map_is_the_path_so_far(self):
        model = toys.in_batches_of(2, toys.additive())
        *_, before, last = stream(model, X, "idgi", 0, steps=6, baseline="mean")
        assert (before.done, last.done) == (4, 6)
        here = MEAN + 3 / 6 * X  # the last score that is known is that of point 3
        climb = definitions.f(model, here, 0) - definitions.f(model, MEAN, 0)
        assert before.attribution.sum().item() == pytest.approx(climb)

    def test_it_is_free_beside_integrated_gradients(self):
        model, counter = toys.counted(toys.convolutional())
        store = Store()
        explain(model, X, "integrated_gradients", 0, steps=9, baseline="mean", rule="trapezoid", store=store)
        asked = counter.gradients, counter.values
        assert explain(model, X, "idgi", 0, steps=9, baseline="mean", store=store).evaluations == 0
        assert (counter.gradients, counter.values) == asked

    @pytest.mark.parametrize(
        "score",
        [
            lambda z: distance(z).log(),
            lambda z: (z @ toys.WEIGHTS) / z.square().sum(1).sqrt(),
            lambda z: z.square().sum(1).sqrt(),
            lambda z: torch.where(z.any(1), z @ toys.WEIGHTS, -math.inf),
        ],
        ids=["infinite score", "score that is no number", "gradient that is none", "infinite score without a gradient"],
    )
    def test_what_is_not_finite_shows_in_the_map(self, score):
        """Without the step that is not finite, the map would look like that of another score."""
        assert not explain(toys.model(score), X, "idgi", 0, baseline="mean").attribution.isfinite().all()

    def test_a_step_without_a_gradient_adds_nothing(self):
        assert not explain(toys.constant(), X, "idgi", 0).attribution.any()
        assert not explain(toys.convolutional(), X, "idgi", 0, baseline=X).attribution.any()


class TestClimbing:
    """The rule "adaptive" of Integrated Gradients."""

    @pytest.mark.parametrize("steps", [1, 2, 7, 50])
    @pytest.mark.parametrize("scores", [[0, 1], [3, 3, 3], [0, 0, 5, 5], [1, 0, 4, 2, 2], [0, 1e300, 0], [0, 1e-300]])
    def test_weights_are_exact_and_nodes_in_order(self, scores, steps):
        nodes, weights = climbing(scores, steps)
        assert len(nodes) == len(weights) == steps
        assert sum(weights) == pytest.approx(1, abs=1e-12)
        assert all(weight > 0 for weight in weights)
        assert list(nodes) == sorted(nodes)
        assert 0 < nodes[0] <= nodes[-1] < 1
        assert np.dot(nodes, weights) == pytest.approx(0.5, abs=1e-12), "exact for a gradient linear along the path"

    def test_a_score_that_climbs_evenly_or_has_no_shares_is_the_midpoint_rule(self):
        infinite = [-math.inf, 0, 1], [-math.inf, -math.inf, 0, 2], [0, math.nan, 1], [0, math.inf, math.inf]
        for scores in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 1, 1], *infinite):
            assert climbing(scores, 7)[0] == pytest.approx(RULES["midpoint"](7)[0])

    @pytest.mark.parametrize("scores", [[0, 0, 1, 1, 1], [1, 0, 4, 2, 2]])
    def test_a_fall_counts_as_a_climb(self, scores):
        assert climbing([-score for score in scores], 7) == climbing(scores, 7)

    def test_nodes_lie_where_the_score_climbs(self):
        nodes, _ = climbing([0, 0, 0, 0, 1, 1, 1, 1, 1], 10)
        assert sum(3 / 8 <= node <= 4 / 8 for node in nodes) == 8

    @pytest.mark.parametrize("toy", ["linear", "quadratic"])
    def test_exact_where_the_midpoint_rule_is(self, toy):
        model = toys.ALL[toy]()
        ours, theirs = (
            explain(model, X, "integrated_gradients", 0, baseline="mean", steps=5, rule=rule).attribution
            for rule in ("adaptive", "midpoint")
        )
        close(ours, theirs)

    def test_a_sudden_decision_needs_fewer_gradients(self):
        model = decision(0.41, 60)
        climb = definitions.f(model, X, 0) - definitions.f(model, MEAN, 0)

        def gap(rule, steps):
            done = explain(model, X, "integrated_gradients", 0, baseline="mean", steps=steps, rule=rule)
            return abs(done.attribution.sum().item() - climb)

        assert gap("adaptive", 12) < gap("midpoint", 12) / 3

    def test_it_converges_with_order_two(self):
        model = toys.additive()
        exact = X.sin() * toys.WEIGHTS.view(X.shape)

        def error(m):
            knobs = {"baseline": "mean", "rule": "adaptive", "steps": m}
            return (explain(model, X, "integrated_gradients", 0, **knobs).attribution - exact).abs().max()

        assert (error(100) / error(400)).log2().item() == pytest.approx(4, abs=0.3)

    def test_each_noise_baseline_has_its_own_nodes(self):
        knobs = {"steps": 6, "rule": "adaptive", "seed": 3}
        model = toys.convolutional()
        both = explain(model, X, "integrated_gradients", 0, baseline="uniform", draws=2, **knobs).attribution
        starts = make_baselines(model, X, "uniform", 2, 3)
        alone = [
            explain(model, X, "integrated_gradients", 0, baseline=start.image, **knobs).attribution for start in starts
        ]
        close(both, sum(alone) / 2)

    def test_scores_that_are_remembered_are_not_asked_again(self):
        model, counter = toys.counted(toys.convolutional())
        store = Store()
        explain(model, X, "integrated_gradients", 0, steps=16, rule="trapezoid", store=store)
        explain(model, X, "integrated_gradients", 0, steps=5, rule="adaptive", store=store)
        assert counter.values == 0


class TestGreatest:
    @pytest.mark.parametrize("toy", toys.ALL)
    @pytest.mark.parametrize("size", [1, 4, 64])
    def test_the_definition(self, toy, size):
        model = toys.in_batches_of(size, toys.ALL[toy]())
        ours = explain(model, X, "ggig", 1, steps=5, iterations=3, rate=0.1).attribution
        close(ours, definitions.ggig(model, X, MEAN, 1, 5, 3, 0.1))

    def test_one_iteration_is_the_greatest_on_the_path(self):
        model = toys.convolutional()
        path = torch.stack([definitions.g(model, k / 7 * X, 0) for k in range(8)]).amax(0)
        for knobs in ({"iterations": 1, "rate": 0.5}, {"iterations": 4, "rate": 0.0}):
            close(explain(model, X, "ggig", 0, steps=7, **knobs).attribution, path)

    def test_the_mean_of_one_iteration_is_integrated_gradients(self):
        """By the trapezoid rule; without the product with x - b it is the mean gradient."""
        model = toys.convolutional()
        knobs = {"steps": 7, "iterations": 1, "reduce": "trapezoid"}
        ours = explain(model, X, "ggig", 0, multiply_by_delta=True, **knobs).attribution
        close(
            ours, explain(model, X, "integrated_gradients", 0, steps=7, baseline="mean", rule="trapezoid").attribution
        )
        close(explain(model, X, "ggig", 0, **knobs).attribution * X, ours)

    @pytest.mark.parametrize("size", [1, 4, 64])
    @pytest.mark.parametrize("form", ["max", "absmax", "trapezoid"])
    def test_each_way_to_sum_up_is_its_definition(self, form, size):
        model = toys.in_batches_of(size, toys.convolutional())
        ours = explain(model, X, "ggig", 0, steps=5, iterations=3, rate=0.2, reduce=form).attribution
        close(ours, definitions.ggig(model, X, MEAN, 0, 5, 3, 0.2, form))

    def test_it_only_grows(self):
        """With more iterations, and under a finer grid that holds the coarser one."""
        model = toys.additive()
        maps = [
            explain(model, X, "ggig", 0, steps=steps, iterations=k, rate=0.05).attribution
            for steps, k in [(4, 1), (4, 2), (4, 5), (8, 5), (16, 5)]
        ]
        for before, after in pairwise(maps):
            assert (after >= before).all()

    def test_linear(self):
        close(explain(toys.linear(), X, "ggig", 0, steps=3, iterations=2).attribution, toys.WEIGHTS.view(X.shape))

    @pytest.mark.parametrize("form", ["max", "absmax", "trapezoid"])
    def test_a_draft_stands_for_the_whole(self, form):
        model = toys.in_batches_of(2, toys.linear())
        drafts = list(stream(model, X, "ggig", 0, steps=7, iterations=2, reduce=form))
        assert len(drafts) > 4
        for draft in drafts:
            close(draft.attribution, toys.WEIGHTS.view(X.shape))

    def test_a_baseline_equal_to_the_image_has_the_gradient_there(self):
        model = toys.convolutional()
        found = explain(model, X, "ggig", 0, steps=5, iterations=1, baseline=X).attribution
        close(found, definitions.g(model, X, 0))

    def test_it_asks_for_one_batch_at_a_time(self):
        model, counter = toys.counted(toys.in_batches_of(4, toys.convolutional()))
        explain(model, X, "ggig", 0, steps=30, iterations=3)
        assert counter.largest == 4

    def test_its_first_gradients_are_those_of_a_path(self):
        model, store = toys.convolutional(), Store()
        explain(model, X, "integrated_gradients", 0, steps=20, baseline="mean", rule="trapezoid", store=store)
        assert explain(model, X, "ggig", 0, steps=20, iterations=1, store=store).evaluations == 0


def test_one_path_serves_all():
    """IG, Left-IG, uniform IDG and GGIG's first step, on one path by the right rule: one path, and one end of it."""
    model, counter = toys.counted(decision(0.4, 12))
    knobs = {"steps": 32, "baseline": "mean", "store": Store()}
    explain(model, X, "integrated_gradients", 0, **knobs)
    explain(model, X, "left_ig", 0, **knobs)
    explain(model, X, "idg", 0, sampling="uniform", rule="right", **knobs)
    explain(model, X, "ggig", 0, iterations=1, **knobs)
    assert counter.gradients == 33


class TestGuided:
    def test_without_room_it_is_the_left_rule(self):
        model = toys.convolutional()
        guided = explain(model, X, "guided_ig", 0, steps=9, max_dist=0.0).attribution
        close(guided, explain(model, X, "integrated_gradients", 0, steps=9, rule="left").attribution)

    @pytest.mark.parametrize("fraction", [0.05, 0.25, 1.0])
    @pytest.mark.parametrize("max_dist", [0.0, 0.02, 0.3, 1.0])
    def test_linear_is_exact_however_the_path_goes(self, fraction, max_dist):
        """Every feature travels the whole of its way."""
        model = toys.linear()
        (b,) = make_baselines(model, X, "black")
        ours = explain(model, X, "guided_ig", 0, steps=11, fraction=fraction, max_dist=max_dist).attribution
        close(ours, (X - b.image) * toys.WEIGHTS.view(X.shape))

    def test_completeness_converges(self):
        model = toys.additive()
        (b,) = make_baselines(model, X, "black")
        climb = definitions.f(model, X, 0) - definitions.f(model, b.image, 0)

        @functools.cache
        def gap(steps, max_dist):
            done = explain(model, X, "guided_ig", 0, steps=steps, max_dist=max_dist)
            return abs(done.attribution.sum().item() - climb)

        assert gap(200, 0.02) < gap(50, 0.02) / 2 < gap(10, 0.02) / 4
        assert gap(200, 0.02) < 0.01 * abs(climb)
        assert gap(500, 0.3) < 0.05 * abs(climb)

    def test_the_path_is_as_near_as_the_straight_one_and_never_far_from_it(self):
        model, seen = toys.convolutional(), []
        (b,) = make_baselines(model, X, "black")
        model.module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()[0].clone()))
        explain(model, X, "guided_ig", 0, steps=20, max_dist=0.1)
        whole = (X - b.image).abs().sum()
        for t, z in enumerate(seen[-20:]):
            assert ((z - X).abs().sum() / whole).item() == pytest.approx(1 - t / 20, abs=1e-9)
            share = ((z - b.image) / (X - b.image)).flatten()
            assert share.min() >= t / 20 - 0.1 - 1e-9
            assert share.max() <= t / 20 + 0.1 + 1e-9

    def test_features_of_small_gradient_move_first(self):
        steep = torch.ones(60, dtype=torch.float64)
        steep[30:] = 100
        model, seen = toys.model(lambda z: z @ steep), []
        model.module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()[0].clone()))
        explain(model, X, "guided_ig", 0, steps=10, max_dist=1.0, baseline="mean")
        share = (seen[-8] / X).flatten()  # after 2 steps of 10
        assert share[:30].mean() > 0.3
        assert share[30:].abs().max() < 1e-9

    def test_a_baseline_equal_to_the_image_gives_a_blank_map(self):
        assert not explain(toys.convolutional(), X, "guided_ig", 0, baseline=X, steps=5).attribution.any()

    def test_in_single_precision_every_step_ends(self):
        """Rounding leaves a little of a step, which no move makes good: it must not be tried for ever."""
        for seed in range(3):
            start, end, gradient = (toys.image(seed + 10 * k, (3, 64, 64)).float() for k in range(3))
            whole, present = (end - start).abs().sum(), start
            for t in range(20):
                present = _step(present, start, end, gradient, (t + 1) / 20, 0.1, 0.3)
                assert (present - end).abs().sum() / whole == pytest.approx(1 - (t + 1) / 20, abs=1e-4)

    def test_a_gradient_that_is_no_number_is_a_line(self):
        model = toys.model(lambda z: (z - z.detach()).abs().sqrt().sum(1))
        with pytest.raises(ValueError, match="the gradient holds NaN or infinity at step 0"):
            explain(model, X, "guided_ig", 0, steps=3)

    @pytest.mark.parametrize(("fraction", "max_dist"), [(0.25, 0.02), (0.5, 1.0), (0.1, 0.3)])
    def test_the_definition(self, fraction, max_dist):
        model = toys.convolutional()
        (b,) = make_baselines(model, X, "black")
        ours = explain(model, X, "guided_ig", 0, steps=8, fraction=fraction, max_dist=max_dist).attribution
        close(ours, definitions.guided_ig(model, X, b.image, 0, 8, fraction, max_dist), 1e-7)

    def test_features_that_equal_the_baseline_stay(self):
        b = X.clone()
        b[0] = 0
        ours = explain(toys.convolutional(), X, "guided_ig", 0, baseline=b, steps=7).attribution
        assert not ours[1:].any()
        assert ours[0].any()


def classes(count: int = 7):
    """A smooth network of some classes."""
    with torch.random.fork_rng():
        torch.manual_seed(11)
        network = nn.Sequential(nn.Flatten(), nn.Linear(60, 16), nn.Tanh(), nn.Linear(16, count)).double().eval()
    made = toys.model(network.requires_grad_(False))
    return type(made)(**{**vars(made), "categories": tuple(map(str, range(count)))})


class TestAdversarial:
    INSIDE = normalise(torch.rand(toys.SHAPE, generator=torch.Generator().manual_seed(2)).double(), toys.MEAN, toys.STD)

    @pytest.mark.parametrize("anchor", ["path", "image"])
    @pytest.mark.parametrize("size", [1, 4, 64])
    def test_the_definition(self, anchor, size):
        model = toys.in_batches_of(size, classes())
        y = model.predict(self.INSIDE, k=1)[0][0]
        ours = explain(model, self.INSIDE, "agi", y, classes=7, steps=6, anchor=anchor).attribution
        others = [c for c in range(7) if c != y]
        close(ours, definitions.agi(model, self.INSIDE, y, others, 6, 0.05, anchor == "image"))

    def test_some_of_the_classes_are_spread_evenly_over_all(self):
        model = classes(10)
        ours = explain(model, self.INSIDE, "agi", 1, classes=5, steps=4).attribution
        close(ours, definitions.agi(model, self.INSIDE, 1, [0, 2, 4, 6, 8], 4, 0.05, False))

    def test_it_sums_to_what_the_class_loses(self):
        """To first order: small steps, the exact drop of the probability along each path."""
        model = classes()
        y = model.predict(self.INSIDE, k=1)[0][0]
        score, ends = score_of(model, self.INSIDE, y, "probability", None), []
        real = type(score).gradients_toward

        def recorded(self_, points, goals):
            ends.append((points.clone(), goals.clone()))
            return real(self_, points, goals)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(score), "gradients_toward", recorded)
            done = explain(model, self.INSIDE, "agi", y, classes=7, steps=100, epsilon=0.002)
        last = {int(goal): point for points, goals in ends for point, goal in zip(points, goals, strict=True)}
        here = score.values(self.INSIDE[None]).item()
        drop = sum(here - score.values(point[None]).item() for point in last.values())
        assert done.complete
        assert done.attribution.sum().item() == pytest.approx(drop, rel=0.05)

    def test_the_released_path_does_not(self):
        model = classes()
        y = model.predict(self.INSIDE, k=1)[0][0]
        true, released = (
            explain(model, self.INSIDE, "agi", y, classes=7, anchor=anchor).attribution.sum() for anchor in
            ("path", "image")
        )  # fmt: skip
        assert abs(released - true) > 0.2 * abs(true)

    def test_a_class_that_the_image_is_of_adds_nothing(self):
        model = classes(2)
        likely = model.predict(self.INSIDE, k=1)[0][0]
        done = explain(model, self.INSIDE, "agi", 1 - likely, classes=2)
        assert not done.attribution.any()
        assert done.complete

    def test_no_other_class_is_a_blank_map(self):
        """The only class asked for is the image's own."""
        done = explain(classes(), self.INSIDE, "agi", 0, classes=1)
        assert not done.attribution.any()
        assert done.complete

    def test_it_ends_as_soon_as_every_class_is_reached(self):
        model = classes()
        run = list(stream(model, self.INSIDE, "agi", classes=7, steps=100, epsilon=0.2))
        assert run[-1].complete
        assert run[-1].evaluations < 2 * 6 * 100

    def test_pixels_stay_colours(self):
        model, seen = classes(), []
        model.module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach().clone()))
        explain(model, self.INSIDE, "agi", classes=7, epsilon=0.5)
        pixels = model.pixels(torch.cat(seen))
        assert pixels.min() >= -1e-9
        assert pixels.max() <= 1 + 1e-9


class TestExpected:
    @pytest.mark.parametrize("toy", toys.ALL)
    def test_the_definition(self, toy):
        model = toys.ALL[toy]()
        ours = explain(model, X, "expected_gradients", 0, samples=6, seed=4).attribution
        close(ours, definitions.expected_gradients(model, X, 0, 6, 4))

    def test_samples_nest(self):
        model, store = toys.convolutional(), Store()
        explain(model, X, "expected_gradients", 0, samples=4, store=store)
        assert explain(model, X, "expected_gradients", 0, samples=6, store=store).evaluations == 2

    def test_linear_sums_to_the_climb_from_the_mean_baseline(self):
        model = toys.linear()
        total = explain(model, X, "expected_gradients", 0, samples=500).attribution.sum().item()
        (grey,) = make_baselines(model, X, torch.zeros_like(X) + normalise(torch.full(X.shape, 0.5).double(),
                                 toys.MEAN, toys.STD))  # fmt: skip
        climb = definitions.f(model, X, 0) - definitions.f(model, grey.image, 0)
        assert total == pytest.approx(climb, abs=0.15 * X.numel() ** 0.5)


class TestBlur:
    def test_a_gaussian_as_scipy_has_it(self):
        from scipy.ndimage import gaussian_filter

        x = toys.image(shape=(3, 40, 32))
        for sigma in (0.3, 1.0, 4.7, 30.0):
            expected = [gaussian_filter(channel, sigma, mode="constant", truncate=8) for channel in x.numpy()]
            np.testing.assert_allclose(blur(x, sigma), expected, atol=1e-12)
        close(blur(x, 0), x)

    @pytest.mark.parametrize("toy", ["convolutional", "additive"])
    def test_the_definition(self, toy):
        model = toys.ALL[toy]()
        ours = explain(model, X, "blur_ig", 0, steps=6, widest=3.0).attribution
        close(ours, definitions.blur_ig(model, X, 0, 6, 3.0), 1e-8)

    def test_it_sums_to_what_the_blur_takes(self):
        x = blur(toys.image(shape=(3, 24, 20)), 1.5)
        weights = toys.image(1, (1440,))
        model = toys.model(lambda z: torch.sin(z) @ weights)

        @functools.cache
        def gap(steps):
            done = explain(model, x, "blur_ig", 0, steps=steps, widest=5.0).attribution.sum().item()
            return abs(done - definitions.f(model, x, 0) + definitions.f(model, blur(x, 5.0), 0))

        assert gap(400) < gap(100) < gap(25)
        assert gap(400) < 0.05 * abs(definitions.f(model, x, 0) - definitions.f(model, blur(x, 5.0), 0))

    def test_linear(self):
        """Two steps by hand: the left end of each, with the change of the blur there."""
        model, w = toys.linear(), toys.WEIGHTS.view(X.shape)
        change = [(blur(X, s + 0.01) - blur(X, s)) / 0.01 for s in (0.0, 1.0)]
        close(explain(model, X, "blur_ig", 0, steps=2, widest=2.0).attribution, -(change[0] + change[1]) * w)

    def test_a_flat_image_away_from_the_edges_is_worth_nothing(self):
        x = torch.ones((3, 40, 40), dtype=torch.float64)
        model = toys.model(lambda z: z.sum(1))
        ours = explain(model, x, "blur_ig", 0, steps=5, widest=2.0).attribution
        assert ours[:, 12:-12, 12:-12].abs().max() < 1e-12


class TestAgainstPair:
    """PAIR's own saliency, which has its channels last. It asks numpy for a quantile by a keyword that is gone."""

    @pytest.fixture(autouse=True)
    def old_quantile(self, monkeypatch):
        real = np.quantile
        monkeypatch.setattr(np, "quantile", lambda a, q, interpolation=None, **k: real(a, q, method=interpolation, **k))

    @staticmethod
    def gradients(model):
        import saliency.core as pair

        def call(images, call_model_args, expected_keys):
            points = torch.from_numpy(np.moveaxis(np.asarray(images), -1, 1).copy())
            found = torch.stack([definitions.g(model, z, 0) for z in points])
            return {pair.base.INPUT_OUTPUT_GRADIENTS: np.moveaxis(found.numpy(), 1, -1)}

        return call

    @staticmethod
    def last(x: Tensor) -> np.ndarray:
        return np.moveaxis(x.numpy(), 0, -1)

    @pytest.mark.parametrize(("fraction", "max_dist"), [(0.25, 0.02), (0.5, 1.0), (0.1, 0.3)])
    @pytest.mark.parametrize("toy", ["convolutional", "additive", "quadratic"])
    def test_guided_ig(self, toy, fraction, max_dist):
        import saliency.core as pair

        model = toys.ALL[toy]()
        (b,) = make_baselines(model, X, "black")
        theirs = pair.GuidedIG().GetMask(
            self.last(X),
            self.gradients(model),
            None,
            self.last(b.image),
            x_steps=15,
            fraction=fraction,
            max_dist=max_dist,
        )
        ours = explain(model, X, "guided_ig", 0, steps=15, fraction=fraction, max_dist=max_dist).attribution
        close(ours, torch.from_numpy(np.moveaxis(theirs, -1, 0).copy()), 1e-6)

    def test_blur_ig(self):
        """Its kernels end at four standard deviations, ours where nothing is left of them."""
        import saliency.core as pair

        x, model = toys.image(shape=(3, 24, 20)), toys.model(lambda z: torch.sin(z).sum(1))
        theirs = pair.BlurIG().GetMask(self.last(x), self.gradients(model), None, max_sigma=4, steps=20)
        ours = explain(model, x, "blur_ig", 0, steps=20, widest=4.0).attribution
        theirs = torch.from_numpy(np.moveaxis(theirs, -1, 0).copy())
        assert (ours - theirs).norm() < 0.02 * theirs.norm()
