"""The numbers that the paper published, for comparison with those that are measured here."""

from collections.abc import Mapping
from typing import Any

MODELS = ("DenseNet121", "ResNet152")
# (method, the knobs that identify the row, then AUPC and AUTVC on each of the two models): Goh et al. 2021,
# arXiv:2004.10484v2, Tables I and II, the first 1,000 validation images of ILSVRC2012, P = 50, the logit.
PUBLISHED: tuple[tuple[str, Mapping[str, Any], tuple[float, float, float, float]], ...] = (
    ("integrated_gradients", {"baseline": "black", "steps": 50}, (23.63, 1.52, 22.87, 1.51)),
    ("integrated_gradients", {"baseline": "uniform", "steps": 50, "draws": 1}, (21.51, 1.62, 21.05, 1.54)),
    ("integrated_gradients", {"baseline": "uniform", "steps": 50, "draws": 5}, (21.54, 1.52, 20.99, 1.43)),
    ("integrated_gradients", {"baseline": "uniform", "steps": 50, "draws": 10}, (21.46, 1.45, 21.02, 1.37)),
    ("integrated_gradients", {"baseline": "uniform", "steps": 50, "draws": 20}, (21.43, 1.39, 21.02, 1.32)),
    ("smooth_taylor", {"sigma": 0.3, "samples": 100}, (21.24, 1.28, 20.83, 1.20)),
    ("smooth_taylor", {"sigma": 0.3, "samples": 150}, (21.19, 1.24, 20.79, 1.16)),
    ("smooth_taylor", {"sigma": 0.3, "samples": 200}, (21.13, 1.22, 20.78, 1.14)),
    ("smooth_taylor", {"sigma": 0.5, "samples": 100}, (21.25, 1.23, 21.00, 1.14)),
    ("smooth_taylor", {"sigma": 0.5, "samples": 150}, (21.20, 1.19, 20.95, 1.10)),
    ("smooth_taylor", {"sigma": 0.5, "samples": 200}, (21.13, 1.16, 20.86, 1.07)),
    ("smooth_taylor", {"sigma": 0.7, "samples": 100}, (21.39, 1.20, 21.37, 1.08)),
    ("smooth_taylor", {"sigma": 0.7, "samples": 150}, (21.30, 1.15, 21.32, 1.04)),
    ("smooth_taylor", {"sigma": 0.7, "samples": 200}, (21.30, 1.12, 21.14, 1.01)),
    ("adaptive_noising", {"objective": "aupc", "samples": 150}, (19.55, 1.14, 19.30, 1.05)),
    ("adaptive_noising", {"objective": "autvc", "samples": 150}, (22.14, 0.99, 22.52, 0.85)),
    ("smooth_taylor", {"sigma": 0.5, "samples": 10}, (21.74, 1.55, 21.43, 1.43)),
    ("smooth_taylor", {"sigma": 1e-4, "samples": 100}, (23.45, 1.79, 23.00, 1.55)),
    ("smooth_taylor", {"sigma": 1e-3, "samples": 100}, (23.60, 1.53, 23.14, 1.48)),
    ("smooth_taylor", {"sigma": 1e-2, "samples": 100}, (23.90, 1.57, 23.46, 1.23)),
    ("smooth_taylor", {"sigma": 1e-1, "samples": 100}, (22.03, 1.43, 21.44, 1.22)),
    ("smooth_taylor", {"sigma": 1.0, "samples": 100}, (21.88, 1.17, 22.16, 1.04)),
    ("smooth_taylor", {"sigma": 2.0, "samples": 100}, (23.54, 1.19, 24.48, 1.27)),
)
METRICS = ("perturbation", "total_variation")


def published(method: str, knobs: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """The paper's numbers by (model, metric) for a case with the same knobs; empty when the paper has none."""
    plain = {"antithetic": False, "rule": "right", "iterations": 20}
    if any(name in knobs and knobs[name] != value for name, value in plain.items()):
        return {}
    for name, told, (*values,) in PUBLISHED:
        if name == method and all(knobs.get(knob) == value for knob, value in told.items()):
            return dict(zip([(model, metric) for model in MODELS for metric in METRICS], values, strict=True))
    return {}
