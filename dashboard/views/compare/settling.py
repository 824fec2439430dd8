"""Until settled, on Compare: how far it is, and what it took, in words."""

from dataclasses import dataclass
from typing import Any

from attribution.agreement import ENOUGH, spoken
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
    def told(self) -> dict[str, Any]:
        """For the button beside R: whether samples are still drawn, the share of the budget, and how far it is."""
        drawn = max((one.partial.done for one in self.found.methods.values()), default=0)
        live = self.view.state != "failed" and not self.found.done
        return {"side": self.settle.side, "live": live, "share": drawn / self.settle.most, "text": self._short}

    @property
    def _short(self) -> str:
        found, where = self.found, at(self.settle.side)
        if self.view.state == "failed":
            return "failed"
        if found.samples is not None:
            return f"settled {where} after {found.samples} samples"
        if found.done:
            missing = sum(not one.settled for one in found.methods.values())
            if missing == sum(one.blank for one in found.methods.values()):
                return f"{missing} of {len(found.methods)} blank: R stays"
            return f"{missing} of {len(found.methods)} not settled {where} after {self.settle.most}: R stays"
        last = list(found.methods.values())[-1:]
        drawn = [f"{one.partial.done} samples" + _reached(one) for one in last]
        return " · ".join([*(["stopped"] if self.view.state == "stopped" else []), *(drawn or ["the first samples"])])

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
        if one.blank:
            return "has a blank map: nothing can settle"
        if reached is not None and one.settled:
            return f"settled after {one.samples} samples ({spoken(reached)})"
        if reached is not None and one.samples == self.settle.most:
            return f"not settled after {one.samples} samples ({spoken(reached)})"
        return f"{one.partial.done} of {one.samples} samples{_reached(one)}"


def _reached(one: Settling) -> str:
    """How well the halves agreed at last."""
    return f", {spoken(list(one.tried.values())[-1])} after {max(one.tried)}" if one.tried else ""
