"""The sanity checks of methods on one photo, and the CSV file that holds their numbers."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from attribution.benchmark.cases import SEED, Case
from attribution.engine.store import Store
from attribution.models import Model
from attribution.registry import METHODS
from attribution.similarity import MEASURES, Alike
from attribution.studies.other_class import Contrast, other_class
from attribution.studies.perturbed import LEVELS, Perturbed, model_perturbation
from attribution.studies.randomisation import Randomised, randomisation

DEFAULT = ("integrated_gradients", "smoothgrad", "smooth_taylor", "edges", "centre")
KEY = ("photo", "digest", "model", "weights", "setting", "base_seed", "method", "knobs")
"""The columns that tell a row from all others."""
VALUES = {
    **{f"random_{name}": f"{measure.title}, all layers random" for name, measure in MEASURES.items()},
    "last_spearman": "Rank correlation, last layer random",
    "entropy_rise": "Rise of the entropy",
    "class_spearman": "Rank correlation, other class",
    "class_pearson": "Signed correlation, other class",
    **{f"noise_{name}": f"{measure.title}, noise, mean over levels" for name, measure in MEASURES.items()},
    "noise_score": "Score, noise, mean over levels",
}
"""The columns with numbers, and what they are. Empty where a number is not defined; the column `why` says why."""
COLUMNS = (*KEY, "seed", "class", "category", "other", "other_category", *VALUES, "why", "randomised", "perturbed")


@dataclass(frozen=True)
class Setting:
    """Stages of the randomisation, levels of noise and how often each is drawn, and the other class."""

    stages: int = 4
    levels: tuple[float, ...] = LEVELS
    seeds: int = 1
    other: str = "second"


@dataclass(frozen=True, eq=False)
class Checked:
    """All checks of some methods on one photo."""

    model: Model
    cases: Mapping[str, Case]
    random: Randomised
    noise: Perturbed
    contrast: Contrast


def labelled(cases: Sequence[Case]) -> dict[str, Case]:
    """The cases by what a reader calls them: title, and the knobs that differ from their defaults."""
    found = {}
    for case in cases:
        entry = METHODS[case.name]
        changed = [entry.knobs[name].setting(value) for name, value in case.knobs if value != entry.knobs[name].default]
        found[" ".join([entry.title, *changed])] = case
    return found


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
    methods = {
        label: (case.name, {**dict(case.knobs), **({SEED: seed} if SEED in METHODS[case.name].knobs else {})})
        for label, case in cases.items()
    }
    store = Store()
    for random in randomisation(model, x, methods, target, stages=setting.stages, seed=seed, store=store):
        told(random.done, random.total)
    for noise in model_perturbation(
        model, x, methods, target, shares=setting.levels, seeds=setting.seeds, seed=seed, store=store
    ):
        told(noise.done, noise.total)
    for contrast in other_class(model, x, methods, target, other=setting.other, store=store):
        told(contrast.done, len(methods))
    return Checked(model, cases, random, noise, contrast)


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
    missing = Alike(float("nan"), noise.failed.get(label, "no level has this similarity"))
    curves = {name: noise.curve(label, name) for name in MEASURES}
    why = contrast.failed.get(label, "")
    found = {f"random_{name}": last.similarity(label, name) for name in MEASURES}
    found["last_spearman"] = first.similarity(label, "spearman")
    found["entropy_rise"] = random.entropy_rise(label)
    found["class_spearman"] = contrast.absolute.get(label, Alike(float("nan"), why))
    found["class_pearson"] = contrast.signed.get(label, Alike(float("nan"), why))
    for name, curve in curves.items():
        found[f"noise_{name}"] = Alike(float(np.mean([band.mean for band in curve]))) if curve else missing
    found["noise_score"] = Alike(float(np.mean([band.mean for band in noise.scores()])))
    return found


def row(checked: Checked, label: str) -> dict[str, str]:
    """The columns of a row but for those of the photo and of the run."""
    found, case, contrast = values(checked, label), checked.cases[label], checked.contrast
    categories = checked.model.categories
    stages = [[s.count, *(_number(s.similarity(label, m)) for m in MEASURES)] for s in checked.random.stages]
    bands = {name: {band.share: band.mean for band in checked.noise.curve(label, name)} for name in MEASURES}
    levels = [[b.share, round(b.mean, 6), *(bands[m].get(b.share) for m in MEASURES)] for b in checked.noise.scores()]
    reasons = {one.why: None for one in found.values() if not one.defined}
    return {
        "model": checked.model.name,
        "weights": checked.model.digest,
        "method": case.name,
        "knobs": case.text,
        "class": str(contrast.target),
        "category": categories[contrast.target],
        "other": str(contrast.other),
        "other_category": categories[contrast.other],
        **{name: f"{one.value:.6f}" if one.defined else "" for name, one in found.items()},
        "why": "; ".join(reasons),
        "randomised": json.dumps(stages),
        "perturbed": json.dumps(levels),
    }


def _number(one: Alike) -> float | None:
    return round(one.value, 6) if one.defined else None


def read(file: Path) -> list[dict[str, str]]:
    """The rows of a file; none where there is no file. A line that was not written to its end is left out.

    Raises ValueError for a file of another kind.
    """
    if not file.exists():
        return []
    text = file.read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1])))
    if text and not text.startswith(",".join(COLUMNS) + "\n"):
        raise ValueError(f"{file} is no table of sanity checks; choose another name")
    return rows


def write(file: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Replaces the file by one with these rows, at once."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    beside = file.with_name(file.name + ".new")
    beside.write_text(buffer.getvalue(), encoding="utf-8")
    beside.replace(file)
