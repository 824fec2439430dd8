"""Laws of the methods, each method against its literal definition, and against captum."""

import inspect
from itertools import product

import captum.attr
import definitions
import numpy as np
import pytest
import torch
import toys
from captum.attr import NoiseTunnel, Saliency
from scipy.ndimage import gaussian_filter
from torch import nn

from attribution import METHODS, METRICS, Model, curve, explain, stream
from attribution.engine.baselines import BASELINES, make_baselines
from attribution.engine.random_numbers import Purpose, normal
from attribution.explain import score_of
from attribution.quadrature import RULES

X = toys.image()
SMOOTH = {"sigma": 0.4, "samples": 7, "seed": 3}


def close(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def images_of(model, kind, draws=1, seed=0):
    return [b.image for b in make_baselines(model, X, kind, draws, seed)]


@pytest.mark.parametrize("toy", toys.ALL)
@pytest.mark.parametrize("target", [0, 1])
class TestAgainstTheDefinition:
    def test_gradients(self, toy, target):
        model = toys.ALL[toy]()
        close(explain(model, X, "gradient", target).attribution, definitions.gradient(model, X, target))
        close(explain(model, X, "input_x_gradient", target).attribution, definitions.input_x_gradient(model, X, target))

    @pytest.mark.parametrize(
        ("rule", "baseline"), [*product(RULES, ("black", "uniform")), *product(["right"], BASELINES[1:-1])]
    )
    def test_integrated_gradients(self, toy, target, rule, baseline):
        """Every rule from one baseline and from several, and every baseline: a path treats all images alike."""
        model = toys.ALL[toy]()
        ours = explain(model, X, "integrated_gradients", target, steps=7, rule=rule, baseline=baseline, draws=3, seed=5)
        starts = images_of(model, baseline, 3, 5)
        assert len(starts) == (3 if baseline == "uniform" else 1)
        close(ours.attribution, definitions.integrated_gradients(model, X, target, 7, starts, rule))

    @pytest.mark.parametrize("form", ["mean", "squared", "variance"])
    def test_smoothgrad(self, toy, target, form):
        model = toys.ALL[toy]()
        ours = explain(model, X, "smoothgrad", target, form=form, **SMOOTH)
        close(ours.attribution, definitions.smoothgrad(model, X, target, form=form, **SMOOTH))

    def test_smoothgrad_squared(self, toy, target):
        model = toys.ALL[toy]()
        ours = explain(model, X, "smoothgrad_squared", target, **SMOOTH)
        close(ours.attribution, definitions.smoothgrad(model, X, target, form="squared", **SMOOTH))

    def test_smooth_taylor(self, toy, target):
        model = toys.ALL[toy]()
        ours = explain(model, X, "smooth_taylor", target, **SMOOTH)
        close(ours.attribution, definitions.smooth_taylor(model, X, target, **SMOOTH))


class TestAgainstCaptum:
    """captum's integration weights are float32, hence the tolerance. Its trapezoid's weights do not sum to 1."""

    @pytest.fixture
    def model(self):
        return toys.convolutional()

    def test_saliency_and_input_x_gradient(self, model):
        saliency = Saliency(model.module).attribute(X[None], target=1, abs=False)[0]
        close(explain(model, X, "gradient", 1).attribution, saliency)
        product = captum.attr.InputXGradient(model.module).attribute(X[None], target=1)[0]
        close(explain(model, X, "input_x_gradient", 1).attribution, product.detach())

    @pytest.mark.parametrize(
        ("rule", "theirs"),
        [
            ("right", "riemann_right"),
            ("left", "riemann_left"),
            ("midpoint", "riemann_middle"),
            ("gauss-legendre", "gausslegendre"),
        ],
    )
    def test_integrated_gradients(self, model, rule, theirs):
        (black,) = images_of(model, "black")
        oracle = captum.attr.IntegratedGradients(model.module).attribute(
            X[None], black[None], target=1, n_steps=11, method=theirs
        )[0]
        close(explain(model, X, "integrated_gradients", 1, steps=11, rule=rule).attribution, oracle, 1e-6)

    @pytest.mark.parametrize(
        ("form", "theirs"), [("mean", "smoothgrad"), ("squared", "smoothgrad_sq"), ("variance", "vargrad")]
    )
    def test_smoothgrad(self, model, form, theirs, monkeypatch):
        oracle = self.noise_tunnel(Saliency(model.module), theirs, monkeypatch, abs=False)
        close(explain(model, X, "smoothgrad", 1, form=form, **SMOOTH).attribution, oracle, 1e-6)

    def test_smooth_taylor(self, model, monkeypatch):
        """x * mean g(z) - mean z * g(z), each half by captum."""
        gradients = self.noise_tunnel(Saliency(model.module), "smoothgrad", monkeypatch, abs=False)
        products = self.noise_tunnel(captum.attr.InputXGradient(model.module), "smoothgrad", monkeypatch)
        ours = explain(model, X, "smooth_taylor", 1, **SMOOTH)
        close(ours.attribution, X * gradients - products, 1e-6)

    @staticmethod
    def noise_tunnel(inner, nt_type, monkeypatch, **options):
        eps = torch.stack([normal(Purpose.ROOTS, SMOOTH["seed"], k, X.shape) for k in range(SMOOTH["samples"])])
        monkeypatch.setattr(torch, "normal", lambda mean, std: mean + std * eps.to(std).view_as(std))
        found = NoiseTunnel(inner).attribute(
            X[None], target=1, nt_type=nt_type, nt_samples=SMOOTH["samples"], stdevs=SMOOTH["sigma"], **options
        )[0]
        return found.detach()


class TestIntegratedGradients:
    @pytest.mark.parametrize("rule", RULES)
    def test_linear_is_exact_by_every_rule(self, rule):
        model = toys.linear()
        (b,) = images_of(model, "black")
        ours = explain(model, X, "integrated_gradients", 0, rule=rule, steps=3).attribution
        close(ours, (X - b) * toys.WEIGHTS.view(X.shape))

    @pytest.mark.parametrize(("rule", "order"), [("right", 1), ("left", 1), ("midpoint", 2), ("trapezoid", 2)])
    def test_additive_converges_with_the_order_of_the_rule(self, rule, order):
        """Feature i is worth exactly phi_i(x_i) - phi_i(b_i); twice the steps, 2^order times nearer."""
        model = toys.additive()
        (b,) = images_of(model, "black")
        exact = (X.sin() - b.sin()) * toys.WEIGHTS.view(X.shape)

        def error(m):
            return (explain(model, X, "integrated_gradients", 0, rule=rule, steps=m).attribution - exact).abs().max()

        assert (error(50) / error(100)).log2().item() == pytest.approx(order, abs=0.1)

    def test_gauss_legendre_is_spectral(self):
        model = toys.additive()
        (b,) = images_of(model, "white")
        ours = explain(model, X, "integrated_gradients", 0, rule="gauss-legendre", baseline="white", steps=20)
        close(ours.attribution, (X.sin() - b.sin()) * toys.WEIGHTS.view(X.shape), 1e-12)

    def test_right_minus_left(self):
        model = toys.convolutional()
        (b,) = images_of(model, "black")
        right, left = (
            explain(model, X, "integrated_gradients", 0, rule=r, steps=9).attribution for r in ("right", "left")
        )
        ends = definitions.g(model, X, 0) - definitions.g(model, b, 0)
        close(right - left, (X - b) * ends / 9)

    @pytest.mark.parametrize(("rule", "mirrored"), [("midpoint", "midpoint"), ("right", "left")])
    def test_exchanging_image_and_baseline(self, rule, mirrored):
        model, other = toys.convolutional(), toys.image(9)
        there = explain(model, X, "integrated_gradients", 0, rule=rule, baseline=other).attribution
        back = explain(model, other, "integrated_gradients", 0, rule=mirrored, baseline=X).attribution
        close(there, -back)

    def test_a_baseline_equal_to_the_image_gives_a_blank_map(self):
        assert not explain(toys.convolutional(), X, "integrated_gradients", 0, baseline=X).attribution.any()

    def test_noise_baselines_nest(self):
        """The mean over N = 2 is half of N = 1 and half of the second baseline alone."""
        model = toys.convolutional()
        first, second = images_of(model, "uniform", 2, 4)
        maps = [explain(model, X, "integrated_gradients", 0, baseline=b, steps=5).attribution for b in (first, second)]
        both = explain(model, X, "integrated_gradients", 0, baseline="uniform", draws=2, seed=4, steps=5)
        close(both.attribution, (maps[0] + maps[1]) / 2)

    def test_a_partial_path_is_spread_over_the_whole_path(self):
        """On a quadratic, F'(alpha) is linear: a preview by half of the points is near, one from one end is not."""
        model = toys.in_batches_of(8, toys.quadratic())
        run = list(stream(model, X, "integrated_gradients", 0, steps=64))
        answer = run[-1].attribution
        assert run[3].done == 32
        assert (run[3].attribution - answer).norm() < 0.05 * answer.norm()


class TestSmoothing:
    def test_linear(self):
        """SmoothGrad is w, its variance 0, and SmoothTaylor exactly minus the mean noise times w."""
        model, w = toys.linear(), toys.WEIGHTS.view(X.shape)
        close(explain(model, X, "smoothgrad", 0, **SMOOTH).attribution, w)
        close(explain(model, X, "smoothgrad", 0, form="variance", **SMOOTH).attribution, torch.zeros_like(X))
        eps = torch.stack([definitions.epsilon(3, r, X.shape) for r in range(7)]) * 0.4
        close(explain(model, X, "smooth_taylor", 0, **SMOOTH).attribution, -eps.mean(0) * w)

    def test_linear_sums_to_the_drop_to_the_roots(self):
        model = toys.linear()
        drop = [
            definitions.f(model, X, 0) - definitions.f(model, X + 0.4 * definitions.epsilon(3, r, X.shape), 0)
            for r in range(7)
        ]
        taylor = explain(model, X, "smooth_taylor", 0, **SMOOTH).attribution.sum().item()
        assert taylor == pytest.approx(sum(drop) / 7)

    def test_the_sign_is_that_of_the_definition(self):
        """Stein: on z'Az/2 the expectation is -sigma^2 A_ii. The theorem printed in the paper has the other sign."""
        model = toys.quadratic()
        x = torch.zeros_like(X)
        ours = explain(model, x, "smooth_taylor", 0, sigma=0.5, samples=500).attribution.flatten()
        expected = -0.25 * toys.SYMMETRIC.diagonal()
        assert torch.corrcoef(torch.stack([ours, expected]))[0, 1] > 0.9
        assert ours.norm().item() == pytest.approx(expected.norm().item(), rel=0.3)

    def test_both_signs_of_the_noise_cancel_what_is_linear_in_it(self):
        """On a linear score SmoothTaylor is nothing then; on z'Az/2 SmoothGrad is Ax, and not only on average."""
        both = {"sigma": 0.4, "samples": 8, "seed": 3, "antithetic": True}
        close(explain(toys.linear(), X, "smooth_taylor", 0, **both).attribution, torch.zeros_like(X))
        gradient = (toys.SYMMETRIC @ X.flatten()).view(X.shape)
        close(explain(toys.quadratic(), X, "smoothgrad", 0, **both).attribution, gradient)
        off = explain(toys.quadratic(), X, "smoothgrad", 0, **SMOOTH).attribution
        assert (off - gradient).norm() > 0.01 * gradient.norm()

    @pytest.mark.parametrize("samples", [1, 5, 6])
    def test_antithetic_draws_are_each_noise_with_both_signs(self, samples):
        model = toys.convolutional()
        noise = [(-1) ** r * definitions.epsilon(3, r // 2, X.shape) for r in range(samples)]
        expected = torch.stack([definitions.gradient(model, X + 0.4 * eps, 0) for eps in noise]).mean(0)
        both = {"sigma": 0.4, "samples": samples, "seed": 3, "antithetic": True}
        close(explain(model, X, "smoothgrad", 0, **both).attribution, expected)

    def test_square_is_mean_squared_plus_variance(self):
        model = toys.convolutional()
        mean, square, variance = (
            explain(model, X, "smoothgrad", 0, form=form, **SMOOTH).attribution
            for form in ("mean", "squared", "variance")
        )
        close(square, mean**2 + variance)

    def test_the_variance_of_equal_gradients_is_zero_in_single_precision(self):
        """The difference of two nearly equal moments: in float32 it would be noise of either sign."""
        model = toys.model(lambda z: z @ (toys.WEIGHTS.float() + 30))
        variance = explain(model, X.float(), "smoothgrad", 0, form="variance", samples=20).attribution
        assert variance.min() >= 0
        assert variance.max() < 1e-9

    def test_no_noise_is_the_gradient_and_a_blank_taylor_map(self):
        model = toys.convolutional()
        close(explain(model, X, "smoothgrad", 0, sigma=0.0, samples=3).attribution, definitions.gradient(model, X, 0))
        assert not explain(model, X, "smooth_taylor", 0, sigma=0.0, samples=3).attribution.any()

    def test_scaling_the_score_scales_the_map(self):
        once, thrice = toys.model(lambda z: z.square().sum(1)), toys.model(lambda z: 3 * z.square().sum(1))
        close(
            explain(thrice, X, "smooth_taylor", 0, **SMOOTH).attribution,
            3 * explain(once, X, "smooth_taylor", 0, **SMOOTH).attribution,
        )


MODEL_FREE = {name for name, method in METHODS.items() if not method.cost({}).gradients}


class TestControls:
    """Maps to compare methods with."""

    def test_what_looks_at_no_model_is_one_of_them(self):
        assert {"edges", "centre", "blurred_noise"} <= MODEL_FREE
        assert all(METHODS[name].control for name in MODEL_FREE)

    @pytest.mark.parametrize("name", sorted(MODEL_FREE))
    def test_the_model_changes_nothing(self, name):
        ours, other = (explain(toys.convolutional(seed), X, name, 0).attribution for seed in (0, 1))
        assert torch.equal(ours, other)
        assert ours.any()

    @pytest.mark.parametrize("name", ["centre", "blurred_noise"])
    def test_two_of_them_look_at_no_photo(self, name):
        ours, other = (explain(toys.linear(), toys.image(seed), name, 0).attribution for seed in (0, 1))
        assert torch.equal(ours, other)

    def test_edges_are_where_the_photo_changes(self):
        x = torch.zeros(3, 12, 12, dtype=torch.float64)
        x[:, :, 6:] = 1
        found = explain(toys.model(lambda z: z.sum(1)), x, "edges", 0).attribution.sum(0)
        assert found[:, 5:7].min() > 0
        assert not found[:, :5].any()
        assert not found[:, 7:].any()

    def test_edges_of_a_turned_photo_are_turned(self):
        x = toys.image(0, (3, 12, 12))
        ours, turned = (explain(toys.linear(), one, "edges", 0).attribution for one in (x, x.mT))
        close(turned, ours.mT)

    def test_a_blob_is_as_wide_as_is_said(self):
        """By the shorter side, whichever it is: a quarter of it, and a 28th of it."""
        rows, columns = np.arange(48)[:, None] - 23.5, np.arange(60) - 29.5
        centre = np.exp(-(rows**2 + columns**2) / (2 * 12**2))
        noise = normal(Purpose.BLOBS, 4, 0, (48, 60)).double().numpy()
        blobs = gaussian_filter(noise, 48 / 28, mode="wrap")
        for name, knobs, expected in (("centre", {}, centre), ("blurred_noise", {"seed": 4}, blobs)):
            found = explain(toys.of_photos(), toys.image(0, (3, 48, 60)).float(), name, 0, **knobs).attribution
            np.testing.assert_allclose(found.sum(0), expected, atol=1e-5)

    def test_the_centre_is_the_highest(self):
        found = explain(toys.of_photos(), toys.image(0, (3, 49, 49)).float(), "centre", 0).attribution.sum(0)
        assert divmod(int(found.argmax()), 49) == (24, 24)
        close(found, found.T)
        close(found, found.flip(0))

    def test_the_seed_places_the_blobs(self):
        x = toys.image(0, (3, 48, 48)).float()
        ours, again, other = (explain(toys.of_photos(), x, "blurred_noise", 0, seed=s).attribution for s in (0, 0, 1))
        assert torch.equal(ours, again)
        assert not torch.equal(ours, other)
        noise = torch.randn(48, 48, generator=torch.Generator().manual_seed(0))
        rough = [(m.diff().abs().mean() / m.abs().mean()).item() for m in (ours.sum(0), noise)]
        assert rough[0] < rough[1] / 2, "neighbours are alike"


@pytest.mark.parametrize("name", METHODS)
class TestEveryMethod:
    def knobs(self, name):
        small = {"steps": 6, "samples": 6, "iterations": 3}
        return {k: v for k, v in small.items() if k in METHODS[name].knobs}

    def test_batch_size_does_not_matter(self, name):
        model = toys.convolutional()
        maps = [
            explain(toys.in_batches_of(size, model), X, name, 0, **self.knobs(name)).attribution for size in (1, 4, 100)
        ]
        close(maps[0], maps[1])
        close(maps[0], maps[2])

    def test_a_class_that_the_image_does_not_move_gets_a_blank_map(self, name):
        # LRP knows networks of layers only.
        model = toys.layered(torch.zeros(60).double()) if name == "lrp" else toys.constant()
        assert explain(model, X, name, 0, **self.knobs(name)).attribution.any() == (name in MODEL_FREE)

    def test_progress_ends_complete(self, name):
        target = 0 if name in ("left_ig", "right_ig") else 1  # those refuse a score that falls along the path
        run = list(stream(toys.in_batches_of(2, toys.convolutional()), X, name, target, **self.knobs(name)))
        assert [p.done for p in run] == sorted({p.done for p in run})
        assert run[-1].complete
        assert run[-1].total == run[-1].done
        assert run[-1].evaluations == (0 if name in MODEL_FREE else run[-1].total)
        assert run[-1].target == target

    def test_it_explains_the_score_that_is_asked_for_or_says_which_one_alone(self, name):
        # LRP knows networks of layers only; the score climbs on every path, which Left-IG and Right-IG want.
        curved = toys.model(lambda z: z.square().mean(1) + z.sin().mean(1))
        model = toys.layered(toys.WEIGHTS) if name == "lrp" else curved
        logit, probability = (
            explain(model, X, name, 0, output=output, **self.knobs(name)).attribution
            for output in ("logit", "probability")
        )
        assert logit.any()
        same = bool((logit - probability).norm() < 1e-9 * logit.norm())
        assert same == bool(METHODS[name].output or name in MODEL_FREE)

    def test_the_model_leaves_as_it_came(self, name):
        model = toys.convolutional()
        module = model.module
        before = {k: v.clone() for k, v in module.state_dict().items()}
        state = torch.random.get_rng_state()
        explain(model, X, name, 0, **self.knobs(name))
        assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
        assert not module.training
        assert all(p.grad is None and not p.requires_grad for p in module.parameters())
        assert not any(m._forward_hooks or m._backward_hooks or m._forward_pre_hooks for m in module.modules())
        assert torch.equal(torch.random.get_rng_state(), state), "the global generator was touched"

    def test_the_input_is_not_touched(self, name):
        x = X.clone()
        explain(toys.convolutional(), x, name, 0, **self.knobs(name))
        assert torch.equal(x, X)
        assert not x.requires_grad

    def test_an_input_that_is_being_differentiated_is_taken_as_it_is(self, name):
        x = X.clone().requires_grad_(True)
        done = explain(toys.convolutional(), x, name, 0, **self.knobs(name))
        assert not done.attribution.requires_grad
        assert x.grad is None
        close(done.attribution, explain(toys.convolutional(), X, name, 0, **self.knobs(name)).attribution)

    @pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
    def test_it_works_while_gradients_are_off(self, name, mode):
        model = toys.convolutional()
        with mode():
            off = explain(model, X, name, 0, **self.knobs(name)).attribution
        close(off, explain(model, X, name, 0, **self.knobs(name)).attribution)

    def test_shape_type_and_default_target(self, name):
        model = toys.layered(toys.WEIGHTS) if name == "lrp" else toys.linear()
        done = explain(model, X.float().double(), name, **self.knobs(name))
        assert done.attribution.shape == X.shape
        assert done.attribution.dtype == X.dtype
        assert done.target == model.predict(X, k=1)[0][0]

    def test_it_says_what_it_is(self, name):
        method = METHODS[name]
        assert method.title
        assert method.control or "arXiv" in method.paper or "doi" in method.paper
        assert all(knob.help and knob.default is not None for knob in method.knobs.values())
        assert "$" in method.run.__doc__, "the docstring lacks the formula"


def test_a_probability_is_another_score():
    model = toys.model(lambda z: z.sum(1) / 10)
    p = model.module(X[None]).softmax(1)[0, 0]
    ours = explain(model, X, "gradient", 0, output="probability").attribution
    close(ours, (2 / 10 * p * (1 - p)).expand(X.shape).clone())


class TestDefaults:
    """Those of the papers, and the ranges promised."""

    @pytest.mark.parametrize(
        ("name", "defaults"),
        [
            ("integrated_gradients", {"steps": 50, "baseline": "black", "draws": 1, "rule": "right", "seed": 0}),
            ("smoothgrad", {"sigma": 0.5, "samples": 150, "form": "mean", "seed": 0, "antithetic": False}),
            ("smoothgrad_squared", {"sigma": 0.5, "samples": 150, "seed": 0, "antithetic": False}),
            ("smooth_taylor", {"sigma": 0.5, "samples": 150, "seed": 0, "antithetic": False}),
            ("left_ig", {"steps": 200, "baseline": "mean", "phi": 0.9, "seed": 0}),
            ("right_ig", {"steps": 200, "baseline": "mean", "phi": 0.9, "seed": 0}),
            ("guided_ig", {"steps": 200, "fraction": 0.25, "max_dist": 0.02, "baseline": "black", "seed": 0}),
            ("agi", {"classes": 20, "steps": 20, "epsilon": 0.05, "anchor": "path"}),
            ("expected_gradients", {"samples": 200, "seed": 0}),
            ("blur_ig", {"steps": 100, "widest": 50.0}),
            ("insertion", {"step": 224, "substrate": "blur"}),
            ("deletion", {"step": 224, "substrate": "mean"}),
            ("perturbation", {"window": 15, "regions": 30, "draws": 50, "seed": 0}),
            ("total_variation", {"rule": "code", "smallest": 30}),
        ],
    )
    def test_defaults(self, name, defaults):
        assert {k: knob.default for k, knob in (METHODS | METRICS)[name].knobs.items()} == defaults

    def test_defaults_of_idg(self):
        found = {name: knob.default for name, knob in METHODS["idg"].knobs.items()}
        where = {"baseline": "mean", "sampling": "adaptive", "rule": "midpoint"}
        assert found == {"steps": 50, "cells": 50, "seed": 0, **where}

    def test_defaults_of_ggig_but_for_a_tenth_of_its_ascent(self):
        found = {name: knob.default for name, knob in METHODS["ggig"].knobs.items()}
        assert found.pop("iterations") == 10
        given = {"reduce": "max", "multiply_by_delta": False}
        assert found == {"steps": 50, "rate": 1e-4, "baseline": "mean", "seed": 0, **given}

    @pytest.mark.parametrize(
        ("name", "knob", "low", "high"),
        [
            ("smoothgrad", "sigma", 0, 2),
            ("smooth_taylor", "sigma", 0, 2),
            ("smoothgrad", "samples", 1, 10_000),
            ("smooth_taylor", "samples", 1, 10_000),
            ("integrated_gradients", "steps", 1, 500),
            ("integrated_gradients", "draws", 1, 20),
        ],
    )
    def test_ranges(self, name, knob, low, high):
        assert (METHODS[name].knobs[knob].allowed.low, METHODS[name].knobs[knob].allowed.high) == (low, high)
        METHODS[name].check({knob: low})
        METHODS[name].check({knob: high})


class TestBadInput:
    @pytest.mark.parametrize(
        ("change", "line"),
        [
            ({"method": "grad_cam"}, "'grad_cam' is unknown; use one of agi, blur_ig, "),
            ({"target": 2}, "class 2 does not exist; toy has classes 0 to 1"),
            ({"target": -1}, "class -1 does not exist"),
            ({"rho": 1}, "smooth_taylor has no knob 'rho'; it has sigma, samples, seed"),
            ({"sigma": 2.5}, "smooth_taylor: sigma=2.5 must be a number from 0 to 2"),
            ({"sigma": float("nan")}, "sigma=nan must be a number from 0 to 2"),
            ({"sigma": "0.5"}, "sigma='0.5' must be a number"),
            ({"samples": 0}, "samples=0 must be a whole number from 1 to 10000"),
            ({"samples": 1.5}, "samples=1.5 must be a whole number"),
            ({"samples": True}, "samples=True must be a whole number"),
            ({"seed": -1}, "seed=-1 must be a whole number from 0 to 2147483647"),
            ({"output": "loss"}, "output='loss' is unknown; use 'logit' or 'probability'"),
        ],
    )
    def test_one_clear_line_before_anything_is_computed(self, change, line):
        model, counter = toys.counted(toys.linear())
        with pytest.raises(ValueError, match=r"^.+$") as caught:
            stream(model, X, **{"method": "smooth_taylor", "target": 0, **change})
        assert line in str(caught.value)
        assert counter.gradients == 0

    @pytest.mark.parametrize(
        ("change", "line"),
        [
            ({"baseline": "pink"}, "baseline='pink' is unknown; use one of black, white, mean, blurred, uniform"),
            ({"baseline": 3}, "baseline is of type int; use one of black, white,"),
            ({"rule": "simpson"}, "rule='simpson' is unknown; use one of right, left"),
            ({"baseline": torch.zeros(3, 2, 2)}, "the baseline is (3, 2, 2) but the image is (3, 4, 5)"),
        ],
    )
    def test_of_integrated_gradients(self, change, line):
        with pytest.raises(ValueError, match=r"^.+$") as caught:
            explain(toys.linear(), X, "integrated_gradients", 0, **change)
        assert line in str(caught.value)

    def test_images(self):
        with pytest.raises(ValueError, match="one image, "):
            explain(toys.linear(), X[None], "gradient", 0)
        with pytest.raises(ValueError, match="NaN or infinity"):
            explain(toys.linear(), X / 0, "gradient", 0)
        with pytest.raises(ValueError, match=r"has shape \(1, 4, 5\); use one image, \(3, height, width\)"):
            explain(toys.linear(), X[:1], "gradient", 0)
        with pytest.raises(ValueError, match="of floating-point numbers; make it with model"):
            explain(toys.linear(), X.long(), "gradient", 0)
        with pytest.raises(ValueError, match=r"holds torch.float32 values, and toy computes in torch.float64;"):
            explain(toys.convolutional(), X.float(), "gradient", 0)
        with pytest.raises(ValueError, match="the baseline holds NaN"):
            explain(toys.linear(), X, "integrated_gradients", 0, baseline=X / 0)

    @pytest.mark.parametrize("target", [0.5, 1.0, "cat", True, np.True_, *map(torch.tensor, (True, 1.0, [0, 1]))])
    def test_what_is_no_class(self, target):
        unchecked = inspect.unwrap(score_of)  # without the tests' own check of types
        with pytest.raises(ValueError, match="must be a whole number; model"):
            unchecked(toys.linear(), X, target, "logit", None)

    @pytest.mark.parametrize("target", [np.int64(1), np.uint8(1), torch.tensor(1)])
    def test_a_class_may_be_a_number_of_numpy_or_torch(self, target):
        score = inspect.unwrap(score_of)(toys.linear(), X, target, "logit", None)
        assert (type(score.target), score.target) == (int, 1)

    @pytest.mark.parametrize("model", [toys.linear().module, "resnet18", None])
    def test_what_is_no_model(self, model):
        with pytest.raises(ValueError, match=r"is no Model; use load_model\(name\) or Model.wrap\(network, size"):
            inspect.unwrap(score_of)(model, X, 0, "logit", None)

    @pytest.mark.parametrize("target", [0, None])
    @pytest.mark.parametrize("run", [explain, lambda *given: curve(given[0], X, X, "deletion", given[3])])
    def test_a_size_that_the_network_does_not_take(self, run, target):
        def failing(points):
            raise AssertionError("Wrong height!")

        model = toys.model(failing)
        said = r"toy fails on an image of \(4, 5\) pixels \(Wrong height!\); its own photos have \(224, 224\): use"
        with pytest.raises(ValueError, match=said):
            run(model, X, "gradient", target)
        with pytest.raises(AssertionError):
            explain(model, torch.zeros(3, 224, 224), "gradient", target)

    def test_a_prediction_says_what_is_wrong_with_an_image_too(self):
        with pytest.raises(ValueError, match=r"has shape \(1, 3, 4, 5\); use one image, \(3, height, width\)"):
            inspect.unwrap(Model.predict)(toys.linear(), X[None])
        with pytest.raises(ValueError, match="NaN or infinity"):
            toys.linear().predict(X / 0)

    def test_a_model_in_training_mode(self):
        model = toys.convolutional()
        model.module.train()
        with pytest.raises(ValueError, match="toy is in training mode"):
            explain(model, X, "gradient", 0)
        assert model.module.training

    def test_one_layer_in_training_mode(self):
        """A batch-norm left in training mode makes the score of one image depend on its batch."""
        model = toys.convolutional()
        model.module[1].train()
        with pytest.raises(ValueError, match="toy is in training mode"):
            explain(model, X, "gradient", 0)

    @pytest.mark.parametrize(
        "ask", [lambda model: explain(model, X, "gradient"), lambda model: model.predict(X)], ids=["explain", "predict"]
    )
    def test_what_refuses_a_model_in_training_mode_leaves_it_as_it_was(self, ask):
        """A batch-norm learns from each image that it sees; without a class, the most likely one is looked for."""
        model = toys.model(nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(60, 2)).double())
        model.module.train()
        before = {name: entry.clone() for name, entry in model.module.state_dict().items()}
        with pytest.raises(ValueError, match="toy is in training mode"):
            ask(model)
        assert all(torch.equal(entry, before[name]) for name, entry in model.module.state_dict().items())
