"""How certain the means over photos are: intervals, and p-values of differences."""

import numpy as np
from jaxtyping import Float
from scipy import stats

SURE = 0.05
"""A difference counts if its p-value is below this: chance alone would hardly make one as large."""
Interval = tuple[np.ndarray, np.ndarray]


def interval(values: Float[np.ndarray, "cases photos"]) -> Interval:
    """The 95 % t interval of the mean of each row, over photos: low and high ends, (cases,) each.

    NaN for fewer than two photos. For differences of two cases, photo by photo, it is the paired interval.
    """
    mean, photos = values.mean(1), values.shape[1]
    if photos < 2:
        return np.full(len(values), np.nan), np.full(len(values), np.nan)
    reach = stats.t.ppf(0.975, photos - 1) * values.std(1, ddof=1) / np.sqrt(photos)
    return mean - reach, mean + reach


def chance(differences: Float[np.ndarray, "cases photos"]) -> Float[np.ndarray, " cases"]:
    """The p-value of each row by the paired t-test: the probability of such a mean if there were no difference.

    NaN for fewer than two photos. 1 for a row of zeros, of two cases that are equal on every photo.
    """
    photos = differences.shape[1]
    if photos < 2:
        return np.full(len(differences), np.nan)
    error = differences.std(1, ddof=1) / np.sqrt(photos)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.asarray(2 * stats.t.sf(np.abs(differences.mean(1) / error), photos - 1))
    return np.where(differences.any(1), found, 1.0)


def holm(found: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """p-values, corrected for their number by Holm 1979 (Scandinavian Journal of Statistics 6). NaN stay NaN.

    The probability that even one difference below `SURE` is chance is then at most `SURE`.
    """
    corrected = np.full(len(found), np.nan)
    known = np.flatnonzero(~np.isnan(found))
    order = known[np.argsort(found[known], kind="stable")]
    steps = np.arange(len(order), 0, -1) * found[order]
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
