"""Laws of how maps answer small changes of an image, and captum's numbers on the same draws; shares inside a box."""

import math
from dataclasses import replace
from functools import partial
from inspect import signature
from pathlib import Path

import captum.metrics
import numpy as np
import pytest
import torch
import toys
from captum.attr import Saliency

from attribution import METHODS as METHODS_OF_ALL
from attribution import explain
from attribution.engine.random_numbers import Purpose, normal, uniform
from attribution.explain import score_of
from attribution.studies.changed_image import FIGURES, Changes, robustness
from attribution.studies.robustness import error_of, held, infidelity, inside, max_sensitivity, per_unit

X = toys.image()
DOCS = Path(__file__).parents[2] / "docs"


def maps(model, method, **knobs):
    return lambda image: explain(model, image, method, 0, **knobs).attribution


def near(radius, seed, k):
    return radius * (2 * uniform(Purpose.NEARBY, seed, k, tuple(X.shape)).double() - 1)


def test_a_gradient_that_is_the_same_everywhere_does_not_change():
    assert list(max_sensitivity(maps(toys.linear(), "gradient"), X, repeats=3)) == [0.0] * 3


@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients")
def test_it_is_captums_number():
    model = toys.convolutional()
    saliency = Saliency(model.module)
    changes = torch.stack([near(0.3, 4, k) for k in range(6)])
    oracle = captum.metrics.sensitivity_max(
        partial(saliency.attribute, target=0, abs=False),
        X[None],
        lambda inputs, _: inputs + changes,
        n_perturb_samples=6,
        perturb_radius=0.3,
    )
    *_, found = max_sensitivity(maps(model, "gradient"), X, radius=0.3, repeats=6, seed=4)
    assert found == pytest.approx(oracle.item(), rel=1e-6)
    assert found > 0


def test_it_is_a_running_maximum_by_its_definition():
    make = maps(toys.convolutional(), "integrated_gradients", steps=5)
    changes = [((make(X + near(0.2, 0, k)) - make(X)).norm() / make(X).norm()).item() for k in range(4)]
    found = list(max_sensitivity(make, X, radius=0.2, repeats=4))
    assert found == pytest.approx([max(changes[: k + 1]) for k in range(4)])


def test_noise_of_the_method_is_no_change():
    make = held(toys.convolutional(), "smoothgrad", 0, samples=4, seed=3)
    assert max(max_sensitivity(make, X, radius=0.0, repeats=2)) == 0


def test_a_blank_map_is_measured_against_one():
    assert list(max_sensitivity(maps(toys.constant(), "gradient"), X, repeats=2)) == [0.0, 0.0]
    grows = iter([0.0, 3.0])
    assert list(max_sensitivity(lambda image: torch.tensor([next(grows)]), X, repeats=1)) == [3.0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("maps", [0, 1, 2])
def test_a_map_that_is_not_finite_is_no_stable_map(value, maps):
    """After so many that are: it counted as no change at all."""
    made = iter([torch.ones(3)] * maps + [torch.tensor([1.0, value, 1.0])] * 3)
    with pytest.raises(ValueError, match="the attribution holds NaN or infinity"):
        list(max_sensitivity(lambda image: next(made), X, repeats=2))


@pytest.mark.parametrize("wrong", [{"radius": -0.1}, {"repeats": 0}, {"radius": float("nan")}])
def test_what_cannot_be_is_said(wrong):
    with pytest.raises(ValueError, match=r"radius=.*use a radius of at least 0"):
        list(max_sensitivity(maps(toys.linear(), "gradient"), X, **wrong))
    with pytest.raises(ValueError, match=r"radius=.*use a radius of at least 0"):
        list(infidelity(score_of(toys.linear(), X, 0, "logit", None), X, X, **wrong))


def test_only_the_noise_that_is_held_is_no_change():
    """With another seed in each call, a steady map would seem to change."""
    seeds = iter(range(9))

    def loose(image):
        return explain(toys.convolutional(), image, "smoothgrad", 0, samples=4, seed=next(seeds)).attribution

    *_, found = max_sensitivity(loose, X, radius=0.0, repeats=2)
    assert found > 0


def last_infidelity(model, attribution, **knobs):
    *_, found = infidelity(score_of(model, X, 0, "logit", None), X, attribution, **knobs)
    return found


class TestInfidelity:
    def changes(self, radius, seed, repeats):
        return [radius * normal(Purpose.NEARBY, seed, k, tuple(X.shape)).double() for k in range(repeats)]

    @pytest.mark.parametrize("radius", [0.0, 0.1, 5.0])
    def test_of_the_gradient_of_a_linear_score_it_is_0(self, radius):
        model = toys.linear()
        gradient = explain(model, X, "gradient", 0).attribution
        assert last_infidelity(model, gradient, radius=radius, repeats=5) == pytest.approx(0, abs=1e-20)

    @pytest.mark.parametrize("name", ["input_x_gradient", "integrated_gradients"])
    def test_of_an_attribution_over_its_baseline_too(self, name):
        model = toys.linear()
        knobs = {"steps": 3, "baseline": "mean"} if name == "integrated_gradients" else {}
        done = explain(model, X, name, 0, **knobs).attribution
        zero = torch.zeros_like(X)
        assert last_infidelity(model, done, baseline=zero, repeats=5) == pytest.approx(0, abs=1e-20)
        assert last_infidelity(model, done, radius=0.1, repeats=5) > 1e-3, "which is not a gradient"

    def test_a_feature_that_equals_its_baseline_counts_as_it_is(self):
        baseline = torch.zeros_like(X)
        baseline[0] = X[0]
        made = toys.image(3)
        found = per_unit(X, made, baseline)
        torch.testing.assert_close(found[0], made[0])
        torch.testing.assert_close(found[1:], made[1:] / X[1:])

    @pytest.mark.parametrize("scaled", [False, True])
    def test_it_is_captums_number(self, scaled):
        model = toys.convolutional()
        gradient = explain(model, X, "smoothgrad", 0, samples=3).attribution
        drawn = torch.stack(self.changes(0.4, 2, 8))
        oracle = captum.metrics.infidelity(
            model.module, lambda inputs, _=None: (drawn, X - drawn), X[None], gradient[None], n_perturb_samples=8,
            target=0, normalize=scaled,
        )  # fmt: skip
        found = last_infidelity(model, gradient, radius=0.4, repeats=8, seed=2, scaled=scaled)
        assert found == pytest.approx(oracle.item(), rel=1e-6)
        assert found > 0

    def test_it_is_a_running_mean(self):
        model = toys.convolutional()
        gradient = explain(model, X, "gradient", 0).attribution
        score = score_of(model, X, 0, "logit", None)
        errors = [
            ((change * gradient).sum() - (score.values(X[None]) - score.values((X - change)[None]))).item() ** 2
            for change in self.changes(0.3, 0, 4)
        ]
        found = list(infidelity(score, X, gradient, radius=0.3, repeats=4))
        assert found == pytest.approx([sum(errors[: k + 1]) / (k + 1) for k in range(4)])

    def test_the_size_of_a_scaled_map_does_not_matter(self):
        model = toys.convolutional()
        gradient = explain(model, X, "gradient", 0).attribution
        one, other = (last_infidelity(model, size * gradient, repeats=6, scaled=True) for size in (1, -7))
        assert one == pytest.approx(other)
        assert one <= last_infidelity(model, gradient, repeats=6)

    def test_a_blank_map_predicts_no_change(self):
        model = toys.linear()
        squared = [(change * toys.WEIGHTS.view(X.shape)).sum().item() ** 2 for change in self.changes(0.1, 0, 3)]
        for scaled in (False, True):
            found = last_infidelity(model, torch.zeros_like(X), radius=0.1, repeats=3, scaled=scaled)
            assert found == pytest.approx(sum(squared) / 3)

    def test_what_cannot_be_is_said(self):
        score = score_of(toys.linear(), X, 0, "logit", None)
        with pytest.raises(ValueError, match=r"the map is .* but the image is"):
            list(infidelity(score, X, X[0]))
        with pytest.raises(ValueError, match="NaN or infinity"):
            list(infidelity(score, X, X / 0))


CHANGES = Changes(noise=0.3, count=12, radius=0.2, repeats=3)
METHODS = {
    "Gradient": ("gradient", {}),
    "SmoothGrad": ("smoothgrad", {"samples": 3, "sigma": 0.5, "seed": 2}),
    "SmoothTaylor": ("smooth_taylor", {"samples": 3, "sigma": 0.5, "seed": 2}),
    "Centre": ("centre", {}),
}


def last_of(model, methods, target=0, **knobs):
    *_, found = robustness(model, X, methods, target, changes=CHANGES, **knobs)
    return found


class TestSeveralMethods:
    @pytest.mark.parametrize("output", ["logit", "probability"])
    def test_the_figures_are_those_of_each_method_alone(self, output):
        model = toys.convolutional()
        found = last_of(model, METHODS, output=output, seed=4)
        score = score_of(model, X, 0, output, None)
        for label, (method, knobs) in METHODS.items():
            made = explain(model, X, method, 0, output=output, **knobs).attribution
            for name, scaled in (("infidelity", False), ("infidelity_scaled", True)):
                *_, alone = infidelity(score, X, made, radius=0.3, repeats=12, seed=4, scaled=scaled)
                assert found.value(label, name).value == pytest.approx(alone, rel=1e-6)
            *_, largest = max_sensitivity(
                held(model, method, 0, output=output, **knobs), X, radius=0.2, repeats=3, seed=4
            )
            assert found.value(label, "max_sensitivity").value == pytest.approx(largest, rel=1e-6)
            *_, zeros = infidelity(score, X, torch.zeros_like(X), radius=0.3, repeats=12, seed=4)
            assert found.value(label, "infidelity_blank").value == pytest.approx(zeros)
            share = found.value(label, "infidelity_scaled").value / zeros
            assert found.value(label, "infidelity_share").value == pytest.approx(share)
            assert 0 <= share <= 1

    @pytest.mark.parametrize("baseline", ["black", "uniform"])
    @pytest.mark.parametrize(
        "name", ["gradient", "input_x_gradient", "integrated_gradients", "left_ig", "guided_ig", "idg", "ggig"]
    )
    def test_of_a_linear_score_infidelity_is_0(self, name, baseline):
        """Of maps that are products with x - b too, for each b: they are divided by it."""
        given = {"baseline": baseline, "draws": 2, "steps": 3, "multiply_by_delta": True}
        knobs = {knob: value for knob, value in given.items() if knob in METHODS_OF_ALL[name].knobs}
        found = [last_of(toys.linear(), {"A": (name, knobs)}, target) for target in (0, 1)]
        # Left-IG has no map of the class whose score falls along the path.
        there = [one for one in found if not one.failed]
        assert there
        assert len(there) == 2 or name == "left_ig"
        for one in there:
            assert one.value("A", "infidelity_share").value == pytest.approx(0, abs=1e-12)

    def test_of_a_map_that_ignores_the_image_max_sensitivity_is_0(self):
        found = last_of(toys.convolutional(), {"Centre": METHODS["Centre"]})
        assert found.value("Centre", "max_sensitivity").value == 0
        assert last_of(toys.linear(), {"A": ("gradient", {})}).value("A", "max_sensitivity").value == 0

    def test_of_a_blank_map_there_is_no_max_sensitivity(self):
        """0 would say that it is the most stable of all. SmoothTaylor without noise is blank."""
        methods = {"Blank": ("smooth_taylor", {"samples": 3, "sigma": 0.0}), **METHODS}
        found = last_of(toys.convolutional(), methods)
        one = found.value("Blank", "max_sensitivity")
        assert not one.defined
        assert one.why == "the map is blank: it puts no pixel before another"
        assert found.value("Blank", "infidelity_share").value == 1, "it predicts as a map of zeros does"
        assert all(found.value(label, "max_sensitivity").defined for label in METHODS)
        assert list(found.blank) == ["Blank"]

    def test_of_a_constant_score_there_is_nothing_to_predict(self):
        found = last_of(toys.constant(), {"A": ("gradient", {})})
        assert found.value("A", "infidelity").value == 0
        share = found.value("A", "infidelity_share")
        assert not share.defined
        assert share.why == "the score does not change"

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_of_a_changed_image_without_a_finite_score_the_reason_is_said(self, value):
        """Max-sensitivity takes smaller changes, and asks for no score."""
        limit = X[0, 0, 0] + CHANGES.radius
        model = toys.model(lambda z: torch.where(z[:, 0] > limit, value, z @ toys.WEIGHTS))
        found = last_of(model, {"A": ("gradient", {})})
        for name in set(FIGURES) - {"max_sensitivity"}:
            one = found.value("A", name)
            assert not one.defined
            assert one.why == "the score of the image or of a changed one is NaN or infinite"
        assert found.value("A", "max_sensitivity").defined

    def test_the_seed_decides_and_nothing_else(self):
        model = toys.convolutional()
        one, again = (last_of(model, METHODS).figures for _ in range(2))
        assert one == again
        other = last_of(model, METHODS, seed=1).figures
        for label in ("Gradient", "SmoothGrad"):
            assert all(one[label][name] != other[label][name] for name in one[label])

    def test_methods_share_their_points_and_the_passes(self):
        both, alone = (toys.counted(toys.convolutional()) for _ in range(2))
        last_of(both[0], {label: METHODS[label] for label in ("SmoothGrad", "SmoothTaylor")})
        last_of(alone[0], {"SmoothGrad": METHODS["SmoothGrad"]})
        assert both[1].gradients == alone[1].gradients == 3 * (1 + CHANGES.repeats)

    def test_it_fills_as_it_is_computed(self):
        snapshots = list(robustness(toys.convolutional(), X, METHODS, 0, changes=CHANGES))
        done = [one.done for one in snapshots]
        assert done == sorted(done)
        assert set(done) == {*range(snapshots[-1].total + 1)}
        assert snapshots[0].value("Gradient", "infidelity").why == "not computed yet"
        largest = [one.figures["Gradient"].get("max_sensitivity", 0) for one in snapshots if one.figures]
        assert largest == sorted(largest)

    def test_a_method_that_the_model_does_not_allow_is_told_and_the_others_go_on(self):
        model, _ = toys.counted(toys.convolutional())
        found = last_of(model, {"LRP": ("lrp", {}), "Gradient": ("gradient", {})})
        assert found.done == found.total
        for name in FIGURES:
            assert "LRP does not support toy" in found.value("LRP", name).why
            assert found.value("Gradient", name).defined

    def test_a_method_that_explains_one_score_is_measured_by_it(self):
        model = toys.convolutional()
        found = last_of(model, {"AGI": ("agi", {"classes": 2, "steps": 2}), "Gradient": ("gradient", {})})
        assert METHODS_OF_ALL["agi"].output == "probability"
        expected = last_of(model, {"Gradient": ("gradient", {})}, output="probability")
        assert found.value("AGI", "infidelity_blank") == expected.value("Gradient", "infidelity_blank")
        assert found.value("AGI", "infidelity_blank") != found.value("Gradient", "infidelity_blank")

    @pytest.mark.parametrize("wrong", [{"noise": -1.0}, {"count": 0}, {"radius": float("nan")}, {"repeats": 0}])
    def test_what_cannot_be_is_said_before_anything_is_computed(self, wrong):
        with pytest.raises(ValueError, match="use a radius of at least 0, and at least one repeat"):
            next(robustness(toys.linear(), X, METHODS, 0, changes=replace(CHANGES, **wrong)))
        with pytest.raises(ValueError, match="'magic' is unknown"):
            next(robustness(toys.linear(), X, {"A": ("magic", {})}, 0))


def test_what_is_usual_is_the_same_alone_and_for_several_methods():
    """And as docs/core.md says."""
    usual, told = Changes(), (DOCS / "core.md").read_text()
    alone = [
        {name: one.default for name, one in signature(of).parameters.items()} for of in (infidelity, max_sensitivity)
    ]
    assert (alone[0]["radius"], alone[0]["repeats"]) == (usual.noise, usual.count)
    assert (alone[1]["radius"], alone[1]["repeats"]) == (usual.radius, usual.repeats)
    assert f"{usual.count} times, each value from N(0, {usual.noise}²)" in told
    assert f"changed by up to ±{usual.radius}, {usual.repeats} times" in told


def test_the_unit_of_ggig_is_that_of_its_product():
    ggig = METHODS_OF_ALL["ggig"]
    assert ggig.unit({}) == "logit/x"
    assert ggig.unit({"multiply_by_delta": True}) == "logit"


class TestInside:
    def test_by_hand(self):
        heatmap = torch.tensor([[1.0, -2.0, 3.0], [0.0, 4.0, -10.0]])
        assert inside(heatmap, (1, 0, 3, 1)) == (5 / 20, 2 / 6)
        assert inside(heatmap, (0, 0, 3, 2)) == (1.0, 1.0)

    def test_a_flat_map_has_the_share_of_the_area(self):
        share, area = inside(torch.full((20, 30), -0.3), (2, 3, 17, 9))
        assert share == pytest.approx(area) == pytest.approx(15 * 6 / 600)

    def test_parts_add_up_to_the_whole(self):
        heatmap = toys.image(0, (1, 12, 10))[0]
        halves = [inside(heatmap, box) for box in ((0, 0, 4, 12), (4, 0, 10, 12))]
        assert [sum(one) for one in zip(*halves, strict=True)] == pytest.approx([1, 1])

    def test_of_nothing_there_is_no_share(self):
        share, area = inside(torch.zeros(4, 4), (0, 0, 2, 2))
        assert math.isnan(share)
        assert area == 0.25

    @pytest.mark.parametrize("box", [(2, 0, 2, 3), (0, 0, 4, 2), (-1, 0, 2, 2), (0, 2, 2, 1)])
    def test_a_box_outside_is_refused(self, box):
        with pytest.raises(ValueError, match=r"box=.* must be left < right <= 3 and top < bottom <= 4"):
            inside(torch.ones(4, 3), box)


def test_a_map_that_knows_nothing_is_better_than_zeros_by_one_change():
    """Its factor is the best one for the changes that it is measured on: the floor of the share is 1 - 1 / changes."""
    drawn = np.random.default_rng(0).normal(size=(4000, 2, 100)).tolist()
    shares = [error_of(p, t, True) / error_of([0.0] * 100, t, False) for p, t in drawn]
    assert np.mean(shares) == pytest.approx(0.99, abs=0.001)
    assert np.quantile(shares, 0.05) == pytest.approx(0.96, abs=0.005)
    for name in ("core.md", "results.md"):
        assert "knows nothing has about 0.99" in " ".join((DOCS / name).read_text().split())
