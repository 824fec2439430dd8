"""The random order, which uses neither the photo nor the model: the mean curve of several orders, and their band.

One order is one draw, and can be lucky. It is a weak control all the same. Others, which look at no model either, are
methods: `edges`, `centre` and `blurred_noise`.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from attribution.engine.random_numbers import Purpose, uniform
from attribution.types import Curve, Heatmap

RANDOM = "random_order"
RANDOM_TITLE = "Random order"
ORDERS = 8
"""How many independent random orders make one control, where nothing else is said."""


def random_order(height: int, width: int, seed: int = 0, k: int = 0) -> Heatmap:
    """A map of uniform noise, (height, width): the k-th random ranking of the pixels."""
    return uniform(Purpose.ORDER, seed, k, (height, width))


@dataclass(frozen=True, eq=False)
class Band(Curve):
    """The mean of the curves of several random orders, as far as all of them go. Each has noise patches of its own.

    `low` and `high` are the lowest and the highest of them at each x, `areas` their areas, as many as are complete.
    `share` is the finished share of the work.
    """

    low: Float[np.ndarray, " n"] = field(default_factory=lambda: np.zeros(0))
    high: Float[np.ndarray, " n"] = field(default_factory=lambda: np.zeros(0))
    areas: tuple[float, ...] = ()
    share: float = 1.0

    @property
    def area(self) -> float:
        """The mean of the areas; that of the mean curve as long as no order is complete."""
        return float(np.mean(self.areas)) if self.areas else super().area

    @property
    def spread(self) -> float:
        """The standard deviation of the areas over orders. NaN for fewer than two."""
        return float(np.std(self.areas, ddof=1)) if len(self.areas) > 1 else math.nan

    @property
    def reach(self) -> float:
        """How far an area must be from the mean, to be told apart from random orders: half of the 95 % interval in
        which one more order is expected (Student's t). NaN where it is not known: then nothing is told apart."""
        return self._sure * math.sqrt(1 + 1 / len(self.areas)) if self.areas else math.nan

    @property
    def noise(self) -> float:
        """How far the areas of two maps must be apart, to be told apart: as far as two random orders seldom are.

        The spread of the orders is taken for the noise that patches bring to an area, which is smaller.
        """
        return self._sure * math.sqrt(2)

    @property
    def _sure(self) -> float:
        """NaN for one order, and for orders that all have one area: they do not show how far chance moves an area."""
        known = len(set(self.areas)) > 1
        return float(stdtrit(len(self.areas) - 1, 0.975)) * self.spread if known else math.nan

    @classmethod
    def of(cls, found: list[Curve], areas: tuple[float, ...], share: float) -> "Band":
        """The band of these curves, with the note of the shortest one that has a note."""
        ordered = sorted(found, key=lambda curve: len(curve.y))
        shortest, note = ordered[0], next((curve.note for curve in ordered if curve.note), "")
        y = np.array([curve.y[: len(shortest.y)] for curve in found])
        ends = y.min(0), y.max(0)
        return cls(shortest.x, y.mean(0), note, shortest.ticks, *ends, areas, share)


def told(curve: Curve, digits: int) -> str:
    """The area of a curve with so many decimals; of a band with the standard deviation over its orders."""
    area = f"{curve.area:.{digits}f}"
    return f"{area} ± {curve.spread:.{digits}f}" if isinstance(curve, Band) and len(curve.areas) > 1 else area


def random_orders(
    measure: Callable[[Heatmap, int], Iterator[Curve]],
    height: int,
    width: int,
    seed: int = 0,
    orders: int | None = None,
    share: Callable[[Curve], float] = lambda curve: 0.0,
) -> Iterator[Band]:
    """Measures the curves of `orders` random orders, one after another (default: `ORDERS`); yields the band so far.

    `measure(map, k)` yields the growing curve of the k-th map. If noise is drawn for it, each k needs noise of its own:
    then the spread is that of orders and noise together. `share` says how much of a curve there is, 0 to 1. Raises
    ValueError for fewer than one order.
    """
    orders = ORDERS if orders is None else orders
    if orders < 1:
        raise ValueError(f"orders={orders}: use at least one random order")
    whole: list[Curve] = []
    for k in range(orders):
        for curve in measure(random_order(height, width, seed, k), k):
            yield Band.of(whole or [curve], tuple(one.area for one in whole), (k + share(curve)) / orders)
        whole.append(curve)
    yield Band.of(whole, tuple(one.area for one in whole), 1.0)
