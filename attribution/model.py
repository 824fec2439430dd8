"""A network and what it expects: the class `Model`, and how any module becomes one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from uuid import uuid4

import PIL.Image
import torch
import torchvision.models
from torch import Tensor, nn
from torchvision.transforms.v2 import InterpolationMode

from attribution.engine.adapting import POINTS, Adapter, close, copied, examined, gradient_of
from attribution.engine.batches import BatchSize
from attribution.engine.devices import chosen_device, keep_freed_memory, precision, precision_on
from attribution.engine.folding import folded, hooked, hooked_backward
from attribution.engine.graphs import Graphs
from attribution.engine.layers import quicken
from attribution.engine.memory import most_images
from attribution.engine.random_numbers import Purpose, uniform
from attribution.engine.score import check_image, check_mode, logits
from attribution.engine.space import channels, check_colours, class_names, sides
from attribution.engine.states import digest_of
from attribution.images import denormalise, in_channels, normalise, to_pixels
from attribution.types import Image, Images, Pixels

CATEGORIES: tuple[str, ...] = tuple(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
"""The 1,000 ImageNet classes, the same for all built-in models."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pixels of ImageNet, in [0, 1], one value for each of red, green and blue."""
CPU = torch.device("cpu")


def values_batch() -> BatchSize:
    """The first size of a batch without gradients, and the largest."""
    return BatchSize(size=16, most=1024)


@dataclass(frozen=True, eq=False)
class Model:
    """A frozen network and its input space: image size, mean and std. Calls never change it, so it can be shared.

    `Model.wrap` makes one of any module.
    """

    name: str
    module: nn.Module
    size: int = 224
    resize: int = 256
    mean: Sequence[float] = MEAN
    std: Sequence[float] = STD
    interpolation: InterpolationMode = InterpolationMode.BILINEAR
    categories: Sequence[str] = CATEGORIES
    device: torch.device = CPU
    digest: str = field(default_factory=lambda: uuid4().hex)
    """A hash of the weights. It is part of the keys in the store."""
    memory_format: torch.memory_format = torch.contiguous_format
    precision: str = "float32"
    graphs: Graphs | None = None
    gradient_batch: BatchSize = field(default_factory=BatchSize)
    value_batch: BatchSize = field(default_factory=values_batch)
    squash: bool = False
    """Whether photos are resized to a square, instead of by their short side."""
    identity: str = ""
    """Also part of the keys in the store: two networks with the same weights may compute different things."""

    @classmethod
    @torch.inference_mode(False)  # what is made in that mode can never be differentiated, also not outside it
    def wrap(
        cls,
        module: object,
        *,
        size: int,
        mean: Iterable[float] | Tensor = MEAN,
        std: Iterable[float] | Tensor = STD,
        categories: Sequence[str] | None = None,
        name: str = "own network",
        resize: int | None = None,
        squash: bool = False,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        device: str | torch.device | None = None,
        precision: str = "float32",
        graphs: bool = False,
    ) -> "Model":
        """A model of any classifier, an nn.Module. It is copied, in float32 and eval mode; `module` stays as it is.
        The copy has its hooks too: a function goes on collecting values from both; a method of an object is copied with
        its object.

        The input is (n, channels, size, size), one channel for each value of `mean` and `std`, which are those of
        pixels in [0, 1]. Photos fill 1 channel (grey), 3 (red, green, blue) or 4 (and an opaque alpha); for other
        numbers, make the input yourself. The short side of a photo becomes `resize` (default: `size`), or both sides
        if `squash` is true, and the centre is used; a `resize` below `size` gives photos a black border.

        The output is the logits (n, classes): a tensor, an object with `.logits`, or a tuple or list whose first entry
        is a tensor. A single logit z, (n,) or (n, 1), becomes two classes with the logits -z/2 and z/2, so that their
        softmax is the sigmoid of z: class 1 is what a positive z means. `categories` are the names of the classes
        (default: "class 0", ...). `device`, `precision` and `graphs` are as in `load_model`.

        `digest` is a hash of weights, layers and input space. Raises ValueError, one line, for what cannot be
        explained: it is tried at once, on a batch of three images.
        """
        try:
            mean, std = channels("mean", mean), channels("std", std)
            check_colours(mean, std)
            size, resize = sides(size, resize)
            chosen = chosen_device(device)
            own = copied(module).to(chosen)
            model = cls(name, own, size, resize, mean, std, interpolation, squash=squash)
            with torch.random.fork_rng(devices=[]):
                return _settled(replace(model, device=chosen), categories, precision, graphs)
        except ValueError as error:
            raise ValueError(f"{name} cannot be explained: {error}") from error

    @torch.inference_mode(False)
    def on(
        self, device: str | torch.device | None = None, *, precision: str = "float32", graphs: bool = False
    ) -> "Model":
        """The same network on another device, as a copy, with batch sizes of its own; options as in `load_model`."""
        chosen = chosen_device(device)
        own = replace(self, module=copied(self.module).to(chosen), device=chosen)
        # A network that is not in channels last may not work with it.
        last = self.memory_format is torch.channels_last
        return computing(own, precision, graphs, None if last else torch.contiguous_format)

    def prepare(self, image: PIL.Image.Image) -> Image:
        """Converts a photo to the network's input: (channels, size, size), float32, in model space, on its device.

        Raises ValueError for what is no PIL image, and for a network whose channels a photo cannot fill.
        """
        pixels = to_pixels(image, self.size, self.resize, self.interpolation, self.squash)
        try:
            filled = in_channels(pixels, len(self.mean))
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None
        return normalise(filled, self.mean, self.std).to(self.device)

    def pixels(self, x: Pixels) -> Pixels:
        """Converts model space to pixel space [0, 1]."""
        return denormalise(x, self.mean, self.std)

    def with_weights(self, module: nn.Module, name: str) -> "Model":
        """The same input space with another network on the same device. `name` tells its weights from all others.

        It has no CUDA graphs: those of this model would run the old weights.
        """
        return replace(self, module=module, digest=f"{self.digest} {name}", graphs=None)

    def predict(self, x: Image, k: int = 5) -> list[tuple[int, str, float, float]]:
        """The k most likely classes: (index, category, probability, logit), best first.

        Raises ValueError unless x is one image for this network, and for a network in training mode.
        """
        check_image(self, x)
        check_mode(self)
        (found,) = torch.cat(list(logits(self, x[None]))).cpu().double()
        probabilities = found.softmax(0)
        best = probabilities.argsort(descending=True, stable=True)[:k].tolist()
        return [(c, self.categories[c], probabilities[c].item(), found[c].item()) for c in best]


def computing(model: Model, precision: str, graphs: bool, layout: torch.memory_format | None = None) -> Model:
    """The model, whose network is on its device, in the layout that is quick there, with batch sizes of its own."""
    device = model.device
    if device.type == "cpu":
        keep_freed_memory()
    products = precision_on(device, precision)
    # On a CPU, convolutions are up to twice as fast with channels last. On CUDA, only those with TF32 are made for it.
    quick = torch.channels_last if device.type == "cpu" or products == "tf32" else torch.contiguous_format
    layout = layout or quick
    network = model.module.to(memory_format=layout)
    gradients, values = BatchSize(), values_batch()
    if device.type == "cpu":
        blank = torch.zeros(len(model.mean), model.size, model.size, dtype=torch.float32, device=device)
        for batch in (gradients, values):
            batch.limit = partial(most_images, network, blank, batch.most)
    return replace(
        model,
        module=network,
        memory_format=layout,
        precision=products,
        graphs=Graphs() if graphs and device.type == "cuda" else None,
        gradient_batch=gradients,
        value_batch=values,
    )


def _settled(model: Model, categories: Sequence[str] | None, products: str, graphs: bool) -> Model:
    """The model with what its network needs around it, found out on one batch. Raises ValueError for what is unfit."""
    shape = (len(model.mean), model.size, model.size)
    pixels = torch.stack([uniform(Purpose.BASELINE, 0, n, shape) for n in range(POINTS)])
    batch = normalise(pixels, model.mean, model.std).to(model.device)
    with precision("float32", model.device):
        adapter, answers, gradient = examined(model.module, batch)
        model = replace(
            model,
            categories=class_names(categories, answers.shape[1], adapter.single),
            digest=_digest(model),
            identity=uuid4().hex,
        )
        plain = replace(model, module=adapter.around(model.module))
        quick = _quick(model, adapter, products, graphs)
        if quick is not None and _same(quick, batch, answers, gradient):
            return quick
    return computing(plain, products, graphs, torch.contiguous_format)


def _quick(model: Model, adapter: Adapter, products: str, graphs: bool) -> Model | None:
    """The model made quick as built-in ones are, on a copy; None if that fails. A hook could see what is folded."""
    try:
        if hooked_backward(model.module):
            return None
        network = model.module if hooked(model.module) else folded(model.module)
        network = copied(network) if network is model.module else network
        quicken(network, model.device)
        return computing(replace(model, module=adapter.around(network)), products, graphs)
    except Exception:  # a network can hold anything
        return None


def _same(quick: Model, batch: Images, answers: Tensor, gradient: Images) -> bool:
    """Whether the quick network has these answers for the batch, and this gradient, but for rounding."""
    laid_out = batch.clone(memory_format=quick.memory_format)
    try:
        with torch.no_grad():
            found = quick.module(laid_out)
        return close(found, answers) and close(gradient_of(quick.module, laid_out), gradient)
    except Exception:  # layers that look at a tensor as it lies in memory fail with channels last
        return False


def _digest(model: Model) -> str:
    """A hash of the weights, the layers and the input space."""
    told = repr((digest_of(model.module), str(model.module), model.size, model.mean, model.std))
    return blake2b(told.encode(), digest_size=16).hexdigest()
