"""What is measured: networks, a photo, and how each peer computes the same maps. Imported in the contestants."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from attribution import Store, explain
from attribution.engine.baselines import make_baselines
from attribution.engine.devices import keep_freed_memory
from attribution.engine.folding import folded
from attribution.engine.layers import quicken
from attribution.engine.random_numbers import Purpose, normal
from attribution.models import MODELS, Model, build_model, load_model

TARGET, SIGMA = 281, 0.5


def network(name: str) -> Model:
    """The network as this project uses it; with random weights, which are as quick, where none are embedded."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return load_model(name, "cpu") if not MODELS[name].url else build_model(name, None, "cpu")


def plain(name: str) -> nn.Module:
    """The network as it is published, with channels last, which is quicker."""
    module: nn.Module = MODELS[name].build()
    return module.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def photo(name: str, side: int | None = None) -> Tensor:
    side = side or MODELS[name].size
    return torch.randn(3, side, side, generator=torch.Generator().manual_seed(0))


def three_maps(name: str, steps: int, samples: int) -> Callable[[], Any]:
    """The three maps of the page Compare."""
    model, x = network(name), photo(name)

    def run() -> None:
        store = Store()
        explain(model, x, "integrated_gradients", TARGET, steps=steps, store=store)
        for method in ("smoothgrad", "smooth_taylor"):
            explain(model, x, method, TARGET, sigma=SIGMA, samples=samples, store=store)

    return run


def one_map(name: str, method: str, knobs: dict[str, Any], side: int | None = None) -> Callable[[], Any]:
    """One map, with nothing remembered."""
    model, x = network(name), photo(name, side)
    return lambda: explain(model, x, method, TARGET, **knobs)


def growing(name: str, before: int, after: int) -> Callable[[], Any]:
    """SmoothTaylor from R = `before` to R = `after`, where the first points are remembered."""
    model, x = network(name), photo(name)
    seeds = itertools.count()
    store = Store(1 << 32)
    prepared: list[int] = []

    def prepare() -> int:
        seed = next(seeds)
        explain(model, x, "smooth_taylor", TARGET, sigma=SIGMA, samples=before, seed=seed, store=store)
        return seed

    def run() -> None:
        seed = prepared.pop() if prepared else prepare()
        explain(model, x, "smooth_taylor", TARGET, sigma=SIGMA, samples=after, seed=seed, store=store)

    prepared.extend(prepare() for _ in range(8))
    return run


def captums_three_maps(name: str, steps: int, samples: int, batch: int) -> Callable[[], Any]:
    """SmoothTaylor as x * mean(g) - mean(z * g): two runs of the noise tunnel with the same noise."""
    from captum.attr import InputXGradient, IntegratedGradients, NoiseTunnel, Saliency

    module, x = plain(name), photo(name)[None].requires_grad_(True)
    noise: dict[str, Any] = {"nt_samples": samples, "nt_samples_batch_size": batch, "stdevs": SIGMA, "target": TARGET}

    def run() -> Tensor:
        path: dict[str, Any] = {"n_steps": steps, "internal_batch_size": batch, "method": "riemann_right"}
        IntegratedGradients(module).attribute(x, target=TARGET, **path)
        torch.manual_seed(0)
        smooth = NoiseTunnel(Saliency(module)).attribute(x, abs=False, **noise)
        torch.manual_seed(0)
        weighed = NoiseTunnel(InputXGradient(module)).attribute(x, **noise)
        taylor: Tensor = x * smooth - weighed
        return taylor

    return run


def captums_smoothgrad(name: str, samples: int, batch: int) -> Callable[[], Any]:
    from captum.attr import NoiseTunnel, Saliency

    module, x = plain(name), photo(name)[None].requires_grad_(True)
    noise: dict[str, Any] = {"nt_samples": samples, "nt_samples_batch_size": batch, "stdevs": SIGMA, "target": TARGET}
    return lambda: NoiseTunnel(Saliency(module)).attribute(x, abs=False, **noise)


def pairs_smoothgrad(name: str, samples: int) -> Callable[[], Any]:
    """PAIR's saliency asks for one gradient at a time."""
    import saliency.core as saliency

    module, x = plain(name), photo(name).permute(1, 2, 0).numpy()

    def gradient(images: Any, call_model_args: Any = None, expected_keys: Any = None) -> dict[str, Any]:
        points = torch.as_tensor(images, dtype=torch.float32).permute(0, 3, 1, 2).requires_grad_(True)
        (found,) = torch.autograd.grad(module(points)[:, TARGET].sum(), points)
        return {saliency.INPUT_OUTPUT_GRADIENTS: found.permute(0, 2, 3, 1).numpy()}

    spread = SIGMA / float(x.max() - x.min())
    method = saliency.GradientSaliency()
    return lambda: method.GetSmoothedMask(x, gradient, stdev_spread=spread, nsamples=samples, magnitude=False)


def bare_gradients(name: str, count: int, batch: int, drawn: bool = False) -> Callable[[], Any]:
    """A loop with the network of this project: gradients at noisy copies, their sum. Nothing else.

    The noise exists already, or is `drawn` in the loop, with the same numbers as those of this project.
    """
    model, x = network(name), photo(name)
    noise = [normal(Purpose.ROOTS, 0, k, tuple(x.shape)) for k in range(0 if drawn else count)]

    def run() -> Tensor:
        total = torch.zeros(x.shape)
        for start in range(0, count, batch):
            which = range(start, min(start + batch, count))
            some = [normal(Purpose.ROOTS, 0, k, tuple(x.shape)) for k in which] if drawn else [noise[k] for k in which]
            points = x + SIGMA * torch.stack(some)
            at = points.clone(memory_format=torch.channels_last).requires_grad_(True)
            (found,) = torch.autograd.grad(model.module(at)[:, TARGET].sum(), at)
            total += found.sum(0)
        return total

    return run


def bare_path(name: str, count: int, batch: int) -> Callable[[], Any]:
    """A loop with the network of this project: gradients on the path from black, their sum. Nothing else."""
    model, x = network(name), photo(name)
    (black,) = make_baselines(model, x, "black")

    def run() -> Tensor:
        total = torch.zeros(x.shape)
        for some in (torch.arange(1, count + 1) / count).split(batch):
            points = torch.lerp(black.image, x, some[:, None, None, None])
            at = points.clone(memory_format=torch.channels_last).requires_grad_(True)
            (found,) = torch.autograd.grad(model.module(at)[:, TARGET].sum(), at)
            total += found.sum(0)
        return total * (x - black.image)

    return run


def curve(name: str, patches: int, regions: int) -> Callable[[], Any]:
    """A perturbation curve."""
    from attribution import perturbation_curve

    model, x = network(name), photo(name)
    return lambda: perturbation_curve(model, x, x, TARGET, draws=patches, regions=regions)


def bare_passes(name: str, batches: Sequence[int]) -> Callable[[], Any]:
    """Forward passes in batches of these sizes. Nothing else."""
    model = network(name)
    points = torch.randn(max(batches), *photo(name).shape).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run() -> None:
        for size in batches:
            model.module(points[:size])

    return run


def levered(name: str, what: str, count: int, batch: int, without: str = "") -> Callable[[], Any]:
    """Gradients or forward passes of the network with all levers of the CPU but one."""
    module = MODELS[name].build().eval().requires_grad_(False)
    if without != "folding":
        module = folded(module)
    if without != "layers":
        quicken(module, torch.device("cpu"))
    if without != "memory":
        keep_freed_memory()
    layout = torch.contiguous_format if without == "channels last" else torch.channels_last
    module = module.to(memory_format=layout)
    points = torch.randn(batch, *photo(name).shape).to(memory_format=layout)

    @torch.inference_mode()
    def passes() -> None:
        for _ in range(0, count, batch):
            module(points)

    def gradients() -> None:
        for _ in range(0, count, batch):
            at = points.clone(memory_format=torch.preserve_format).requires_grad_(True)
            torch.autograd.grad(module(at)[:, TARGET].sum(), at)

    return passes if what == "passes" else gradients


def on_cuda(name: str, samples: int, levers: str) -> Callable[[], Any]:
    """SmoothGrad on CUDA; the noise is remembered, so that it is not timed."""
    precision = "tf32" if "tf32" in levers else "float32"
    model = build_model(name, None, "cuda", precision=precision, graphs="graphs" in levers)
    if levers == "unfolded":
        model = replace(model, module=MODELS[name].build().eval().requires_grad_(False).to("cuda"))
    x, store = photo(name).to("cuda"), Store(1 << 33)
    target = iter(range(1000))
    return lambda: explain(model, x, "smoothgrad", next(target), sigma=SIGMA, samples=samples, store=store)
