"""Gradient attribution for image classifiers: maps, what they cost, and how they are measured."""

from attribution.explain import explain, perturbation_curve, stream, total_variation_curve
from attribution.heatmaps import heatmap
from attribution.images import load_image
from attribution.models import MODELS, load_model
from attribution.registry import METHODS, METRICS
from attribution.store import Store

__all__ = [
    "METHODS",
    "METRICS",
    "MODELS",
    "Store",
    "explain",
    "heatmap",
    "load_image",
    "load_model",
    "perturbation_curve",
    "stream",
    "total_variation_curve",
]
