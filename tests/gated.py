"""A network that waits at a gate: for a process that is to be killed at a known moment."""

import fcntl
import os
from dataclasses import replace

import toys
from torch import Tensor, nn

from attribution.models import Model


class Gated(nn.Module):
    """Passes through. Where the environment has GATE, a file: after so many CALLS, it waits until nobody locks that."""

    calls = 0

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, points: Tensor) -> Tensor:
        Gated.calls += 1
        if "GATE" in os.environ and Gated.calls > int(os.environ["CALLS"]):
            with open(os.environ["GATE"]) as gate:
                fcntl.flock(gate, fcntl.LOCK_SH)
        return self.inner(points)


def network() -> Model:
    """The small network of photos behind the gate. Its name is `gated:network`."""
    made = toys.of_photos()
    return replace(made, module=Gated(made.module).eval())
