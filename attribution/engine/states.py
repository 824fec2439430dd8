"""The state of a network: the names of its layers in files, and its digest."""

import re
from collections.abc import Mapping
from hashlib import blake2b

import torch
from torch import Tensor, nn


def renamed(name: str, module: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state with the layer names that the network has today."""
    if name == "efficientnet_lite0":
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
        digest.update(entry.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
