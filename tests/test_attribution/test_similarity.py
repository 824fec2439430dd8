"""How alike two maps are: equal maps, independent definitions, and what is not defined."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from attribution.similarity import MEASURES, Alike, alike, edges, entropy, pearson, rise, spearman, ssim, top


def map_of(seed, side=64):
    return torch.randn((side, side), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


ONE, OTHER = map_of(1), map_of(1) + map_of(2)
BLANK = torch.zeros(64, 64, dtype=torch.float64)


def shown(values):
    """Absolute, clipped at the 99th percentile, from 0 to 1."""
    raw = values.abs().numpy()
    return ((raw - raw.min()) / (np.percentile(raw, 99) - raw.min())).clip(0, 1)


def ranks(values):
    """Mean ranks, by counting."""
    flat = np.asarray(values).ravel()
    return np.array([(flat < v).sum() + (flat == v).sum() / 2 for v in flat])


def test_equal_maps_are_alike_by_1_in_every_way():
    found = alike(ONE, ONE.clone())
    assert list(found) == list(MEASURES) == ["spearman", "ssim", "hog", "top"]
    assert [one.value for one in found.values()] == pytest.approx([1] * 4)
    assert pearson(ONE, ONE).value == pytest.approx(1)


def test_signs_count_for_pearson_alone():
    assert [one.value for one in alike(ONE, -ONE).values()] == pytest.approx([1] * 4)
    assert pearson(ONE, -ONE).value == pytest.approx(-1)


def test_size_counts_for_none():
    assert [one.value for one in alike(ONE, 7 * ONE).values()] == pytest.approx([1] * 4)


def test_ranks_by_counting():
    expected = np.corrcoef(ranks(ONE.abs()), ranks(OTHER.abs()))[0, 1]
    assert spearman(ONE, OTHER).value == pytest.approx(expected)
    assert 0.3 < expected < 0.9


def test_structure_by_its_formula():
    """Means, variances and the covariance under a Gaussian of 1.5 pixels, and the mean over all whole windows."""
    x, y = shown(ONE), shown(OTHER)

    def mean(values):
        return ndimage.gaussian_filter(values, 1.5, truncate=3.5)

    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    field = (2 * mx * my + c1) * (2 * both + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert ssim(ONE, OTHER).value == pytest.approx(field[5:-5, 5:-5].mean())


def oriented(image):
    """HOG, literally: unsigned gradients into 9 directions, summed over cells, each block of 3 x 3 cells normalised."""
    rows, columns = np.zeros_like(image), np.zeros_like(image)
    rows[1:-1], columns[:, 1:-1] = image[2:] - image[:-2], image[:, 2:] - image[:, :-2]
    length, angle = np.hypot(rows, columns), np.rad2deg(np.arctan2(rows, columns)) % 180
    side = len(image) // 16
    cells = np.zeros((side, side, 9))
    for r in range(side):
        for c in range(side):
            part = np.s_[16 * r : 16 * r + 16, 16 * c : 16 * c + 16]
            for k in range(9):
                inside = (angle[part] >= 20 * k) & (angle[part] < 20 * (k + 1))
                cells[r, c, k] = length[part][inside].sum() / 256
    features = []
    for r in range(side - 2):
        for c in range(side - 2):
            block = cells[r : r + 3, c : c + 3]
            block = np.minimum(block / np.sqrt((block**2).sum() + 1e-10), 0.2)
            features.append(block / np.sqrt((block**2).sum() + 1e-10))
    return np.array(features).ravel()


def test_edges_by_their_definition():
    expected = np.corrcoef(ranks(oriented(shown(ONE))), ranks(oriented(shown(OTHER))))[0, 1]
    assert edges(ONE, OTHER).value == pytest.approx(expected, abs=1e-6)


def test_the_brightest_pixels_by_hand():
    one, other = torch.zeros(4, 5), torch.zeros(4, 5)
    one[0, 0], one[1, 1] = 9, -8
    other[1, 1], other[2, 2] = 3, 2
    assert top(one, other).value == pytest.approx(1 / 3)


def test_two_small_spots_at_two_places_are_not_alike():
    """Most pixels are equal in both, but these are not what the maps show."""
    one, other = torch.zeros(224, 224), torch.zeros(224, 224)
    one[20:30, 20:30] = 1 + torch.rand(10, 10, generator=torch.Generator().manual_seed(1))
    other[150:160, 150:160] = one[20:30, 20:30]
    assert top(one, other).value == 0
    assert ssim(one, other).value < 1
    assert top(one, one).value == ssim(one, one).value == 1


@pytest.mark.parametrize("name", ["spearman", "hog", "top"])
def test_a_blank_map_is_like_no_other_and_says_so(name):
    for pair in ((ONE, BLANK), (BLANK, ONE), (BLANK, BLANK), (ONE, BLANK + 5)):
        found = alike(*pair)[name]
        assert not found.defined
        assert str(found).startswith("not defined (the map is blank")
        assert "nan" not in str(found)


def test_a_blank_map_is_shown_as_zeros():
    assert ssim(BLANK, BLANK + 5).value == pytest.approx(1)
    assert ssim(ONE, BLANK).value < 0.1
    assert not pearson(ONE, BLANK).defined


def test_small_maps_have_no_structure():
    small = map_of(3, side=6)
    found = alike(small, small)
    assert found["spearman"].value == pytest.approx(1)
    assert "shorter than 11 pixels" in str(found["ssim"])
    assert "shorter than 48 pixels" in str(found["hog"])


def test_entropy_by_counting():
    values = ONE.abs().flatten().tolist()
    low, high = min(values), max(values)
    counts = [0] * 100
    for value in values:
        counts[min(99, int(100 * (value - low) / (high - low)))] += 1
    shares = [count / len(values) for count in counts if count]
    assert entropy(ONE) == pytest.approx(-sum(p * math.log(p) for p in shares))


def test_entropy_is_lowest_for_a_blank_map_and_highest_for_even_values():
    assert entropy(BLANK) == entropy(BLANK - 2) == 0
    assert entropy(torch.arange(10_000.0).view(100, 100)) == pytest.approx(math.log(100))


def test_the_rise_of_nothing_is_not_defined():
    assert rise(2.0, 3.0).value == pytest.approx(0.5)
    assert "blank" in str(rise(0.0, 3.0))


def test_nothing_has_no_sign():
    """A correlation that is rounded to 0 is said without a sign."""
    assert [str(Alike(value)) for value in (-0.001, 0.001, -0.01)] == ["0.00", "0.00", "-0.01"]
