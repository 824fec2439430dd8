"""The headings of the sidebar, and the words of the control of each field of the experiment."""

from typing import Any

from attribution import METRICS, MODELS
from dashboard.charts.looks import baseline_name
from dashboard.experiment.choices import PATCHES, further
from dashboard.experiment.fields import Control

NOISE, PATH, MEASUREMENT = "Noise", "Path", "Measurement"
"""The headings of the sidebar."""
ABOVE = ""
"""The group of controls above all headings."""
SIDE = next(iter(MODELS.values())).size
"""The side of the photo, pixels, as the embedded network sees it."""
FALL = METRICS["perturbation"].complete({})
"""The settings of the perturbation curve."""


def _uniform(experiment: Any) -> bool:
    return bool(experiment.baseline == "uniform")


SIGMA = Control(
    "slider",
    NOISE,
    "σ, noise scale · a change costs R gradients",
    "Standard deviation of the noise, in model space (after mean and std). Another σ costs R gradients. The random "
    "numbers stay the same, so all changes on screen are due to σ.",
    step=0.01,
)
SAMPLES = Control(
    "slider",
    NOISE,
    "R, samples · 1 gradient each",
    "Noisy copies of the photo, one gradient each. SmoothGrad and SmoothTaylor share them. More samples cost only the "
    "difference; fewer samples cost nothing.",
)
SEED = Control(
    "number",
    NOISE,
    "Seed · a change costs R gradients",
    "Random seed of the noise, the noise baselines and the patches. The same seed gives the same random numbers.",
)
STEPS = Control(
    "slider",
    PATH,
    "M, steps · 1 gradient each",
    "Steps on the path, one gradient each (times N for noise baselines). Twice as many steps cost only the difference.",
)
BASELINE = Control(
    "select",
    PATH,
    "Baseline · a change costs M gradients",
    "The image where the path starts. It should contain no information.",
    words=baseline_name,
)
RULE = Control(
    "select",
    PATH,
    "Rule · a change costs up to M gradients",
    "Where in each step of the path the gradient is taken. The SmoothTaylor paper uses the right end.",
)
DRAWS = Control(
    "slider",
    PATH,
    "N, noise baselines · M gradients each",
    "The number of noise baselines, whose paths are averaged. Only for the uniform noise baseline.",
    enabled=_uniform,
)
EVALUATION = Control(
    "segmented",
    MEASUREMENT,
    "P, patches per region · no gradients",
    f"Noise patches tried in each of the {FALL['regions']} regions ({FALL['window']} × {FALL['window']} pixels) of a "
    "perturbation curve, one forward pass each.",
    words=lambda name: f"{name} ({PATCHES[name]})",
)
CURVES = Control(
    "pills",
    MEASUREMENT,
    "Further curves · no gradients",
    f"Curves in addition to the standard ones. Forward passes per method, at {SIDE} × {SIDE} pixels: "
    + ", ".join(f"{METRICS[name].label} {METRICS[name].cost({}, SIDE**2).passes}" for name in further())
    + ".",
    words=lambda name: METRICS[name].label,
)
RANDOM = Control(
    "segmented",
    MEASUREMENT,
    "Random network · as many gradients as the maps",
    "The same map of the same photo, where all layers of the network are random, in the corner above each map of "
    "Compare. A map that stays as it is does not show what the network learned. It is computed last: nothing else "
    "waits for it. The page Sanity makes the same check layer by layer.",
)
OUTPUT = Control(
    "segmented",
    ABOVE,
    "Score · a change recomputes everything",
    "The score of the class that maps explain and curves measure. The logit is the output of the network. The "
    "probability is the softmax of all logits: it also rises when the logits of other classes fall, and its gradient "
    "is small where the model is sure. A method that explains one of the two alone says so under its map.",
)
