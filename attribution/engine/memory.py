"""How many images fit into the memory of a CPU at once. Memory that runs out is no error there: it ends the process."""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from attribution.engine.devices import uncast
from attribution.types import Image

SHARE, WORKING = 4, 1.5
"""A batch takes at most a quarter of the memory. The second: what a batch of gradients takes, as a multiple of what the
network keeps of it (EfficientNet-Lite0, batches of 32 and 64)."""
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux says how much a container may take."""


def memory(limits: Sequence[Path] = LIMITS) -> int | None:
    """The memory of this machine or container, bytes; None if the system does not say."""
    try:
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError, OSError):  # Windows has no such function
        return None
    for file in limits:
        try:
            found.append(int(file.read_text()))
        except (OSError, ValueError):  # "max": no limit
            continue
    return min(found)


def bytes_kept(network: nn.Module, image: Image) -> int:
    """The bytes that the network keeps of one image until its gradient is computed, without its own weights."""
    own = {entry.untyped_storage().data_ptr() for entry in (*network.parameters(), *network.buffers())}
    kept: list[Tensor] = []  # they stay until all are counted: another one could take the place of one that is freed

    def keep(tensor: Tensor) -> int:
        kept.append(tensor.detach())
        return len(kept) - 1

    hooks = saved_tensors_hooks(keep, kept.__getitem__)
    with torch.inference_mode(False), torch.enable_grad(), uncast(image.device), hooks:
        network(image[None].detach().clone().requires_grad_(True))
    storages = {storage.data_ptr(): storage.nbytes() for storage in (tensor.untyped_storage() for tensor in kept)}
    return sum(size for at, size in storages.items() if at not in own)


def most_images(network: nn.Module, image: Image, most: int) -> int:
    """The largest batch that takes at most a quarter of the memory: a power of two, from 1 to `most`.

    Without gradients a network keeps less, so the number holds for forward passes too.
    """
    room = memory()
    if room is None:
        return most
    try:
        kept = bytes_kept(network, image)
    except Exception:  # a network can hold anything, as layers that allow no hooks
        return most
    images = int(room / SHARE / WORKING / max(kept, 1))
    return min(most, 1 << max(images.bit_length() - 1, 0))
