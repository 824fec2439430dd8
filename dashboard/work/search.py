"""The work of the search for the best sigma of a photo."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from torch import Tensor

from attribution import Store
from attribution.explain import one_channel
from attribution.models import Model
from attribution.studies.adaptive import Outcome, Trial, adaptive_noising
from attribution.types import Partial


@dataclass(frozen=True)
class Search:
    """The objective and the setting of a search. Equal searches are the same work."""

    objective: str
    image: str
    model: str
    target: int
    samples: int
    patches: int
    seed: int
    output: str = "logit"
    rank: ClassVar[int] = 0


@dataclass(frozen=True, eq=False)
class Found:
    """The search so far: its trials with their maps (H, W), and the progress of the present trial."""

    trials: tuple[Trial, ...] = ()
    maps: tuple[np.ndarray, ...] = ()
    now: str = ""
    outcome: Outcome | None = None


def search_work(search: Search, model: Model, x: Tensor, store: Store) -> Iterator[Found]:
    """The search so far, step by step."""
    found, last = Found(), np.zeros(tuple(x.shape[-2:]), np.float32)
    maps: dict[float, np.ndarray] = {}
    """By sigma: a sigma that the search comes to again is not computed again."""
    for step in adaptive_noising(
        model,
        x,
        search.target,
        objective=search.objective,
        samples=search.samples,
        draws=search.patches,
        seed=search.seed,
        output=search.output,
        store=store,
    ):
        if isinstance(step, Partial):
            last = one_channel(step.attribution, x).numpy().astype(np.float32)
            found = replace(found, now=f"map {step.done}/{step.total}")
        elif isinstance(step, Trial):
            there = maps.setdefault(step.sigma, last)
            found = replace(found, trials=(*found.trials, step), maps=(*found.maps, there), now="")
        elif isinstance(step, Outcome):
            found = replace(found, outcome=step, now="")
        else:
            found = replace(found, now=f"curve {len(step.y) - 1}")
        yield found
