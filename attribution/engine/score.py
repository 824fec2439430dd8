"""f_c, the score of one class, and its gradient. Only this file runs the network; LRP runs a modified copy."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor, nn

from attribution.engine.baselines import fingerprint
from attribution.engine.devices import BatchSize, full_precision
from attribution.engine.store import Store
from attribution.types import Image, Images, Scores


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
    def mean(self) -> Sequence[float]: ...
    @property
    def std(self) -> Sequence[float]: ...
    @property
    def memory_format(self) -> torch.memory_format: ...
    @property
    def gradient_batch(self) -> BatchSize: ...
    @property
    def value_batch(self) -> BatchSize: ...


def logits(model: Network, points: Images) -> Iterator[Tensor]:
    """Yields the model's logits at `points`, (n, classes), batch by batch."""

    @torch.no_grad()
    def evaluate(batch: Tensor) -> tuple[Tensor]:
        with full_precision():
            return (model.module(batch.contiguous(memory_format=model.memory_format)),)

    return (found for (found,) in model.value_batch.run(evaluate, points))


class ClassScore:
    """f_c: the logit (or probability) of class `target`, at points in model space, (n, c, h, w).

    It never changes the model, which threads share: no hooks, no `.backward()`, no gradients of parameters. Raises
    ValueError for an unknown output, and for a model in training mode: there a score depends on the rest of the batch.
    """

    def __init__(self, model: Network, target: int, output: str = "logit", store: Store | None = None) -> None:
        if any(module.training for module in model.module.modules()):
            raise ValueError(f"{model.name} is in training mode; call .module.eval() on it first")
        if output not in ("logit", "probability"):
            raise ValueError(f"output={output!r} is unknown; use 'logit' or 'probability'")
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
        values, gradients, _ = self._gradients(points, lambda found, start: self._select(found))
        return values, gradients

    def gradients_toward(self, points: Images, classes: Int[Tensor, " n"]) -> tuple[Scores, Images, Int[Tensor, " n"]]:
        """At point k: the probability of class `classes[k]`, its gradient, and the most likely class."""

        def select(found: Tensor, start: int) -> Scores:
            own = classes[start : start + len(found)].clone()  # autograd refuses a tensor made in inference mode
            return found.softmax(1).gather(1, own[:, None])[:, 0]

        return self._gradients(points, select)

    def _gradients(
        self, points: Images, select: Callable[[Tensor, int], Scores]
    ) -> tuple[Scores, Images, Int[Tensor, " n"]]:
        """`select(logits, start)` gives the scores of a batch; `start` is the index of its first point."""
        start = 0

        def evaluate(batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            # The caller may be in inference mode or no_grad mode. A clone made here can require gradients.
            with torch.inference_mode(False), torch.enable_grad(), full_precision():
                at = batch.detach().clone(memory_format=self.model.memory_format).requires_grad_(True)
                found = self.model.module(at)
                values = select(found, start)
                (gradients,) = torch.autograd.grad(values.sum(), at)
            return values.detach(), gradients.contiguous(), found.detach().argmax(1)

        parts = []
        for part in self.model.gradient_batch.run(evaluate, points):
            parts.append(part)
            start += len(part[0])
        values, gradients, winners = parts[0] if len(parts) == 1 else map(torch.cat, zip(*parts, strict=True))
        return values, gradients, winners

    def key(self, x: Image) -> Hashable:
        """The part that the keys of all stored points of x share."""
        return (self.model.name, self.model.digest, str(x.device), x.dtype, fingerprint(x), self.target, self.output)
