"""Quadrature: nodes and weights on [0, 1], and the area under sampled curves."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import integrate

Rule = tuple[tuple[float, ...], tuple[float, ...]]
"""Nodes and their weights. k/M and 2k/2M are the same float, so nested grids share nodes exactly."""


def right(steps: int) -> Rule:
    """Nodes k/M for k = 1..M, weights 1/M: Eq. 2 of the SmoothTaylor paper."""
    return tuple(k / steps for k in range(1, steps + 1)), (1 / steps,) * steps


def left(steps: int) -> Rule:
    return tuple(k / steps for k in range(steps)), (1 / steps,) * steps


def midpoint(steps: int) -> Rule:
    return tuple((2 * k + 1) / (2 * steps) for k in range(steps)), (1 / steps,) * steps


def trapezoid(steps: int) -> Rule:
    """Nodes k/M for k = 0..M: M + 1 nodes; the weights of the two ends are half of the others."""
    ends = 0.5 / steps
    return tuple(k / steps for k in range(steps + 1)), (ends, *(1 / steps,) * (steps - 1), ends)


def gauss_legendre(steps: int) -> Rule:
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return tuple(float(n) for n in (nodes + 1) / 2), tuple(float(w) for w in weights / 2)


RULES: dict[str, Callable[[int], Rule]] = {
    "right": right,
    "left": left,
    "midpoint": midpoint,
    "trapezoid": trapezoid,
    "gauss-legendre": gauss_legendre,
}


ADAPTIVE = "adaptive"
"""The rule whose nodes depend on the score along the path: `climbing`."""
EVEN = 0.2
"""The share of the nodes that `climbing` spreads evenly: the score may also bend where it does not climb."""


@np.errstate(invalid="ignore")  # the difference of two infinite scores is NaN, without a warning
def climbing(scores: Sequence[float], steps: int) -> Rule:
    """M nodes, more where the score changes. `scores` are those at even distances from 0 to 1, both ends included.

    The path is cut into M parts, each with the same share of all changes |dF| (four fifths) and of the length (one
    fifth), or of the length alone if a score is not finite. A node is the middle of a part, its weight the length of
    the part: the midpoint rule on uneven parts, so it is exact for a gradient that is linear along the path.
    """
    changes = np.abs(np.diff(np.asarray(scores, dtype=np.float64)))
    even = np.full(len(changes), 1 / len(changes))
    shares = even if not 0 < changes.sum() < np.inf else EVEN * even + (1 - EVEN) * changes / changes.sum()
    reached = np.concatenate([[0.0], shares.cumsum()])
    cuts = np.interp(np.arange(1, steps) / steps, reached / reached[-1], np.linspace(0, 1, len(reached)))
    ends = np.concatenate([[0.0], cuts, [1.0]])
    return tuple(((ends[1:] + ends[:-1]) / 2).tolist()), tuple(np.diff(ends).tolist())


def node_count(rule: str, steps: int) -> int:
    """The number of nodes of a rule, "adaptive" included, without computing them."""
    return steps + (rule == "trapezoid")


def simpson(x: np.ndarray, y: np.ndarray) -> float:
    """Area by Simpson's rule; by the trapezoid rule for fewer than 3 points.

    For an even number of points it is a mean of two areas: one uses the trapezoid rule on the last interval, the other
    one on the first. SciPy did this (`even="avg"`) when the papers were written; today's SciPy uses another correction.
    """
    n = len(y)
    if n < 3:
        return float(integrate.trapezoid(y, x))
    if n % 2:
        return float(integrate.simpson(y, x=x))
    last_by_trapezoid = integrate.simpson(y[:-1], x=x[:-1]) + integrate.trapezoid(y[-2:], x[-2:])
    first_by_trapezoid = integrate.trapezoid(y[:2], x[:2]) + integrate.simpson(y[1:], x=x[1:])
    return float((last_by_trapezoid + first_by_trapezoid) / 2)
