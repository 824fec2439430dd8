"""Laws of how maps answer small changes of an image, and captum's numbers on the same draws; shares inside a box."""

import math
from functools import partial

import captum.metrics
import pytest
import torch
import toys
from captum.attr import Saliency

from attribution import explain
from attribution.engine.random_numbers import Purpose, normal, uniform
from attribution.explain import score_of
from attribution.studies.robustness import held, infidelity, inside, max_sensitivity

X = toys.image()


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
        assert last_infidelity(model, done, repeats=5) > 1e-3, "which is not a gradient"

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
            found = last_infidelity(model, torch.zeros_like(X), repeats=3, scaled=scaled)
            assert found == pytest.approx(sum(squared) / 3)

    def test_what_cannot_be_is_said(self):
        score = score_of(toys.linear(), X, 0, "logit", None)
        with pytest.raises(ValueError, match=r"the map is .* but the image is"):
            list(infidelity(score, X, X[0]))
        with pytest.raises(ValueError, match="NaN or infinity"):
            list(infidelity(score, X, X / 0))


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
