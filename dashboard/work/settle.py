"""The work of "until settled": samples until the maps of the compared noise methods are settled."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from attribution import Store
from attribution.models import Model
from attribution.studies.settled import Settling, until_settled
from dashboard.work.panel import Panel


@dataclass(frozen=True)
class Settle:
    """Maps without their R, the side at which their halves are compared (0: pixels), and the largest R, the budget."""

    panels: tuple[Panel, ...]
    side: int
    most: int
    rank: ClassVar[int] = 0


@dataclass(frozen=True, eq=False)
class Settled:
    """How far it is: by the title of a method. `done`: all of them are settled, or their budget is spent."""

    methods: Mapping[str, Settling] = field(default_factory=dict)
    done: bool = False

    @property
    def samples(self) -> int | None:
        """The R with which all maps are settled. None if one is not."""
        whole = self.done and all(found.settled for found in self.methods.values())
        return max(found.samples for found in self.methods.values()) if whole else None


def settle_work(settle: Settle, model: Model, x: Tensor, store: Store) -> Iterator[Settled]:
    """Method after method. They share their gradients through the store."""
    methods: dict[str, Settling] = {}
    for panel in settle.panels:
        how = {"side": settle.side, "most": settle.most, "store": store, **dict(panel.knobs)}
        for found in until_settled(model, x, panel.method, panel.target, output=panel.output, **how):
            methods[panel.title] = found
            yield Settled(dict(methods))
    yield Settled(methods, done=True)
