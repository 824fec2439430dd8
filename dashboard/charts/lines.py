"""The data of a chart of curves. Does not import Plotly, which takes time to load."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Values = Sequence[float] | np.ndarray


class Axes(Protocol):
    """The titles and usual ranges of axes, as a metric declares them."""

    @property
    def x(self) -> str: ...
    @property
    def y(self) -> str: ...
    @property
    def x_range(self) -> tuple[float, float] | None: ...
    @property
    def y_range(self) -> tuple[float, float]: ...


@dataclass(frozen=True)
class Titles:
    """Axes that were read from a file."""

    x: str
    y: str
    x_range: tuple[float, float] | None
    y_range: tuple[float, float]


@dataclass(frozen=True)
class Line:
    """The curve of one method so far. `ticks` name its points if x is only an index.

    `low` and `high` are the ends of its band at each x; empty for a curve without a band.
    """

    method: str
    title: str
    x: Values
    y: Values
    ticks: Sequence[str] = ()
    low: Values = ()
    high: Values = ()
