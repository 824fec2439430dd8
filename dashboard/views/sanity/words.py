"""What the page Sanity says."""

from collections.abc import Iterable, Sequence

from attribution import METHODS
from attribution.studies.changed_image import Changes, Robustness
from attribution.studies.other_class import Contrast
from attribution.studies.perturbed import Perturbed
from attribution.studies.randomisation import Randomised, Stage
from dashboard.experiment.words import counted
from dashboard.work.panel import Panel

Found = Randomised | Contrast | Robustness | Perturbed
EVERY = "every"
"""The maps of all methods are shown, with a slider over the stages."""
CHECKS = {
    "layers": "Random layers",
    "class": "Another class",
    "nearby": "Small changes of the photo",
    "weights": "Noise in the weights",
}
EXPLANATION = (
    "A map that explains the model must change when the model changes. Here layers lose what they have learned: their "
    "weights are replaced by new random ones. If a map stays the same, it does not show what these layers learned. "
    "Edges and Centre look at no model, so they stay as they are. A method whose line is near theirs needs a closer "
    "look. A map that changes has passed this check; that does not show that it is right."
)
ALIKE = "how alike each map is to that of the model"
LAYERS = {
    "cascading": "First the last layer is random, then the last two, and so on down to the input. At 1, the map did "
    "not change. Absolute values are compared, so maps that are unrelated, but large at the same places, have more "
    "than 0: a rank correlation of up to about 0.3 was measured. HOG can be far higher, above 0.7, for unrelated maps "
    "with a few very large values. A map that is multiplied by the photo keeps some likeness, because the photo stays. "
    "Batch-norms that belong to a convolution are part of it. The entropy says how evenly the absolute values of a map "
    "are spread. Hedström et al. 2024 expect that it rises.",
    "independent": "Only one layer is random at a time, and all others stay. At 1, the map did not change.",
}
AXES = {
    "cascading": "random layers, from the output down",
    "independent": "the random layer, counted from the output",
}
NOISE = (
    "Each weight gets noise of this share of the standard deviation of its layer's weights. All methods see the same "
    "networks. A map that follows the model changes while the probability of the class falls. The broad grey line is "
    "the share of the model's own probability that is left, at most 1. Bands reach from the lowest to the highest of "
    "three draws. Where a line has a gap, its value is not defined: no network with this noise has finite numbers, or "
    "a map is blank."
)
INFIDELITY = (
    "The photo gets noise, again and again. Each time the map predicts how far the score falls: the sum of map times "
    "noise. Infidelity is the mean squared error of this prediction. Here a map is first multiplied by the factor with "
    "which it predicts best, and its error is divided by that of a map of zeros: 0 is a perfect prediction, 1 is none. "
    "A map that knows nothing has about 0.99, not 1, because its factor is the best one for these 100 changes. It is "
    "above 0.96 in 19 of 20 cases: a value between 0.96 and 1 can be chance. The noise is "
    "very small, and for very small changes the gradient predicts best, because that is how it is defined. Maps that "
    "look further away, as SmoothGrad does, need not predict them. A map that is a product with the photo minus a "
    "baseline is divided by that first. Others stay as they are."
)
SENSITIVITY = (
    "The photo is changed a little, again and again, and the map is made anew. Max-sensitivity is the largest change "
    "of the map, divided by the size of the map: 0 is no change, at 1 the change is as large as the map. The noise of "
    "the method itself is held fixed: all its maps use the same draws. Lower is more stable. That does not show that a "
    "map is right: one that ignores the photo has 0."
)
PROBABILITY = (
    "Maps explain the probability. In a network with random layers all classes are about equally probable. The map of "
    "such a network is nearly that of the logit minus the mean of all logits, and its values are very small. The "
    "similarities do not depend on their size."
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


def changes_words(changes: Changes, std: float) -> tuple[str, str]:
    """The changes of infidelity and of max-sensitivity, in the values of the photo. `std` is that of model space."""
    noise, radius = (f"{255 * std * one:.2g} of 255 grey levels" for one in (changes.noise, changes.radius))
    return f"of {changes.count} changes, standard deviation {noise}", f"of {changes.repeats} changes within ±{radius}"


def infidelity_words(found: Robustness, panel: Panel) -> str:
    """What a pointer at a row says."""
    share = found.value(panel.method, "infidelity_share")
    if not share.defined:
        return share.why
    scaled, blank = (found.value(panel.method, name).value for name in ("infidelity_scaled", "infidelity_blank"))
    output = METHODS[panel.method].output or panel.output
    said = f"{scaled:.3g} of {blank:.3g} {output}²: {share.value:.3f}"
    return "; ".join(filter(None, [said, found.blank.get(panel.method)]))


def sensitivity_words(found: Robustness, panel: Panel) -> str:
    """What a pointer at a row says."""
    one = found.value(panel.method, "max_sensitivity")
    drawn = f"largest of {found.drawn.get(panel.method, 0)} changes so far"
    return f"{one.value:.3f}, {drawn}" if one.defined else one.why


def told(found: Sequence[Found]) -> str:
    """What is being computed."""
    if not found:
        return "waiting for its turn"
    words = {
        Randomised: "random layers",
        Contrast: "another class",
        Robustness: "small changes of the photo",
        Perturbed: "noise in the weights",
    }
    return f"{words[type(found[-1])]}: {found[-1].done} of {counted(found[-1].total, 'map')}"


def verdicts(method: str, found: Iterable[Found]) -> str:
    """What the checks found about a method, in one line."""
    said = []
    for one in found:
        finding = None if isinstance(one, Robustness) else one.verdict(method)
        if finding is not None:
            said.append(f"look closer: {finding.words}" if finding.flagged else finding.words)
        if isinstance(one, Randomised) and one.entropy_rise(method).defined:
            said.append(f"entropy {one.entropy_rise(method).value:+.0%} when all layers are random")
    return " · ".join(said) or "not checked yet"
