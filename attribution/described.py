"""Networks that torchvision and timm describe: their input and their classes; of torchvision, also their weights."""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import timm
import timm.models
import torch
import torchvision.models
from timm.data.config import resolve_data_config
from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset
from torch import nn
from torchvision.transforms.v2 import InterpolationMode

from attribution.cards import Card
from attribution.engine.devices import building
from attribution.engine.states import UnfitState, filled, read_state
from attribution.model import CATEGORIES


def from_torchvision(name: str) -> Card:
    """A classifier of torchvision: its best weights, or those whose name follows a dot, as in resnet50.IMAGENET1K_V1.

    Raises ValueError for an unknown name.
    """
    network, _, tag = name.partition(".")
    known = torchvision.models.list_models(module=torchvision.models)
    if network not in known:
        raise ValueError(f"torchvision has no classifier {network!r}{_near(network, known)}")
    published = torchvision.models.get_model_weights(network)
    tags = list(published.__members__)
    if tag and tag not in tags:
        raise ValueError(f"torchvision/{network} has no weights {tag!r}; use one of {', '.join(tags)}")
    weights = published[tag] if tag else published.DEFAULT
    preset, meta = weights.transforms(), weights.meta
    if not meta["categories"]:
        others = ", ".join(one.name for one in published if one.meta["categories"])
        raise ValueError(f"torchvision/{name} has no classes, only features; use one of {others}")
    build = partial(_torchvision_network, network, meta)
    return Card(
        f"{name} of torchvision",
        build,
        size=preset.crop_size[0],
        resize=preset.resize_size[0],
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=preset.interpolation,
        url=weights.url,
        megabytes=meta["_file_size"],
        categories=tuple(meta["categories"]),
        fill=lambda file: filled(build(), network, read_state(file)),
    )


def _torchvision_network(network: str, meta: Mapping[str, Any], **options: Any) -> nn.Module:
    """The network as torchvision builds it for these weights."""
    if network in ("inception_v3", "googlenet"):
        # The weights were trained on [-1, 1], and the network converts its input itself.
        options |= {"transform_input": True, "init_weights": False}
    if network.startswith("vit_"):
        options |= {"image_size": meta["min_size"][0]}
    found: nn.Module = torchvision.models.get_model(network, weights=None, **options)
    return found


def architecture_of_timm(name: str) -> tuple[Card, dict[str, Any]]:
    """The card of a network of timm, without its weights, and its configuration there."""
    network, _, tag = name.partition(".")
    if not timm.models.is_model(network):
        raise ValueError(f"timm has no network {network!r}{_near(network, timm.list_models())}")
    try:
        found = timm.models.get_pretrained_cfg(name)
    except RuntimeError:
        tags = [one.partition(".")[2] for one in timm.list_pretrained(f"{network}.*")]
        raise ValueError(f"timm/{network} has no weights {tag!r}; use one of {', '.join(tags) or 'none'}") from None
    known = {} if found is None else found.to_dict()
    return described(name, known | {"architecture": network}, f"{name} of timm"), known


def described(name: str, known: dict[str, Any], title: str) -> Card:
    """The card of a network, from its configuration in timm. `name` is what timm builds it by."""
    network = str(known["architecture"])
    if not timm.models.is_model(network):
        raise ValueError(f"{name}: timm has no network {network!r}; a newer timm may have it")
    count, data = int(known.get("num_classes") or 0), resolve_data_config(pretrained_cfg=known)
    channels, height, width = data["input_size"]
    if not count:
        raise ValueError(f"{name} has no classes, only features; use one that was trained to classify")
    if height != width or data["crop_mode"] not in ("center", "squash"):
        raise ValueError(f"{name} takes {width} x {height} pixels, {data['crop_mode']}; only squares are supported")
    return Card(
        title,
        partial(timm.create_model, name, pretrained=False),
        size=height,
        resize=math.floor(height / data["crop_pct"]),
        mean=_per_channel(data["mean"], channels),
        std=_per_channel(data["std"], channels),
        interpolation=InterpolationMode(data["interpolation"]),
        categories=_labels(known, count),
        squash=data["crop_mode"] == "squash",
        fill=partial(timm_network, name, {}),
    )


def _per_channel(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """One value for each channel. timm gives three, whatever the number of channels."""
    return tuple(values) if len(values) == channels else (sum(values) / len(values),) * channels


def _labels(known: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """The names of the classes: from the configuration, those of ImageNet, or numbers."""
    names = known.get("label_names")
    if names and len(names) == count:
        told = known.get("label_descriptions") or {}
        return tuple(str(told.get(one, one)) for one in names)
    if count == len(CATEGORIES):
        return CATEGORIES
    subset = infer_imagenet_subset({"num_classes": count})
    return _imagenet(subset) if subset else tuple(f"class {index}" for index in range(count))


@cache
def _imagenet(subset: str) -> tuple[str, ...]:
    return tuple(ImageNetInfo(subset).label_descriptions())


def timm_network(name: str, options: Mapping[str, Any], file: Path) -> nn.Module:
    """The network of timm with the weights of a file. Raises UnreadableState, or UnfitState for those of another."""
    read_state(file)  # timm reads it again; this refuses what is more than weights, whatever the version of timm
    changed = {"file": str(file), "source": "", "custom_load": False, **options}
    try:
        found: nn.Module = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=changed, **options)
    except Exception as error:  # each architecture translates old states in its own way
        raise UnfitState("the state does not fit the network") from error
    return found


def last_layer(build: Callable[..., nn.Module]) -> str:
    """The name of the last linear layer or convolution of a network."""
    try:
        with torch.device("meta"):  # without memory, and without random weights
            network = build()
    except NotImplementedError:  # a RegNet computes its widths by tensors
        with building(random=False):
            network = build()
    names: list[str] = [name for name, at in network.named_modules() if isinstance(at, (nn.Linear, nn.Conv2d))]
    return names[-1]


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 3)
    return f"; did you mean {' or '.join(near)}?" if near else "; look for its name in the documentation"
