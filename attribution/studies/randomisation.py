"""Does a map depend on what the model learned? Layers are replaced by new random ones, from the output down.

Adebayo et al. 2018, arXiv:1810.03292: cascading (more and more layers) and independent (one layer at a time). Hedström
et al. 2024, arXiv:2401.06465: the rise of the map's entropy between the model and its random copy (eMPRT).

The network is randomised as it is used: a batch-norm that was folded into its convolution is part of it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from attribution.engine.store import Store
from attribution.engine.weights import Networks, layers
from attribution.explain import Chosen, together
from attribution.models import Model
from attribution.similarity import LITTLE, Alike, Finding, alike, entropy, rise
from attribution.studies.compared import begun, beside, summed
from attribution.types import Heatmap, Partial

MODES = {
    "cascading": "the last layer is random, then the last two, and so on down to the input",
    "independent": "one layer at a time is random, all others stay",
}


@dataclass(frozen=True, eq=False)
class Stage:
    """The maps of one state of the network, signed sums over channels, (h, w), by label.

    `count` is the number of random layers, counted from the output ("independent": the place of the only random layer);
    0: the model itself. `layer` is the one that was added last. `alike` compares each map with that of the model, by
    measure. `entropy` is that of each map, in nats. `failed` says why a method has no map.
    """

    count: int
    layer: str
    target: int
    maps: Mapping[str, Heatmap]
    alike: Mapping[str, Mapping[str, Alike]]
    entropy: Mapping[str, float]
    failed: Mapping[str, str]

    def similarity(self, label: str, measure: str) -> Alike:
        """How alike the map of a method is to that of the model. Not defined where there is no map."""
        if label in self.alike:
            return self.alike[label][measure]
        return Alike(math.nan, self.failed.get(label, "not computed yet"))


@dataclass(frozen=True, eq=False)
class Randomised:
    """The stages so far. `layers` are in the order in which they become random; `counts` are those of all stages."""

    mode: str
    methods: tuple[str, ...]
    layers: tuple[str, ...]
    counts: tuple[int, ...]
    stages: tuple[Stage, ...]

    @property
    def done(self) -> int:
        """The number of maps so far."""
        return sum(len(stage.maps) + len(stage.failed) for stage in self.stages)

    @property
    def total(self) -> int:
        """The number of maps of all stages."""
        return len(self.counts) * len(self.methods)

    def curve(self, label: str, measure: str = "spearman") -> list[tuple[int, Alike]]:
        """The similarity of each computed stage to the map of the model, by the number of random layers."""
        known = [stage for stage in self.stages if label in stage.maps or label in stage.failed]
        return [(stage.count, stage.similarity(label, measure)) for stage in known]

    def entropy_rise(self, label: str) -> Alike:
        """The relative rise of the map's entropy from the model to the network in which all layers are random.

        It is above 0 if the random network's map is more evenly spread. Not defined in the mode "independent".
        """
        first, last = self.stages[0].entropy, self.stages[-1].entropy
        if self.mode != "cascading":
            return Alike(math.nan, "no stage has all layers random")
        if label not in first or label not in last or self.stages[-1].count < len(self.layers):
            return Alike(math.nan, self.stages[-1].failed.get(label, "not computed yet"))
        return rise(first[label], last[label])

    def verdict(self, label: str) -> Finding | None:
        """What the rank correlations say about a method. None before its last stage."""
        found = self.curve(label)[1:]
        if len(found) < len(self.counts) - 1:
            return None
        missing = [one for _, one in found if not one.defined]
        if missing:
            return Finding(False, f"cannot be told: the similarity is {missing[0]}")
        return self._cascading(found) if self.mode == "cascading" else self._independent(found)

    def _cascading(self, found: list[tuple[int, Alike]]) -> Finding:
        total, last = len(self.layers), found[-1][1]
        kept = max((count for count, one in found if one.value >= LITTLE), default=0)
        if last.value >= LITTLE:
            return Finding(True, f"changed little when all {total} layers were random (rank correlation {last})")
        ends = f"its rank correlation is {last} when all {total} are"
        if len(found) == 1 < total:  # no stage with fewer random layers was looked at
            return Finding(False, f"changed when all {total} layers were random (rank correlation {last})")
        if kept:
            named = "layer was" if kept == 1 else f"{kept} layers were"
            return Finding(2 * kept >= total, f"changed little when the last {named} random; {ends}")
        begins = f"changed when the last layer was random (rank correlation {found[0][1]})"
        return Finding(False, f"{begins}; {ends}" if total > 1 else begins)

    def _independent(self, found: list[tuple[int, Alike]]) -> Finding:
        little = sum(one.value >= LITTLE for _, one in found)
        most = min(found, key=lambda pair: pair[1].value)
        words = f"changed little with {little} of {len(found)} layers random, one at a time; "
        where = f"most with {self.layers[most[0] - 1]} (rank correlation {most[1]})"
        others = len(self.layers) - len(found)
        left = f"; {others} other layer{' was' if others == 1 else 's were'} not looked at" if others else ""
        return Finding(little == len(found), words + where + left)


def counts(total: int, stages: int, mode: str) -> tuple[int, ...]:
    """The stages, by random layers: 0, 1, ..., `total`. At most `stages` after 0, at growing distances.

    In the mode "independent", distances are equal.
    """
    if stages >= total:
        return tuple(range(total + 1))
    places = [k / (stages - 1) for k in range(stages)] if stages > 1 else [1.0]
    if mode == "cascading":
        found = {round(total**place) for place in places}
    else:
        found = {round(1 + (total - 1) * place) for place in places}
    return (0, *sorted(found))


def randomisation(
    model: Model,
    x: Tensor,
    methods: Mapping[str, Chosen],
    target: int | None = None,
    *,
    mode: str = "cascading",
    stages: int = 8,
    seed: int = 0,
    own_class: bool = False,
    statistics: bool = False,
    output: str = "logit",
    store: Store | None = None,
    kept: Store | None = None,
    networks: Networks | None = None,
) -> Iterator[Randomised]:
    """Yields the stages after each batch of points. `methods` are by label; the methods of a stage share their points.

    `target` is the class of all stages (default: the most likely one of the model); `own_class`: of each stage the most
    likely class of its network. `statistics`: batch-norms that were not folded lose their running statistics too. The
    maps of the model itself use `store`. Those of random networks use `kept`, by default a new store for each of them.
    `networks` shares the random networks with other calls. `output` is the score that is explained. Raises ValueError
    for an unknown mode, and for a model without parameters.
    """
    _check(methods, mode, stages, seed)
    x, chosen = begun(model, x, target, output)
    order = _order(model, x)
    planned = counts(len(order), stages, mode)
    networks = Networks() if networks is None else networks
    so_far = Randomised(mode, tuple(methods), order, planned, ())
    for count in planned:
        there = model
        if count:
            names = order[:count] if mode == "cascading" else order[count - 1 : count]
            made = networks.random(model.module, names, seed, statistics=statistics)
            there = model.with_weights(made, f"{mode} {count} {seed} {statistics}")
        own = there.predict(x, k=1)[0][0] if own_class and count else chosen
        stage = Stage(count, order[count - 1] if count else "", own, {}, {}, {}, {})
        reference = so_far.stages[0].maps if count else {}
        for label, found in together(there, x, methods, own, kept if count else store, output=output):
            if found is not None:
                stage = _with_map(stage, label, found, reference)
            yield replace(so_far, stages=(*so_far.stages, stage))
        so_far = replace(so_far, stages=(*so_far.stages, stage))


def _check(methods: Mapping[str, Chosen], mode: str, stages: int, seed: int) -> None:
    if mode not in MODES:
        raise ValueError(f"mode {mode!r} is unknown; use one of {', '.join(MODES)}")
    if stages < 1 or seed < 0 or not methods:
        raise ValueError(f"stages={stages}, seed={seed}: use at least one stage, a seed of at least 0 and a method")


def _order(model: Model, x: Tensor) -> tuple[str, ...]:
    """The layers in the order in which they become random. Raises ValueError if there are none."""
    order = layers(model.module, x)[::-1]
    if not order:
        raise ValueError(f"{model.name} has no parameters that could be random; choose another model")
    return order


def _with_map(stage: Stage, label: str, found: Partial | ValueError, reference: Mapping[str, Heatmap]) -> Stage:
    """The stage with one map more, and its similarity to the map of the model; without a map, with the reason."""
    try:
        if stage.count:
            made, similar = beside(found, label, reference)
        else:
            made = summed(found)
            similar = alike(made, made)
    except ValueError as error:
        return replace(stage, failed={**stage.failed, label: str(error)})
    return replace(
        stage,
        maps={**stage.maps, label: made},
        alike={**stage.alike, label: similar},
        entropy={**stage.entropy, label: entropy(made)},
    )
