"""Every way of naming a network, with the files of each: small networks of random weights, a hub on loopback."""

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import loopback
import safetensors.torch
import timm
import torch
import torchvision.models
from torch import nn

SMALL, TAGGED = "test_efficientnet", "test_efficientnet.r160_in1k"
"""A network of timm that it tests itself with, and its published weights."""
MODULE = """
import torch
from torch import nn
from attribution import Model

def network():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layers = [nn.Conv2d(3, 4, 5, stride=3), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(36, 2)]
        return Model.wrap(nn.Sequential(*layers), size=64, categories=["cat", "dog"], name="cats and dogs")
"""
ADDRESS = """
import os, torchvision.models
torchvision.models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1.value.url = os.environ["SHUFFLENET"]
"""
"""Code for the process that loads them: torchvision's weights come from loopback too."""
TITLES = {
    f"timm/{SMALL}": f"{SMALL} of timm",
    "torchvision/shufflenet_v2_x0_5": "shufflenet_v2_x0_5 of torchvision",
    "hf-hub:me/mine": "me/mine of the hub",
    "local-dir:saved": "saved in a folder",
    f"timm/{SMALL}=weights.safetensors": f"weights.safetensors ({SMALL} of timm)",
    f"timm/{SMALL}=checkpoint.pth": f"checkpoint.pth ({SMALL} of timm)",
    "cats_and_dogs:network": "cats and dogs",
}
"""Each way of naming one, with the title that the page shows."""


@dataclass(frozen=True)
class Hub:
    """The files that the hub has, what it was asked for, and the environment of a process that loads them there."""

    files: dict[str, bytes]
    asked: list[str]
    environment: dict[str, str]

    @property
    def fetched(self) -> set[str]:
        """The paths of what was downloaded."""
        return {one.removeprefix("GET ").removeprefix("/stored") for one in self.asked if one.startswith("GET")}


@contextmanager
def prepared(folder: Path) -> Iterator[Hub]:
    """Files of the networks in a folder, in which the process that loads them is to run, and on a hub."""
    (folder / "cats_and_dogs.py").write_text(MODULE)
    (folder / "saved").mkdir()
    (folder / "saved" / "config.json").write_bytes(config(label_names=[*"abc"]))
    safetensors.torch.save_file(small(3, seed=2).state_dict(), folder / "saved" / "model.safetensors")
    safetensors.torch.save_file(small(seed=3).state_dict(), folder / "weights.safetensors")
    torch.save({"state_dict": small(seed=4).state_dict()}, folder / "checkpoint.pth")
    pth, weights = published(shufflenet())
    files = {
        pth: weights,
        f"/timm/{TAGGED}/resolve/main/model.safetensors": safetensors.torch.save(small().state_dict()),
        "/me/mine/resolve/main/config.json": config(label_names=[*"abc"]),
        "/me/mine/resolve/main/model.safetensors": safetensors.torch.save(small(3, seed=1).state_dict()),
    }
    asked: list[str] = []
    with loopback.hub(files, asked, {}) as address:
        homes = {"HF_HOME": str(folder / "hf"), "TORCH_HOME": str(folder / "torch")}
        yield Hub(files, asked, {**homes, "HF_ENDPOINT": address, "SHUFFLENET": address + pth})


def small(classes: int = 1000, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return timm.create_model(SMALL, num_classes=classes).eval()


def config(classes: int = 3, **more) -> bytes:
    """The `config.json` of a small network on the hub or in a folder."""
    known = {"input_size": [3, 96, 96], "crop_pct": 0.75, "interpolation": "bilinear", "mean": [0.5] * 3}
    known |= {"std": [0.5] * 3, "num_classes": classes, "classifier": "classifier", "first_conv": "conv_stem"}
    return json.dumps({"architecture": SMALL, "num_classes": classes, "pretrained_cfg": known | more}).encode()


def shufflenet() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return torchvision.models.shufflenet_v2_x0_5()


def published(network: nn.Module) -> tuple[str, bytes]:
    """The weights as torchvision publishes them: a path whose end says their hash, and the file."""
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    return f"/published-{hashlib.sha256(buffer.getvalue()).hexdigest()[:8]}.pth", buffer.getvalue()
