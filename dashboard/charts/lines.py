"""What a chart of curves is made of. Without Plotly, which takes a moment to load."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Values = Sequence[float] | np.ndarray


class Axes(Protocol):
    """Titles and usual ranges, as a metric declares them."""

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
    """Axes that were kept in a file."""

    x: str
    y: str
    x_range: tuple[float, float] | None
    y_range: tuple[float, float]


@dataclass(frozen=True)
class Line:
    """The curve of one method, as far as it is; `ticks` name its points where x is no number of its own."""

    method: str
    title: str
    x: Values
    y: Values
    ticks: Sequence[str] = ()
