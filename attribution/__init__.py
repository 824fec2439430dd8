"""Gradient attribution for image classifiers: attribution maps, their cost, and the metrics that evaluate them."""

from attribution.engine.store import Store
from attribution.explain import curve, explain, perturbation_curve, stream, total_variation_curve
from attribution.heatmaps import heatmap
from attribution.images import load_image
from attribution.models import MODELS, Model, load_model
from attribution.registry import METHODS, METRICS

__all__ = [
    "METHODS",
    "METRICS",
    "MODELS",
    "Model",
    "Store",
    "curve",
    "explain",
    "heatmap",
    "load_image",
    "load_model",
    "perturbation_curve",
    "stream",
    "total_variation_curve",
]
