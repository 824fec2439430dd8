"""The ways of naming a network, all on one server: each is chosen in the page, and its maps are computed."""

import hashlib
import io
import json
import re
from pathlib import Path
from urllib.parse import quote_plus

import loopback
import pytest
import safetensors.torch
import timm
import torch
import torchvision.models
from pages import choose, complete, maps, seen, settings, until_another, until_at, until_under, visit
from serving import serving
from tabs import SIZE, own_profile

pytestmark = pytest.mark.browser

SMALL = "test_efficientnet"
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
"""torchvision's weights come from loopback too."""


def state(seed: int, classes: int = 1000) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return timm.create_model(SMALL, num_classes=classes).state_dict()


def config() -> bytes:
    known = {"input_size": [3, 96, 96], "num_classes": 3, "classifier": "classifier", "label_names": [*"abc"]}
    return json.dumps({"architecture": SMALL, "num_classes": 3, "pretrained_cfg": known}).encode()


def shufflenet() -> bytes:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        buffer = io.BytesIO()
        torch.save(torchvision.models.shufflenet_v2_x0_5().state_dict(), buffer)
    return buffer.getvalue()


def prepared(folder: Path) -> dict[str, str]:
    """Each way of naming one, with the title that the page shows. The files of these networks are in the folder."""
    (folder / "cats_and_dogs.py").write_text(MODULE)
    (folder / "saved").mkdir()
    (folder / "saved" / "config.json").write_bytes(config())
    safetensors.torch.save_file(state(2, 3), folder / "saved" / "model.safetensors")
    safetensors.torch.save_file(state(3), folder / "weights.safetensors")
    torch.save({"state_dict": state(4)}, folder / "checkpoint.pth")
    return {
        f"timm/{SMALL}": f"{SMALL} of timm",
        "torchvision/shufflenet_v2_x0_5": "shufflenet_v2_x0_5 of torchvision",
        "hf-hub:me/mine": "me/mine of the hub",
        f"local-dir:{folder / 'saved'}": "saved in a folder",
        f"timm/{SMALL}={folder / 'weights.safetensors'}": f"weights.safetensors ({SMALL} of timm)",
        f"timm/{SMALL}={folder / 'checkpoint.pth'}": f"checkpoint.pth ({SMALL} of timm)",
        "cats_and_dogs:network": "cats and dogs",
    }


def test_every_way_of_naming_a_network(chromium, tmp_path):
    """Those whose weights are elsewhere are downloaded when they are chosen."""
    ways, weights = prepared(tmp_path), shufflenet()
    pth = f"/shufflenet-{hashlib.sha256(weights).hexdigest()[:8]}.pth"
    files = {
        pth: weights,
        f"/timm/{SMALL}.r160_in1k/resolve/main/model.safetensors": safetensors.torch.save(state(0)),
        "/me/mine/resolve/main/config.json": config(),
        "/me/mine/resolve/main/model.safetensors": safetensors.torch.save(state(1, 3)),
    }
    asked: list[str] = []
    options = [word for name in ways for word in ("--model", name)]
    with loopback.hub(files, asked, {}) as hub:
        own = {"HF_ENDPOINT": hub, "HF_HOME": tmp_path / "hf", "TORCH_HOME": tmp_path / "torch"}
        own |= {"SHUFFLENET": hub + pth, "PYTHONPATH": tmp_path}
        with (
            serving(*options, first=ADDRESS, **{name: str(value) for name, value in own.items()}) as address,
            own_profile(chromium, address, viewport=SIZE) as page,
        ):
            assert not [one for one in asked if one.startswith("GET") and "config" not in one], "nobody chose one yet"
            visit(page, "r=2&m=2&methods=smoothgrad")
            complete(page)
            settings(page)
            marks = [maps(page)["SmoothGrad"]["mark"]]
            for name, title in ways.items():
                choose(page, "Model", title)
                until_at(page, f"model={re.escape(quote_plus(name))}")
                seen(page.get_by_text(f"{title} · logit"))
                until_another(page, "SmoothGrad", marks[-1])
                until_under(page, "SmoothGrad", "^complete: 2 points")  # the curves of some are not waited for
                shown = maps(page)["SmoothGrad"]
                assert shown["status"].startswith("complete: 2 points"), name
                assert shown["colours"] > 20, name
                marks.append(shown["mark"])
            complete(page)
    assert len(set(marks)) == 1 + len(ways), "each network has a map of its own"
    fetched = {one.removeprefix("GET ").removeprefix("/stored") for one in asked if one.startswith("GET")}
    assert fetched == set(files)
