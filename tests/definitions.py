"""Each method and metric again, slow and literal, from its formula: one point at a time, plain loops, no sharing."""

import math
import statistics

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
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
    """|h|, min-max with the 99th percentile as the top, clipped; with the maximum if that is no more than the least."""
    flat = h.abs().flatten().tolist()
    low, high = min(flat), percentile(flat, 99)
    high = high if high > low else max(flat)
    if high <= low:
        return torch.zeros_like(h)
    return torch.tensor([min(max((v - low) / (high - low), 0.0), 1.0) for v in flat], dtype=h.dtype).view(h.shape)


def left_and_right(model: Model, x: Tensor, target: int, steps: int, b: Tensor, phi: float) -> tuple[Tensor, Tensor]:
    """The right rule, cut where the score first exceeds its start by the share phi of the climb."""
    low, high = f(model, b, target), f(model, x, target)
    left, right, past = torch.zeros_like(x), torch.zeros_like(x), False
    for k in range(1, steps + 1):
        z = b + k / steps * (x - b)
        past = past or f(model, z, target) > low + phi * (high - low)
        part = (x - b) * g(model, z, target) / steps
        if past:
            right += part
        else:
            left += part
    return left, right


def idg(model: Model, x: Tensor, b: Tensor, target: int, nodes: list[tuple[float, float]]) -> Tensor:
    total = torch.zeros_like(x)
    for alpha, weight in nodes:
        slope = g(model, b + alpha * (x - b), target)
        total += (x - b) * weight * slope * ((x - b) * slope).sum()
    return total


def idgi(model: Model, x: Tensor, b: Tensor, target: int, steps: int) -> Tensor:
    total = torch.zeros_like(x)
    for k in range(steps):
        here, there = b + k / steps * (x - b), b + (k + 1) / steps * (x - b)
        slope = g(model, here, target)
        total += slope**2 / (slope**2).sum() * (f(model, there, target) - f(model, here, target))
    return total


def ggig(
    model: Model, x: Tensor, b: Tensor, target: int, steps: int, iterations: int, rate: float, form: str = "max"
) -> Tensor:
    met: list[list[Tensor]] = []
    for k in range(steps + 1):
        p = b + k / steps * (x - b)
        met.append([])
        for _ in range(iterations):
            met[-1].append(g(model, p, target))
            p = p + rate * met[-1][-1]
    every = torch.stack([gradient for climb in met for gradient in climb])
    if form == "max":
        return every.amax(0)
    if form == "absmax":
        return torch.gather(every, 0, every.abs().argmax(0, keepdim=True))[0]
    tops = [torch.stack(climb).amax(0) for climb in met]
    return (sum(tops[1:-1], start=torch.zeros_like(x)) + (tops[0] + tops[-1]) / 2) / steps


def blur_ig(model: Model, x: Tensor, target: int, steps: int, widest: float) -> Tensor:
    """Each blurred image and the way to the next by SciPy's Gaussian, channel by channel, nothing beyond the edge."""

    def blurred(s: float) -> Tensor:
        channels = [gaussian_filter(c, s, mode="constant", truncate=8) if s else c for c in x.numpy()]
        return torch.from_numpy(np.stack(channels))

    total, width, small = torch.zeros_like(x), widest / steps, 0.01
    for k in range(steps):
        s = k * width
        total -= width * (blurred(s + small) - blurred(s)) / small * g(model, blurred(s), target)
    return total


def guided_ig(model: Model, x: Tensor, b: Tensor, target: int, steps: int, fraction: float, max_dist: float) -> Tensor:
    """One feature after another: those of least gradient go as far as they may, until the step is covered."""
    end, start = x.flatten().tolist(), b.flatten().tolist()
    here, total = list(start), [0.0] * len(end)
    whole = sum(abs(e - s) for e, s in zip(end, start, strict=True))
    for t in range(steps):
        slope = g(model, torch.tensor(here, dtype=x.dtype).view(x.shape), target).flatten().tolist()
        alpha, before = (t + 1) / steps, list(here)
        near, far = max(alpha - max_dist, 0.0), min(alpha + max_dist, 1.0)
        low = [s + near * (e - s) for s, e in zip(start, end, strict=True)]
        high = [s + far * (e - s) for s, e in zip(start, end, strict=True)]
        here = [w if abs(h - s) < abs(w - s) else h for h, w, s in zip(here, low, start, strict=True)]
        while True:
            missing = sum(abs(h - e) for h, e in zip(here, end, strict=True)) - whole * (1 - alpha)
            waiting = [i for i in range(len(here)) if here[i] != high[i]]
            if missing <= 0 or not waiting:
                break
            sizes = sorted(abs(slope[i]) if i in waiting else math.inf for i in range(len(here)))
            limit = sizes[int(fraction * (len(here) - 1))]
            moving = [i for i in waiting if abs(slope[i]) <= limit]
            room = sum(abs(high[i] - here[i]) for i in moving)
            if missing < room:
                for i in moving:
                    here[i] += missing / room * (high[i] - here[i])
                break
            for i in moving:
                here[i] = high[i]
        total = [a + (h - was) * s for a, h, was, s in zip(total, here, before, slope, strict=True)]
    return torch.tensor(total, dtype=x.dtype).view(x.shape)


def expected_gradients(model: Model, x: Tensor, target: int, samples: int, seed: int) -> Tensor:
    total = torch.zeros_like(x)
    mean, std = (torch.tensor(v, dtype=x.dtype)[:, None, None] for v in (model.mean, model.std))
    for k in range(samples):
        alpha, *noise = np.random.default_rng([5, seed, k]).random(1 + x.numel(), dtype=np.float32)
        b = (torch.tensor(noise, dtype=x.dtype).view(x.shape) - mean) / std
        total += (x - b) * g(model, b + float(alpha) * (x - b), target)
    return total / samples


def agi(model: Model, x: Tensor, target: int, others: list[int], steps: int, epsilon: float, origin: bool) -> Tensor:
    """One class after another, one step after another, each gradient of a probability by itself."""
    mean, std = (torch.tensor(v, dtype=x.dtype)[:, None, None] for v in (model.mean, model.std))

    def slope(z: Tensor, c: int) -> Tensor:
        z = z.clone().requires_grad_(True)
        (found,) = torch.autograd.grad(model.module(z[None]).softmax(1)[0, c], z)
        return found

    total = torch.zeros_like(x)
    for other in others:
        z = x.clone()
        for _ in range(steps):
            with torch.no_grad():
                if model.module(z[None])[0].argmax().item() == other:
                    break
            start = x if origin else z
            pixels = torch.clamp(start * std + mean + epsilon * slope(z, other).sign(), 0, 1)
            moved = (pixels - mean) / std
            total -= (moved - start) * slope(z, target)
            z = moved
    return total
