"""What the page Sanity says."""

from collections.abc import Iterable, Sequence

from attribution.studies.other_class import Contrast
from attribution.studies.perturbed import Perturbed
from attribution.studies.randomisation import Randomised, Stage
from dashboard.experiment.words import counted

EVERY = "every"
"""The maps of all methods are shown, with a slider over the stages."""
CHECKS = {"layers": "Random layers", "class": "Another class", "weights": "Noise in the weights"}
EXPLANATION = (
    "A map that explains the model must change when the model changes. Here layers lose what they have learned: their "
    "weights are replaced by new random ones. If a map stays the same, it does not show what these layers learned. "
    "Edges and Centre look at no model, so they stay as they are. A method whose line is near theirs needs a closer "
    "look. A map that changes has passed this check; that does not show that it is right."
)
ALIKE = "how alike each map is to that of the model"
LAYERS = {
    "cascading": "First the last layer is random, then the last two, and so on down to the input. At 1, the map did "
    "not change. Unrelated maps have about 0. A map that is multiplied by the photo keeps some likeness, because the "
    "photo stays. Batch-norms that belong to a convolution are part of it.",
    "independent": "Only one layer is random at a time, and all others stay. At 1, the map did not change.",
}
AXES = {
    "cascading": "random layers, from the output down",
    "independent": "the random layer, counted from the output",
}
NOISE = (
    "Each weight gets noise of this share of the standard deviation of its layer's weights. All methods see the same "
    "networks. A map that follows the model changes while the probability of the class falls. Bands reach from the "
    "lowest to the highest of three draws."
)


def layers_words(random: Randomised, stage: Stage) -> str:
    """The network of a stage."""
    if not stage.count:
        return "Original"
    if random.mode == "independent":
        return f"Layer {stage.count} random"
    if stage.count == len(random.layers):
        return f"All {stage.count} layers random"
    return f"{counted(stage.count, 'layer')} random"


def told(found: Sequence[Randomised | Contrast | Perturbed]) -> str:
    """What is being computed."""
    if not found:
        return "waiting for its turn"
    words = {Randomised: "random layers", Contrast: "another class", Perturbed: "noise in the weights"}
    return f"{words[type(found[-1])]}: {found[-1].done} of {counted(found[-1].total, 'map')}"


def verdicts(method: str, found: Iterable[Randomised | Contrast | Perturbed]) -> str:
    """What the checks found about a method, in one line."""
    findings = filter(None, (one.verdict(method) for one in found))
    said = [f"look closer: {one.words}" if one.flagged else one.words for one in findings]
    return " · ".join(said) or "not checked yet"
