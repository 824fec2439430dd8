"""Makes a classifier of any module: finds out on one batch what it needs around it, and refuses what has no gradient.

Every refusal is one line that says what to do.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from attribution.engine.downloads import reason_of
from attribution.types import Images

POINTS = 3
"""The images of the batch that a network is tried on."""
CLOSE = 1e-3
"""Answers that differ by a larger share of the largest one are different answers."""
MOST_WORDS = 160
"""Characters of another program's message that a refusal repeats."""


@dataclass(frozen=True)
class Adapter:
    """What a network needs around it, so that it leaves its batch as it is and gives logits, (n, classes).

    `fresh`: it changes its input in place. `single`: it gives one logit. `bare`: it gives the tensor itself.
    """

    fresh: bool
    single: bool
    bare: bool

    def around(self, network: nn.Module) -> nn.Module:
        """The network, inside a module that does this; the network alone if it needs nothing."""
        return network if self.bare and not (self.fresh or self.single) else Logits(network, self.fresh, self.single)


class Logits(nn.Module):
    """Another network, with a copy as its input, and with its logits as the output.

    A single logit z becomes two classes with the logits -z/2 and z/2: their softmax is the sigmoid of z.
    """

    def __init__(self, network: nn.Module, fresh: bool, single: bool) -> None:
        super().__init__()
        self.network, self.fresh, self.single = network, fresh, single
        self.train(network.training)

    def forward(self, points: Tensor) -> Tensor:
        found = logits_in(self.network(points.clone() if self.fresh else points))
        return of_two(found) if self.single else found


def of_two(single: Tensor) -> Tensor:
    """The logits of two classes, (n, 2), from a single logit for each image, (n,) or (n, 1)."""
    half = single.reshape(len(single), 1) / 2
    return torch.cat([-half, half], 1)


def logits_in(found: Any) -> Tensor:
    """The logits in what a network returns: the tensor itself, its `.logits`, or the first of a tuple or list.

    Raises ValueError if there are none.
    """
    if isinstance(found, Tensor):
        return found
    held = getattr(found, "logits", None)
    if isinstance(held, Tensor):
        return held
    if isinstance(found, (tuple, list)) and found and isinstance(found[0], Tensor):
        return found[0]
    raise ValueError(
        f"it returns a {type(found).__name__}; return the logits as a tensor, as .logits, or as the first of a tuple"
    )


def copied(module: object) -> nn.Module:
    """A copy of the module, in float32 and eval mode, without gradients of parameters and without `torch.compile`.

    Raises ValueError for others.
    """
    if isinstance(module, type):
        raise ValueError(f"{module.__name__} is a class; give an instance of it, such as {module.__name__}()")
    if not isinstance(module, nn.Module):
        raise ValueError(f"a {type(module).__name__} is no torch.nn.Module; give the network itself")
    if any(isinstance(held, UninitializedParameter) for held in module.parameters()):
        raise ValueError("it has lazy layers without weights; call it on a batch first")
    try:
        with torch.no_grad():  # TorchScript copies a weight by an operation, and only a leaf can be frozen
            found = _uncompiled(copy.deepcopy(module, _computed(module)))
    except Exception as error:  # a module can hold anything
        raise ValueError(f"it cannot be copied ({_line(error)}); give one that copy.deepcopy can copy") from error
    try:
        found.float().eval()
    except Exception as error:
        raise ValueError(
            f"it refuses float32 or eval mode ({_line(error)}); give the network that it was made of"
        ) from error
    for entry in found.parameters():
        entry.requires_grad_(False)
    left = [name or "the network" for name, layer in found.named_modules() if layer.training]
    if left:
        raise ValueError(f"{left[0]} stays in training mode after .eval(); let its train(False) take effect")
    return found


def _computed(module: nn.Module) -> dict[int, Tensor]:
    """Weights that layers compute from others, as with `weight_norm`, copied, by their id: deepcopy refuses them."""
    held = [entry for layer in module.modules() for entry in (*vars(layer).values(), *layer.buffers(recurse=False))]
    return {id(one): one.detach().clone() for one in held if isinstance(one, Tensor) and one.grad_fn is not None}


def _uncompiled(network: nn.Module) -> nn.Module:
    """The network without `torch.compile`: what that makes allows no hooks, and is made anew for each size of batch."""
    for parent in list(network.modules()):
        for name, layer in list(parent._modules.items()):
            inner = getattr(layer, "_orig_mod", None)
            if inner is not None:
                setattr(parent, name, inner)
    return getattr(network, "_orig_mod", network)


def examined(network: nn.Module, batch: Images) -> tuple[Adapter, Tensor, Images]:
    """What a network in eval mode needs around it, and its logits and its `gradient_of` for the batch.

    It must give finite logits, one row for each image; the same ones for each image alone; and a finite gradient at the
    input that is not 0 everywhere. Raises ValueError for what is unfit.
    """
    given = batch.clone()
    found = _passed(network, given)
    # The version counts changes in place, also those that change no value.
    fresh = given._version > 0 or not torch.equal(given, batch)
    logits = logits_in(found)
    count = len(batch)
    single = logits.shape in ((count,), (count, 1))
    if not single and (logits.ndim != 2 or len(logits) != count):
        raise ValueError(
            f"it returns {tuple(logits.shape)} for {count} images; a classifier returns ({count}, classes): "
            "put a module around it that does"
        )
    if not logits.is_floating_point():
        raise ValueError(f"it returns {logits.dtype} values; return the logits, before any argmax or rounding")
    adapter = Adapter(fresh, single, logits is found)
    answers = of_two(logits) if single else logits
    if not answers.isfinite().all():
        raise ValueError("its logits are NaN or infinite for ordinary images; check its weights, mean and std")
    with torch.no_grad():
        _check_alone(network, adapter, batch, answers)
    return adapter, answers, gradient_of(adapter.around(network), batch)


def gradient_of(network: nn.Module, batch: Images) -> Images:
    """The gradient of a mixture of all logits at the batch. Raises ValueError if there is none, or one without use."""
    with torch.inference_mode(False), torch.enable_grad():
        at = batch.detach().clone().requires_grad_(True)
        try:
            found = network(at)
            # Different weights: the sum of probabilities, for example, is constant.
            mixed = (found * torch.linspace(-1, 1, found.shape[1], device=found.device)).sum()
            (gradient,) = torch.autograd.grad(mixed, at, allow_unused=True) if mixed.requires_grad else (None,)
        except Exception as error:
            raise ValueError(f"its gradient cannot be computed ({_line(error)}); use layers of torch only") from error
    if gradient is None:
        raise ValueError(
            "no gradient reaches its input; remove no_grad, detach, and ways through NumPy or integers from its forward"
        )
    if not gradient.isfinite().all():
        raise ValueError("its gradient at the input is NaN or infinite; look for a root or a logarithm at 0")
    if not gradient.any():
        raise ValueError("its gradient at the input is 0 everywhere; remove rounding and thresholds from its forward")
    return gradient


def close(one: Tensor, other: Tensor) -> bool:
    """Whether two answers are the same but for rounding."""
    return one.shape == other.shape and bool((one - other).abs().max() <= CLOSE * other.abs().max())


def _passed(network: nn.Module, batch: Images) -> Any:
    try:
        with torch.no_grad():
            return network(batch)
    except Exception as error:  # a network can raise anything
        size = " x ".join(map(str, batch.shape))
        raise ValueError(
            f"it fails on a batch of {size} float32 values ({_line(error)}); give the size that it expects, and a mean "
            "and std with a value for each of its input channels"
        ) from error


def _check_alone(network: nn.Module, adapter: Adapter, batch: Images, answers: Tensor) -> None:
    adapted = adapter.around(network)
    alone: Sequence[Tensor | None] = [_alone(adapted, one) for one in torch.split(batch, 1)]
    if all(one is not None and close(one, answers[k : k + 1]) for k, one in enumerate(alone)):
        return
    if not close(adapted(batch), answers):
        raise ValueError("it answers the same images differently each time; remove what is random from its forward")
    found = _alone(network, batch[:1].clone())
    shape = None if found is None else tuple(logits_in(found).shape)
    if shape is not None and len(shape) < (1 if adapter.single else 2):
        raise ValueError(
            f"for one image it returns {shape}, without the first dimension; use flatten(1) instead of squeeze()"
        )
    raise ValueError(
        "it answers an image differently in a batch than alone; let no layer mix images, such as a batch norm without "
        "running statistics"
    )


def _alone(network: nn.Module, one: Images) -> Any:
    """What the network returns for one image; None if it works for a batch only."""
    try:
        return network(one)
    except Exception:  # a network can raise anything
        return None


def _line(error: Exception) -> str:
    said = reason_of(error)
    return said if len(said) <= MOST_WORDS else f"{said[:MOST_WORDS]}..."
