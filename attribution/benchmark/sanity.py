"""The sanity checks of methods on one photo, and the columns of the CSV file that holds their numbers."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from attribution.benchmark.cases import Case, seeded
from attribution.benchmark.survey import KEY, numbers
from attribution.engine.store import Store
from attribution.models import Model
from attribution.similarity import MEASURES, Alike
from attribution.studies.other_class import Contrast, other_class
from attribution.studies.perturbed import LEVELS, Band, Perturbed, model_perturbation
from attribution.studies.randomisation import Randomised, randomisation

VALUES = {
    **{f"random_{name}": f"{measure.title}, all layers random" for name, measure in MEASURES.items()},
    "last_spearman": "Rank correlation, last layer random",
    "entropy_rise": "Rise of the entropy",
    "class_spearman": "Rank correlation, other class",
    "class_pearson": "Signed correlation, other class",
    **{f"noise_{name}": f"{measure.title}, noise, mean over levels" for name, measure in MEASURES.items()},
    "noise_score": "Share of the probability that is left, noise, mean over levels",
}
"""The columns with numbers, and what they are. Empty where a number is not defined; the column `why` says why."""
COLUMNS = (*KEY, "seed", "class", "category", "other", "other_category", *VALUES, "why", "randomised", "perturbed")

So = TypeVar("So")


@dataclass(frozen=True)
class Setting:
    """Stages of the randomisation, levels of noise and how often each is drawn, the other class, and the score.

    `mode`, `own_class` and `statistics` are those of `randomisation`.
    """

    stages: int = 4
    levels: tuple[float, ...] = LEVELS
    seeds: int = 1
    other: str | int = "second"
    output: str = "logit"
    mode: str = "cascading"
    own_class: bool = False
    statistics: bool = False

    @property
    def text(self) -> str:
        """As JSON, for the file. What came later is named only if it is chosen: older files do not have it."""
        later = {"output": "logit", "mode": "cascading", "own_class": False, "statistics": False}
        known = asdict(self)
        return json.dumps({name: value for name, value in known.items() if name not in later or value != later[name]})


@dataclass(frozen=True, eq=False)
class Checked:
    """All checks of some methods on one photo."""

    model: Model
    cases: Mapping[str, Case]
    random: Randomised
    noise: Perturbed
    contrast: Contrast


def check(
    model: Model,
    x: Tensor,
    cases: Mapping[str, Case],
    setting: Setting,
    seed: int,
    target: int | None = None,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Checked:
    """All checks of the cases on one photo. `told` hears of the maps that are done. Raises ValueError as the checks do.

    The seed is that of the methods' noise, of the random layers and of the noise of weights.
    """
    methods, output = seeded(cases, seed), setting.output
    store = Store()
    layers: dict[str, Any] = {"stages": setting.stages, "seed": seed, "mode": setting.mode}
    layers |= {"own_class": setting.own_class, "statistics": setting.statistics}
    levels: dict[str, Any] = {"shares": setting.levels, "seeds": setting.seeds, "seed": seed}
    # All are begun before one goes on: what one of them refuses is told before the others have done their work.
    by_layers = _begun(randomisation(model, x, methods, target, **layers, output=output, store=store))
    by_noise = _begun(model_perturbation(model, x, methods, target, **levels, output=output, store=store))
    by_class = _begun(other_class(model, x, methods, target, other=setting.other, output=output, store=store))
    for random in by_layers:
        told(random.done, random.total)
    for noise in by_noise:
        told(noise.done, noise.total)
    for contrast in by_class:
        told(contrast.done, contrast.total)
    return Checked(model, cases, random, noise, contrast)


def _begun(run: Iterator[So]) -> Iterator[So]:
    """The run, after its first step: a ValueError of its setting is raised here."""
    return chain([next(run)], run)


def verdicts(checked: Checked) -> Iterator[tuple[str, str, str, bool]]:
    """(method, check, words, flagged) for each method and check."""
    for label in checked.cases:
        findings = {
            "random layers": checked.random.verdict(label),
            "noise in the weights": checked.noise.verdict(label),
            "class": checked.contrast.verdict(label),
        }
        for name, finding in findings.items():
            assert finding is not None, "all checks are complete"
            yield label, name, finding.words, finding.flagged


def values(checked: Checked, label: str) -> dict[str, Alike]:
    """The numbers of a method, by column."""
    random, noise, contrast = checked.random, checked.noise, checked.contrast
    first, last = random.stages[1], random.stages[-1]
    why = contrast.failed.get(label, "")
    alone = Alike(float("nan"), "no stage has all layers random")
    found = {
        f"random_{name}": last.similarity(label, name) if random.mode == "cascading" else alone for name in MEASURES
    }
    unlike = Alike(float("nan"), "no stage has the last layer alone: use more stages")
    found["last_spearman"] = first.similarity(label, "spearman") if first.count == 1 else unlike
    found["entropy_rise"] = random.entropy_rise(label)
    found["class_spearman"] = contrast.absolute.get(label, Alike(float("nan"), why))
    found["class_pearson"] = contrast.signed.get(label, Alike(float("nan"), why))
    for name in MEASURES:
        mean = _over_levels(noise, noise.curve(label, name), _lacking(noise, label, name))
        found[f"noise_{name}"] = Alike(math.nan, noise.failed[label]) if label in noise.failed else mean
    lost = ["it has no finite score" for level in noise.levels if math.isnan(level.score)]
    found["noise_score"] = _over_levels(noise, noise.scores(), lost)
    return found


def _lacking(noise: Perturbed, label: str, name: str) -> list[str]:
    """Why the similarity is not defined, for each network with noise where it is not."""
    found = (level.alike[label][name].why if label in level.alike else level.failed[label] for level in noise.levels)
    return [why for why in found if why]


def _over_levels(noise: Perturbed, bands: Sequence[Band], lacking: Sequence[str]) -> Alike:
    """The mean over the levels of noise. It is not defined if a network lacks it: it would be that of other noise."""
    if lacking:
        return Alike(math.nan, f"on {len(lacking)} of {len(noise.levels)} networks with noise: {lacking[0]}")
    return Alike(float(np.mean([band.mean for band in bands])))


def row(checked: Checked, label: str) -> dict[str, str]:
    """The columns of a row but for those of the photo and of the run."""
    found, contrast = values(checked, label), checked.contrast
    categories = checked.model.categories
    stages = [[s.count, *(_number(s.similarity(label, m)) for m in MEASURES)] for s in checked.random.stages]
    curves = [{band.share: band for band in checked.noise.curve(label, name)} for name in MEASURES]
    bands = {score.share: [score, *(curve.get(score.share) for curve in curves)] for score in checked.noise.scores()}
    levels = [
        [share, *(band and round(band.mean, 6) for band in found), [_ends(band) for band in found]]
        for share, found in bands.items()
    ]
    return {
        "class": str(contrast.target),
        "category": categories[contrast.target],
        "other": str(contrast.other),
        "other_category": categories[contrast.other],
        **numbers(found),
        "randomised": json.dumps(stages),
        "perturbed": json.dumps(levels),
    }


def _number(one: Alike) -> float | None:
    return round(one.value, 6) if one.defined else None


def _ends(band: Band | None) -> list[float] | None:
    """The lowest and the highest of the draws."""
    return None if band is None else [round(band.low, 6), round(band.high, 6)]
