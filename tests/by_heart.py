"""A small network in the place of the embedded one, for tests of pages: they wait for maps, and need no good ones."""

from functools import cache
from pathlib import Path
from time import sleep

import torch
from torch import nn

from attribution import MODELS
from attribution.images import normalise, to_pixels
from attribution.models import Model
from dashboard.experiment.gallery import gallery_photo

EMBEDDED = "efficientnet_lite0"
KNOWN = {
    "cat": {282: 8, 285: 7},
    "coffee": {967: 8},
    "camera": {872: 8},
    "motorcycle": {665: 8},
    "astronaut": {560: 8},
    "rocket": {657: 8},
}
"""The logits of each photo of the gallery that are not 0. The likeliest class is that of the embedded network."""


@cache
def network(_: Path | None = None) -> nn.Module:
    """A ReLU network of random filters. It knows the photos of the gallery by heart, and nothing else."""
    card = MODELS[EMBEDDED]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        seen = nn.Sequential(
            nn.Conv2d(3, 8, 8, stride=4),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(6),
            nn.Flatten(),
        )
        last = nn.Linear(8 * 6 * 6, len(card.categories))
    photos = [to_pixels(gallery_photo(name), card.size, card.resize, card.interpolation) for name in KNOWN]
    wanted = torch.zeros(len(KNOWN), len(card.categories))
    for row, logits in zip(wanted, KNOWN.values(), strict=True):
        row[list(logits)] = torch.tensor([*logits.values()], dtype=wanted.dtype)
    with torch.no_grad():
        found = seen(torch.stack([normalise(photo, card.mean, card.std) for photo in photos]))
        last.weight += (torch.linalg.pinv(found) @ (wanted - last(found))).T
    return nn.Sequential(*seen, last).eval()


class Patient(nn.Module):
    """The same network, which takes this many seconds for each image, and not the processor."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.network = seconds, network()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sleep(self.seconds * len(x))
        return self.network(x)


def model() -> Model:
    """The small network with the name and the input space of the embedded one, on the CPU."""
    card = MODELS[EMBEDDED]
    space = {"size": card.size, "resize": card.resize, "mean": card.mean, "std": card.std}
    about = {"categories": card.categories, "interpolation": card.interpolation, "name": EMBEDDED}
    return Model.wrap(network(), **space, **about, device="cpu")
