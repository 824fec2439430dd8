"""The networks by their names: how one is loaded, with its weights, on a device."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from attribution.cards import MODELS, Card
from attribution.engine.batches import out_of_memory
from attribution.engine.devices import building, chosen_device
from attribution.engine.folding import folded
from attribution.engine.layers import quicken
from attribution.engine.states import UnfitState, UnreadableState, digest_of, filled, read_state
from attribution.model import CATEGORIES, Model, computing
from attribution.named import card

__all__ = [
    "CATEGORIES",
    "MODELS",
    "Card",
    "Model",
    "UnfitState",
    "build_model",
    "card",
    "download",
    "load_model",
]


def load_model(
    name: str = "efficientnet_lite0",
    device: str | torch.device | None = None,
    *,
    precision: str = "float32",
    graphs: bool = False,
) -> Model:
    """Loads a network with its weights, frozen, on `device` (default: the best available).

    `name` is one of `MODELS`, or names another network, as in docs/models.md: "timm/NAME", "torchvision/NAME",
    "hf-hub:OWNER/NAME", "local-dir:FOLDER", "NAME=FILE" or "MODULE:FUNCTION". The last one imports a module and calls
    its function; no other name runs code, and no file is unpickled.

    On a CUDA device, `precision` "tf32" is quicker and rounds products to ten bits, and `graphs` launches each batch at
    once. Other devices ignore both. Missing weights are downloaded. Raises ValueError for an unknown name or precision,
    and for weights that cannot be downloaded or read, and MemoryError if the network does not fit on the device; the
    message, one line, says what to do.
    """
    chosen = card(name)
    for _ in chosen.download():
        pass
    try:
        return _loaded(chosen, name, device, precision, graphs)
    except RuntimeError as error:
        if out_of_memory(error):
            place = chosen_device(device)
            raise MemoryError(
                f"{chosen.title} does not fit into the memory of {place}: choose a smaller model"
            ) from None
        raise


def _loaded(chosen: Card, name: str, device: str | torch.device | None, precision: str, graphs: bool) -> Model:
    if chosen.ready is not None:
        return chosen.ready.on(device, precision=precision, graphs=graphs)
    try:
        if chosen.fill is None:
            return build_model(name, read_state(chosen.file), device, precision=precision, graphs=graphs)
        with building(random=False):
            network = chosen.fill(chosen.file)
    except UnreadableState as error:
        raise ValueError(f"the weights of {chosen.title} cannot be read ({error}): {chosen.mend}") from error
    except UnfitState as error:
        raise ValueError(f"{chosen.file} does not hold the weights of {chosen.title}: {chosen.mend}") from error
    return Model.wrap(
        network,
        size=chosen.size,
        mean=chosen.mean,
        std=chosen.std,
        categories=chosen.categories,
        name=name,
        resize=chosen.resize,
        squash=chosen.squash,
        interpolation=chosen.interpolation,
        device=device,
        precision=precision,
        graphs=graphs,
    )


@torch.inference_mode(False)  # what is made in that mode can never be differentiated, also not outside it
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
    with building(random=state is None):
        module: nn.Module = chosen.build()
    if state is not None:
        filled(module, name, state)
    module.eval().requires_grad_(False)
    digest = digest_of(module)
    device = chosen_device(device)
    module = folded(module)
    quicken(module, device)
    model = Model(
        name,
        module.to(device),
        size=chosen.size,
        resize=chosen.resize,
        mean=chosen.mean,
        std=chosen.std,
        interpolation=chosen.interpolation,
        device=device,
        digest=digest,
    )
    return computing(model, precision, graphs)


def download(name: str, wait: float = 0.1) -> Iterator[float]:
    """Downloads the weights if they are missing; see `Card.download`."""
    yield from card(name).download(wait)
