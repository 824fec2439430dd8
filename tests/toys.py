"""Small networks whose answers are known, and one that counts what it is asked."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from attribution.engine.batches import BatchSize
from attribution.models import Model

SHAPE = (3, 4, 5)
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def image(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> Tensor:
    """An image in model space, float64."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Function(nn.Module):
    """A network of two classes: the given score of each image, and its negative."""

    def __init__(self, score: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.score = score

    def forward(self, points: Tensor) -> Tensor:
        value = self.score(points.flatten(1))
        return torch.stack([value, -value], dim=1)


def model(module: nn.Module | Callable[[Tensor], Tensor]) -> Model:
    network = module if isinstance(module, nn.Module) else Function(module)
    return Model("toy", network.eval().requires_grad_(False), mean=MEAN, std=STD, categories=("yes", "no"))


WEIGHTS = image(seed=100).flatten()
SYMMETRIC = (lambda a: (a + a.T) / 8)(image(seed=101, shape=(60, 60)))


def linear() -> Model:
    return model(lambda z: z @ WEIGHTS + 0.7)


def quadratic() -> Model:
    """z'Az / 2."""
    return model(lambda z: 0.5 * ((z @ SYMMETRIC) * z).sum(1))


def additive() -> Model:
    """Sum of w_i sin(z_i): Integrated Gradients is exact for each feature."""
    return model(lambda z: torch.sin(z) @ WEIGHTS)


def constant(value: float = 3.0) -> Model:
    return model(lambda z: 0 * z.sum(1) + value)


def convolutional(seed: int = 0) -> Model:
    """A small ReLU network with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3), nn.ReLU()]
        network = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(2)).double()
        network(torch.zeros(1, *SHAPE, dtype=torch.float64))
    return model(network)


class Counted(nn.Module):
    """Passes through, counting the points asked about: with a gradient, and without."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.gradients = self.values = 0
        self.largest = 0

    def forward(self, points: Tensor) -> Tensor:
        if points.requires_grad:
            self.gradients += len(points)
        else:
            self.values += len(points)
        self.largest = max(self.largest, len(points))
        return self.inner(points)


def counted(inner: Model) -> tuple[Model, Counted]:
    counter = Counted(inner.module).eval()
    return replace(inner, module=counter), counter


def layered(weights: Tensor) -> Model:
    """A linear score as a network of layers, without a bias."""
    layer = nn.Linear(weights.numel(), 2, bias=False, dtype=weights.dtype)
    layer.weight = nn.Parameter(torch.stack([weights, -weights]))
    return model(nn.Sequential(nn.Flatten(), layer))


class Steady(BatchSize):
    """Stays at its size, however long a batch takes, and from the first one on."""

    def first(self, remaining: int) -> int:
        return self.next(remaining)

    def _pace(self, count: int, seconds: float) -> None:
        pass


def in_batches_of(size: int, of: Model) -> Model:
    return replace(of, gradient_batch=Steady(size, most=size), value_batch=Steady(size, most=size))


ALL: dict[str, Callable[[], Model]] = {
    "linear": linear,
    "quadratic": quadratic,
    "additive": additive,
    "constant": constant,
    "convolutional": convolutional,
}


def of_photos(side: int = 48) -> Model:
    """A small ReLU network, float32, that takes photos."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layers = [nn.Conv2d(3, 6, 5, stride=2), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU()]
        network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(96, 2)).eval()
    return Model("toy", network.requires_grad_(False), side, side, MEAN, STD, categories=("yes", "no"), digest="toy")


def wrapped() -> Model:
    """The network of photos as one of a user: `toys:wrapped` names it, and its digest is that of its weights."""
    network = of_photos()
    space = {"size": network.size, "mean": MEAN, "std": STD, "categories": network.categories}
    return Model.wrap(network.module, **space, name="wrapped", device="cpu")
