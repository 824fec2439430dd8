"""Until settled, on Compare: how far it is, and what it took, in words."""

from dataclasses import dataclass

from attribution.agreement import ENOUGH
from attribution.studies.settled import Settling
from dashboard.controls.settle import at
from dashboard.work.scheduler import View
from dashboard.work.settle import Settle, Settled


@dataclass(frozen=True)
class Underway:
    """What was asked for, and how far it is."""

    settle: Settle
    view: View

    @property
    def found(self) -> Settled:
        found: Settled = self.view.snapshot or Settled()
        return found

    @property
    def title(self) -> str:
        """What is looked for, with its budget."""
        side = at(self.settle.side)
        return f"Until settled · halves agree by {ENOUGH:g} {side}, at most R = {self.settle.most}"

    @property
    def ended(self) -> str:
        """A text when R is found: the script must set it."""
        return "" if self.found.samples is None else f"R = {self.found.samples}"

    @property
    def words(self) -> str:
        """How far each method is; at the end what it took."""
        if self.view.state == "failed":
            return f"Failed: {self.view.error}."
        listed = "; ".join(f"{title} {self._said(one)}" for title, one in self.found.methods.items())
        if self.found.samples is not None:
            return f"R = {self.found.samples} is now set: {listed}."
        if self.found.done:
            return f"R stays as it was, because not all maps are settled: {listed}."
        return f"{self.view.state} · {listed or 'the first samples'}"

    def _said(self, one: Settling) -> str:
        reached = one.tried.get(one.samples)
        if one.settled:
            return f"settled after {one.samples} samples ({reached:.2f})"
        if reached is not None and one.samples == self.settle.most:
            return f"not settled after {one.samples} samples ({reached:.2f})"
        last = f", {list(one.tried.values())[-1]:.2f} after {max(one.tried)}" if one.tried else ""
        return f"{one.partial.done} of {one.samples} samples{last}"
