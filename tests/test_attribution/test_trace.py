"""Laws of the path looked at closely, against the methods that walk it and against literal sums."""

import definitions
import numpy as np
import pytest
import torch
import toys

from attribution import Store, explain
from attribution.engine.baselines import make_baselines
from attribution.explain import score_of
from attribution.methods import guided_ig
from attribution.quadrature import RULES
from attribution.studies import trace as tracing
from attribution.studies.trace import detour, trace

X = toys.image()
STEPS = 12


def traced(model, target=0, baseline="mean", steps=STEPS, rule="right", store=None):
    (start,) = make_baselines(model, X, baseline)
    return list(trace(score_of(model, X, target, "logit", store), X, start, steps, rule))


def close(frame, expected):
    """Frames are there to be looked at: in single precision."""
    torch.testing.assert_close(frame.double(), expected, rtol=1e-5, atol=1e-6)


def climbing(model) -> int:
    """The class whose score is higher at X than at the mean colour."""
    return int(definitions.f(model, X, 0) < definitions.f(model, torch.zeros_like(X), 0))


class TestTrace:
    @pytest.mark.parametrize("rule", RULES)
    @pytest.mark.parametrize("toy", ["additive", "convolutional"])
    def test_its_last_map_is_integrated_gradients(self, toy, rule):
        model = toys.ALL[toy]()
        found = traced(model, rule=rule)[-1]
        whole = explain(model, X, "integrated_gradients", 0, steps=STEPS, rule=rule, baseline="mean").attribution
        close(found.maps[-1], whole.sum(0))
        assert found.sums[-1] == pytest.approx(whole.sum().item(), rel=1e-9)
        assert found.complete

    def test_each_node_by_its_definition(self):
        model = toys.convolutional()
        start = make_baselines(model, X, "white")[0].image
        found = traced(model, baseline="white", rule="trapezoid")[-1]
        alphas, weights = RULES["trapezoid"](STEPS)
        np.testing.assert_allclose(found.alphas, alphas)
        total = torch.zeros_like(X)
        for k, (alpha, weight) in enumerate(zip(alphas, weights, strict=True)):
            point = start + alpha * (X - start)
            gradient = definitions.gradient(model, point, 0)
            logits = model.module(point[None])[0]
            assert found.scores[k] == pytest.approx(logits[0].item())
            assert found.probabilities[k] == pytest.approx(logits.softmax(0)[0].item())
            assert found.slopes[k] == pytest.approx(((X - start) * gradient).sum().item())
            assert found.sizes[k] == pytest.approx(gradient.square().sum().sqrt().item())
            term = weight * (X - start) * gradient
            assert found.steps[k] == pytest.approx([term.sum().item(), term.abs().sum().item()])
            total = total + term
            close(found.gradients[k], gradient.sum(0))
            close(found.maps[k], total.sum(0))
        assert found.ends == pytest.approx((found.scores[0], found.scores[-1]))
        assert found.chances == pytest.approx((found.probabilities[0], found.probabilities[-1]))

    def test_the_slope_is_that_of_the_score(self):
        model = toys.quadratic()
        found = traced(model, rule="midpoint", steps=500)[-1]
        np.testing.assert_allclose(np.gradient(found.scores, found.alphas)[1:-1], found.slopes[1:-1], rtol=1e-6)

    @pytest.mark.parametrize("size", [1, 5, 64])
    def test_it_grows_in_the_order_of_alpha(self, size):
        model = toys.in_batches_of(size, toys.convolutional())
        shots = traced(model)
        counts = [len(shot.alphas) for shot in shots]
        assert counts == sorted(set(counts))
        assert counts[-1] == STEPS
        assert not any(shot.complete for shot in shots[:-1])
        for shot in shots:
            np.testing.assert_array_equal(shot.alphas, shots[-1].alphas[: len(shot.alphas)])
            np.testing.assert_allclose(shot.sums, shots[-1].sums[: len(shot.alphas)], rtol=1e-12)

    def test_the_gap_closes_exactly_where_the_rule_is_exact(self):
        found = traced(toys.quadratic(), rule="midpoint")[-1]
        assert found.sums[-1] == pytest.approx(found.climb)

    def test_what_integrated_gradients_computed_is_not_computed_again(self):
        model, counter = toys.counted(toys.convolutional())
        store = Store()
        explain(model, X, "integrated_gradients", 0, steps=STEPS, baseline="mean", store=store)
        gradients = counter.gradients
        traced(model, store=store)
        assert counter.gradients == gradients
        explain(model, X, "integrated_gradients", 0, steps=STEPS, baseline="mean", store=store)
        assert counter.gradients == gradients

    @pytest.mark.parametrize("size", [1e-9, 1e9])
    def test_frames_of_very_small_and_very_large_gradients_are_whole(self, size):
        """As of a probability that is nearly 1. Half precision has neither."""
        weights = torch.randn(X.numel(), generator=torch.Generator().manual_seed(3), dtype=X.dtype)
        found = traced(toys.model(lambda z: size * (z * weights).sum(1)))[-1]
        expected = weights.view(X.shape).sum(0)
        torch.testing.assert_close(found.gradients[-1].double() / size, expected.double(), rtol=1e-5, atol=1e-6)

    def test_maps_are_kept_of_a_bounded_number_of_nodes(self, monkeypatch):
        every = traced(toys.convolutional(), steps=23)[-1]
        monkeypatch.setattr(tracing, "FRAMES", 5)
        found = traced(toys.convolutional(), steps=23)[-1]
        assert len(found.maps) == len(found.gradients) == len(found.frames) == 5
        assert (found.frames[0], found.frames[-1]) == (0, 22)
        for k, held in zip(found.frames, found.maps, strict=True):
            torch.testing.assert_close(held, every.maps[k])
        assert len(found.scores) == 23


def test_what_it_costs():
    model, counter = toys.counted(toys.convolutional())
    traced(model)
    assert (counter.gradients, counter.values) == (STEPS, 2 + STEPS)


def test_a_gradient_that_is_no_number_is_a_line():
    model = toys.model(lambda z: z.clamp(min=0).sqrt().sum(1) - (z[:, 0] - z[:, 0].detach()).abs().sqrt())
    for walked in (traced, TestDetour().walked):
        with pytest.raises(ValueError, match="the gradient holds NaN or infinity") as caught:
            walked(model)
        assert "\n" not in str(caught.value)


class TestSaturation:
    @pytest.mark.parametrize("phi", [0.0, 0.4, 0.9, 1.0])
    @pytest.mark.parametrize("toy", ["additive", "convolutional", "linear"])
    def test_the_cut_is_that_of_left_ig(self, toy, phi):
        model = toys.ALL[toy]()
        target = climbing(model)
        found = traced(model, target)[-1]
        left = explain(model, X, "left_ig", target, steps=STEPS, phi=phi)
        assert found.cut(phi) == left.total
        right = explain(model, X, "right_ig", target, steps=STEPS, phi=phi).attribution
        whole = left.attribution + right
        assert found.saturated(phi)[0] == pytest.approx((right.sum() / whole.sum()).item())

    def test_gradients_without_a_climb_count_by_their_size(self):
        # Up to alpha = 1/2 the score climbs; from there on two features pull against each other.
        def score(z):
            reached = z @ X.flatten() / X.square().sum()
            late = (reached - 0.5).clamp(min=0)
            return reached.clamp(max=0.5) + late * (z[:, 0] / X.flatten()[0] - z[:, 1] / X.flatten()[1])

        signed, absolute = traced(toys.model(score), steps=40, rule="midpoint")[-1].saturated(0.99)
        assert signed == pytest.approx(0, abs=0.05)
        assert absolute > 0.3

    def test_a_score_that_falls_has_no_cut(self):
        model = toys.convolutional()
        with pytest.raises(ValueError, match="falls along the path"):
            traced(model, 1 - climbing(model))[-1].saturated(0.9)

    def test_a_baseline_equal_to_the_image_has_nothing_to_share(self):
        found = traced(toys.convolutional(), baseline=X)[-1]
        assert np.isnan(found.saturated(0.9)).all()
        assert not found.slopes.any()
        assert found.climb == 0


class TestDetour:
    def walked(self, model, steps=STEPS, fraction=0.25, max_dist=0.1, baseline="mean"):
        (start,) = make_baselines(model, X, baseline)
        return list(detour(score_of(model, X, 0, "logit", None), X, start, steps, fraction, max_dist))

    def test_without_a_distance_it_is_the_straight_path(self):
        model = toys.convolutional()
        found, straight = self.walked(model, max_dist=0.0)[-1], traced(model, rule="trapezoid")[-1]
        np.testing.assert_allclose(found.alphas, straight.alphas)
        np.testing.assert_allclose(found.scores, straight.scores)
        np.testing.assert_allclose(found.distances, 0, atol=1e-12)

    def test_it_goes_where_the_method_goes(self):
        model, seen = toys.convolutional(), []
        model.module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()[0].clone()))
        explain(model, X, "guided_ig", 0, steps=STEPS, fraction=0.5, max_dist=0.3, baseline="mean")
        method, seen[:] = seen[-STEPS:], []
        self.walked(model, fraction=0.5, max_dist=0.3)
        assert len(seen) == STEPS + 1, "and the image itself at the end"
        for point, again in zip(method, seen, strict=False):
            assert torch.equal(point, again)

    @pytest.mark.parametrize("max_dist", [0.02, 0.2])
    def test_it_leaves_the_straight_path_no_further_than_allowed(self, max_dist):
        found = self.walked(toys.convolutional(), max_dist=max_dist)[-1]
        assert 0 < found.distances.max() <= max_dist + 1e-9
        assert found.distances[0] == found.distances[-1] == 0

    def test_the_distance_is_the_share_of_the_path_that_lies_between(self):
        model = toys.convolutional()
        found = self.walked(model, max_dist=0.3)[-1]
        steps = guided_ig.walk(score_of(model, X, 0, "logit", None), X, torch.zeros_like(X), STEPS, 0.25, 0.3)
        away = [(step.before - k / STEPS * X).abs().sum() / X.abs().sum() for k, step in enumerate(steps)]
        np.testing.assert_allclose(found.distances, [*away, 0], atol=1e-12)

    def test_it_ends_at_the_image(self):
        model = toys.convolutional()
        (start,) = make_baselines(model, X, "black")
        *_, last = guided_ig.walk(score_of(model, X, 0, "logit", None), X, start.image, STEPS, 0.25, 0.1)
        assert torch.equal(last.after, X)

    def test_a_gradient_a_step(self):
        model, counter = toys.counted(toys.convolutional())
        shots = self.walked(model)
        assert counter.gradients == len(shots) == STEPS
        assert len(shots[-1].scores) == STEPS + 1

    def test_a_baseline_equal_to_the_image_stays(self):
        found = self.walked(toys.convolutional(), baseline=X)[-1]
        assert not found.distances.any()
