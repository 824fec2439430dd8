"""Performance information curves: PAIR's numbers on the same pixels, and laws that need no other code."""

import math

import numpy as np
import pytest
import torch
import toys
from skimage import data, transform
from threadpoolctl import threadpool_limits

from attribution.engine.score import OVERFLOWED
from attribution.explain import curve, score_of
from attribution.images import denormalise, normalise, to_picture
from attribution.metrics import information
from attribution.metrics.information import SHOWN, aic, sic
from attribution.registry import METRICS

SIDE = 48
PHOTO = (transform.resize(data.coffee(), (SIDE, SIDE), anti_aliasing=True) * 255).round().astype(np.uint8)
X = normalise(torch.from_numpy(PHOTO).permute(2, 0, 1).float() / 255, toys.MEAN, toys.STD)
NOISE = toys.image(5, (SIDE, SIDE)).float()


def detail(images):
    """How much neighbours differ in the middle."""
    middle = images[..., 12:36, 12:36]
    return (middle[..., 1:] - middle[..., :-1]).abs().mean((-3, -2, -1))


def sharp(scale: float = 12.0):
    """Sure of a photo that has its detail in the middle, and not of one that is blurred there."""
    return toys.model(lambda z: scale * (detail(z.view(-1, 3, SIDE, SIDE)) / detail(X) - 0.85))


class TestAgainstPair:
    @pytest.mark.parametrize("seed", [0, 3])
    @pytest.mark.parametrize("name", ["sic", "aic"])
    def test_the_curve_and_its_area(self, monkeypatch, name, seed):
        import saliency.metrics.pic as pair

        monkeypatch.setattr(np, "trapz", np.trapezoid, raising=False)
        model, measure = sharp(), {"sic": sic, "aic": aic}[name]
        target = 0 if name == "sic" else model.predict(X, k=1)[0][0]

        def predict(pictures):
            points = normalise(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255, toys.MEAN, toys.STD)
            with torch.no_grad():
                found = model.module(points)
            return (
                found.softmax(1)[:, target].tolist() if name == "sic" else (found.argmax(1) == target).float().tolist()
            )

        first = information._sharp_at_start(SIDE, SIDE, seed)
        ranks = NOISE.abs().double().numpy()
        with threadpool_limits(1, "blas"):
            theirs = pair.compute_pic_metric(PHOTO, ranks, first, predict, SHOWN, min_pred_value=0.0)
        *_, ours = measure(score_of(model, X, target, "logit", None), X, NOISE, points=1000, seed=seed)
        # They interpolate in float32: here and there a value rounds the other way, and the file is a few bytes longer.
        assert np.abs(ours.y - theirs.curve_y).mean() < 0.005
        assert ours.area == pytest.approx(theirs.auc, abs=0.005)


class TestLaws:
    def last(self, heatmap, model=None, **knobs):
        return curve(model or sharp(), X, heatmap, "sic", 0, **knobs)

    def test_it_climbs_from_nothing_to_all(self):
        found = self.last(NOISE)
        assert (found.x[0], found.x[-1], found.y[-1]) == (0, 1, 1)
        assert found.y[0] >= 0
        assert (np.diff(found.y) >= 0).all()
        assert 0 <= found.area <= 1

    def test_a_map_that_knows_the_place_is_better_than_its_reverse(self):
        right = torch.zeros(SIDE, SIDE)
        right[12:36, 12:36] = 1
        noise = 0.01 * NOISE.abs()
        assert self.last(right + noise).area > self.last(1 - right + noise).area

    def test_signs_and_scale_do_not_matter(self):
        np.testing.assert_array_equal(self.last(NOISE).y, self.last(-3 * NOISE).y)

    def test_it_grows_and_what_is_known_stays(self):
        score = score_of(sharp(), X, 0, "logit", None)
        shots = list(sic(score, X, NOISE))
        assert len(shots) == len(SHOWN) + 1
        reached = [len(shot.x) for shot in shots]
        assert reached == sorted(reached)
        for shot in shots:
            np.testing.assert_array_equal(shot.x, shots[-1].x[: len(shot.x)])

    def test_every_map_starts_from_the_same_pixels(self):
        assert (information._sharp_at_start(30, 40, 1) == information._sharp_at_start(30, 40, 1)).all()
        assert (information._sharp_at_start(30, 40, 1) != information._sharp_at_start(30, 40, 2)).any()
        first = information._sharp_at_start(30, 40, 1)
        assert first[[0, 0, -1, -1], [0, -1, 0, -1]].all()
        assert 12 <= first.sum() <= 12 + 4

    def test_interpolated_pixels_lie_on_flat_triangles(self):
        ramp = np.add.outer(np.arange(12.0), 2 * np.arange(15.0))
        picture = np.stack([ramp, ramp + 3, 90 - ramp], axis=-1).round().astype(np.uint8)
        found = information._interpolated(picture, information._sharp_at_start(12, 15, 0))
        np.testing.assert_array_equal(found, picture)

    def test_a_picture_of_other_channels_is_a_grey_file_for_each(self):
        picture = np.random.default_rng(0).integers(0, 255, (20, 20, 2), dtype=np.uint8)
        picture[..., 0] = 0
        blank, rough = (information._file_size(picture[..., [k] * 3]) for k in range(2))
        assert blank < rough
        assert information._file_size(picture) == blank + rough

    def test_an_unsure_model_is_noted(self):
        """Below a probability of 0.8."""
        assert "is only 0.79" in self.last(NOISE, sharp(4.5)).note
        assert self.last(NOISE, sharp(4.8)).note == ""

    @pytest.mark.parametrize("name", ["sic", "aic"])
    def test_a_photo_that_is_worth_no_more_than_a_blurred_one_is_a_line(self, name):
        with pytest.raises(ValueError, match="the photo has no higher value") as caught:
            curve(toys.model(lambda z: 0 * z.sum(1) + 3.0), X, NOISE, name, 0)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("name", ["sic", "aic"])
    @pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
    def test_between_pixels_of_a_line_nothing_is_interpolated(self, name, shape):
        x = toys.image(0, (3, *shape))
        with pytest.raises(ValueError, match=f"the photo has {shape[0]} x {shape[1]} pixels; .* at least 2 x 2"):
            curve(toys.model(lambda z: z.sum(1)), x, x, name, 0)

    def test_fifteen_forward_passes(self):
        model, counter = toys.counted(sharp())
        curve(model, X, NOISE, "sic", 0)
        assert (counter.values, counter.gradients) == (15, 0)

    def test_the_photo_itself_is_untouched(self):
        before = X.clone()
        self.last(NOISE)
        assert (before == X).all()
        np.testing.assert_array_equal(to_picture(denormalise(X, toys.MEAN, toys.STD)), PHOTO)


class TestScoresThatAreNotFinite:
    @pytest.mark.parametrize("value", [math.nan, math.inf])
    @pytest.mark.parametrize("since", [0, 1, 5])
    @pytest.mark.parametrize("name", [one.name for one in METRICS.values() if one.axes and one.scored])
    def test_no_curve_is_defined(self, name, since, value):
        """Whether the score of the photo is not finite, or those of changed photos alone."""
        seen = 0

        def score(points):
            nonlocal seen
            seen += len(points)
            found = 12 * (detail(points.view(-1, 3, SIDE, SIDE)) / detail(X) - 0.85)
            at = torch.arange(seen - len(points), seen)
            return torch.where(at < since, found, value)

        with pytest.raises(ValueError, match=OVERFLOWED):
            curve(toys.model(score), X, NOISE, name, 0)
