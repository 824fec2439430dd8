"""f_c, the score of one class, and its gradient. Every map and curve runs the network here; LRP runs a copy of it."""

from collections.abc import Hashable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor, nn

from attribution.engine.baselines import fingerprint
from attribution.engine.batches import BatchSize
from attribution.engine.devices import precision
from attribution.engine.graphs import Graphs
from attribution.engine.store import Store
from attribution.types import Image, Images, Scores

OUTPUTS = ("logit", "probability")
"""The two scores of a class."""
OVERFLOWED = "the curve holds NaN or infinity: the model's score overflowed at some point"


@runtime_checkable
class Network(Protocol):
    """The parts of a model that a score needs."""

    @property
    def name(self) -> str: ...
    @property
    def module(self) -> nn.Module: ...
    @property
    def digest(self) -> str: ...
    @property
    def identity(self) -> str: ...
    @property
    def mean(self) -> Sequence[float]: ...
    @property
    def std(self) -> Sequence[float]: ...
    @property
    def memory_format(self) -> torch.memory_format: ...
    @property
    def precision(self) -> str: ...
    @property
    def graphs(self) -> Graphs | None: ...
    @property
    def gradient_batch(self) -> BatchSize: ...
    @property
    def value_batch(self) -> BatchSize: ...


def check_image(model: Network, x: object) -> None:
    """Raises ValueError, in one line, unless x is one image for this network."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise ValueError("the image must be a tensor of floating-point numbers; make it with model.prepare(photo)")
    if x.ndim != 3 or x.shape[0] != len(model.mean):
        raise ValueError(f"the image has shape {tuple(x.shape)}; use one image, ({len(model.mean)}, height, width)")
    held = next((entry.dtype for entry in model.module.parameters() if entry.is_floating_point()), x.dtype)
    if x.dtype != held:
        raise ValueError(f"the image holds {x.dtype} values, and {model.name} computes in {held}; use x.to({held})")
    if not x.isfinite().all():
        raise ValueError("the image holds NaN or infinity; check how it was made")


def check_mode(model: Network) -> None:
    """Raises ValueError for a model in training mode: there a score depends on the rest of the batch, and a batch-norm
    learns from what it sees."""
    if any(module.training for module in model.module.modules()):
        raise ValueError(f"{model.name} is in training mode; call .module.eval() on it first")


def logits(model: Network, points: Images) -> Iterator[Tensor]:
    """Yields the model's logits at `points`, (n, classes), batch by batch."""

    def evaluate(batch: Tensor) -> tuple[Tensor]:
        return (model.module(batch.contiguous(memory_format=model.memory_format)),)

    @torch.no_grad()
    def run(batch: Tensor) -> tuple[Tensor, ...]:
        with precision(model.precision, batch.device):
            return evaluate(batch) if model.graphs is None else model.graphs.run("logits", evaluate, batch)

    return (found for (found,) in model.value_batch.run(run, points))


def finite(scores: Tensor) -> Tensor:
    """The scores of a curve. Raises ValueError if one is NaN or infinite: no curve is defined with it."""
    if not scores.isfinite().all():
        raise ValueError(OVERFLOWED)
    return scores


class ClassScore:
    """f_c: the logit (or probability) of class `target`, at points in model space, (n, c, h, w).

    It never changes the model, which threads share: no hooks, no `.backward()`, no gradients of parameters. Raises
    ValueError for an unknown output, and as `check_mode`.
    """

    def __init__(self, model: Network, target: int, output: str = "logit", store: Store | None = None) -> None:
        check_mode(model)
        if output not in OUTPUTS:
            raise ValueError(f"output={output!r} is unknown; use {' or '.join(map(repr, OUTPUTS))}")
        self.model, self.target, self.output, self.store = model, target, output, store

    def _select(self, found: Tensor) -> Scores:
        return (found if self.output == "logit" else found.softmax(1))[:, self.target]

    def value_batches(self, points: Images) -> Iterator[Scores]:
        """Yields f_c at `points`, batch by batch."""
        return (self._select(found) for found in logits(self.model, points))

    def values(self, points: Images) -> Scores:
        return torch.cat(list(self.value_batches(points)))

    def gradients(self, points: Images) -> tuple[Scores, Images]:
        """f_c and its gradient at `points`."""
        classes = torch.full((len(points),), self.target, device=points.device)
        values, gradients, _ = self._gradients(points, classes, self.output)
        return values, gradients

    def gradients_toward(self, points: Images, classes: Int[Tensor, " n"]) -> tuple[Scores, Images, Int[Tensor, " n"]]:
        """At point k: the probability of class `classes[k]`, its gradient, and the most likely class."""
        return self._gradients(points, classes, "probability")

    def _gradients(
        self, points: Images, classes: Int[Tensor, " n"], output: str
    ) -> tuple[Scores, Images, Int[Tensor, " n"]]:
        model, start = self.model, 0

        def evaluate(batch: Tensor, own: Tensor) -> tuple[Tensor, ...]:
            at = batch.detach().clone(memory_format=model.memory_format).requires_grad_(True)
            found = model.module(at)
            values = (found if output == "logit" else found.softmax(1)).gather(1, own[:, None])[:, 0]
            (gradients,) = torch.autograd.grad(values.sum(), at)
            return values.detach(), gradients.contiguous(), found.detach().argmax(1)

        def run(batch: Tensor) -> tuple[Tensor, ...]:
            # The caller may be in inference mode or no_grad mode. Tensors that are made here can have gradients.
            with torch.inference_mode(False), torch.enable_grad(), precision(model.precision, batch.device):
                own = classes[start : start + len(batch)]
                own = torch.cat([own, own[-1:].expand(len(batch) - len(own))])  # a filled batch is longer
                if model.graphs is None:
                    return evaluate(batch, own)
                return model.graphs.run(output, evaluate, batch, own)

        parts = []
        for part in model.gradient_batch.run(run, points):
            parts.append(part)
            start += len(part[0])
        values, gradients, winners = parts[0] if len(parts) == 1 else map(torch.cat, zip(*parts, strict=True))
        return values, gradients, winners

    def key(self, x: Image) -> Hashable:
        """The part that the keys of all stored points of x share."""
        model = self.model
        known = (model.name, model.digest, model.identity, model.precision, str(x.device), x.dtype)
        return (*known, fingerprint(x), self.target, self.output)
