"""Each method and metric again, slow and literal, from its formula: one point at a time, plain loops, no sharing."""

import math
import statistics

import numpy as np
import torch
from torch import Tensor

from attribution.models import Model


def f(model: Model, z: Tensor, target: int) -> float:
    with torch.no_grad():
        return model.module(z[None])[0, target].item()


def g(model: Model, z: Tensor, target: int) -> Tensor:
    z = z.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(model.module(z[None])[0, target], z)
    return gradient


def epsilon(seed: int, r: int, shape: tuple[int, ...]) -> Tensor:
    """The project's noise: draw r of stream 1."""
    return torch.from_numpy(np.random.default_rng([1, seed, r]).standard_normal(shape, dtype=np.float32)).double()


def gradient(model: Model, x: Tensor, target: int) -> Tensor:
    return g(model, x, target)


def input_x_gradient(model: Model, x: Tensor, target: int) -> Tensor:
    return x * g(model, x, target)


NODES = {
    "right": lambda m: [(k / m, 1 / m) for k in range(1, m + 1)],
    "left": lambda m: [((k - 1) / m, 1 / m) for k in range(1, m + 1)],
    "midpoint": lambda m: [((k - 0.5) / m, 1 / m) for k in range(1, m + 1)],
    "trapezoid": lambda m: [(k / m, (0.5 if k in (0, m) else 1) / m) for k in range(m + 1)],
    "gauss-legendre": lambda m: [
        ((1 + t) / 2, w / 2) for t, w in zip(*np.polynomial.legendre.leggauss(m), strict=True)
    ],
}


def integrated_gradients(
    model: Model, x: Tensor, target: int, steps: int, baselines: list[Tensor], rule: str = "right"
) -> Tensor:
    total = torch.zeros_like(x)
    for b in baselines:
        for alpha, weight in NODES[rule](steps):
            total += (x - b) * weight * g(model, b + alpha * (x - b), target)
    return total / len(baselines)


def smoothgrad(model: Model, x: Tensor, target: int, sigma: float, samples: int, seed: int, form: str) -> Tensor:
    found = torch.stack([g(model, x + sigma * epsilon(seed, r, x.shape), target) for r in range(samples)])
    if form == "mean":
        return found.mean(0)
    return found.square().mean(0) if form == "squared" else found.var(0, unbiased=False)


def smooth_taylor(model: Model, x: Tensor, target: int, sigma: float, samples: int, seed: int) -> Tensor:
    total = torch.zeros_like(x)
    for r in range(samples):
        z = x + sigma * epsilon(seed, r, x.shape)
        total += (x - z) * g(model, z, target)
    return total / samples


def windows(heatmap: Tensor, k: int, count: int) -> list[tuple[int, int]]:
    """Every legal window, best mean |h| first, row-major among equals; those overlapping a chosen one are left out."""
    rows, columns = heatmap.shape
    corners = [(u, v) for u in range(rows - k + 1) for v in range(columns - k + 1)]
    ranked = sorted(corners, key=lambda c: -round(heatmap[c[0] : c[0] + k, c[1] : c[1] + k].abs().mean().item(), 12))
    chosen: list[tuple[int, int]] = []
    for u, v in ranked:
        if len(chosen) < count and all(abs(u - a) >= k or abs(v - b) >= k for a, b in chosen):
            chosen.append((u, v))
    return chosen


def perturbation(
    model: Model, x: Tensor, heatmap: Tensor, target: int, window: int, regions: int, draws: int, seed: int
) -> list[float]:
    start = f(model, x, target)
    curve, present = [start / abs(start)], x.clone()
    mean, std = (torch.tensor(v, dtype=x.dtype) for v in (model.mean, model.std))
    for step, (u, v) in enumerate(windows(heatmap, window, regions)):
        noise = np.random.default_rng([3, seed, step]).random((draws, 3, window, window), dtype=np.float32)
        tried = []
        for p in range(draws):
            candidate = present.clone()
            for c in range(3):
                candidate[c, u : u + window, v : v + window] = (torch.from_numpy(noise[p, c]) - mean[c]) / std[c]
            tried.append((f(model, candidate, target), candidate))
        scores = [score for score, _ in tried]
        curve.append(statistics.fmean(scores) / abs(start))
        middle = statistics.median(scores)
        present = min(tried, key=lambda t: abs(t[0] - middle))[1]
    return curve


def total_variation_of(s: list[list[float]]) -> float:
    """Sum of |differences| to the right and to the lower neighbour, over the number of pixels."""
    rows, columns = len(s), len(s[0])
    across = sum(abs(s[i][j + 1] - s[i][j]) for i in range(rows) for j in range(columns - 1))
    down = sum(abs(s[i + 1][j] - s[i][j]) for i in range(rows - 1) for j in range(columns))
    return (across + down) / (rows * columns)


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    at = (len(ordered) - 1) * percent / 100
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def st99(h: Tensor) -> Tensor:
    """|h|, min-max with the 99th percentile as the top, clipped."""
    flat = h.abs().flatten().tolist()
    low, high = min(flat), percentile(flat, 99)
    if high <= low:
        return torch.zeros_like(h)
    return torch.tensor([min(max((v - low) / (high - low), 0.0), 1.0) for v in flat], dtype=h.dtype).view(h.shape)
