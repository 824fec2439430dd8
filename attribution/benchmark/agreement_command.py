"""The command `agreement` over a folder: how well two halves of the draws agree, and how many draws they would need."""

import argparse
import json
import math
from collections.abc import Mapping

from torch import Tensor

from attribution.agreement import ENOUGH, SIDES, agreements, needed, place
from attribution.benchmark.cases import Case, seeded
from attribution.benchmark.survey import KEY, Survey, folder_options, numbers
from attribution.explain import together
from attribution.heatmaps import blank
from attribution.models import Model
from attribution.registry import METHODS
from attribution.similarity import Alike
from attribution.types import Partial

DESCRIPTION = (
    "Measures how well the maps of two halves of the noise of a method agree, on the photos of a folder. They are "
    "compared with their signs, pixel by pixel and averaged over cells. It takes no gradients beside those of the map."
)
NOISY = ("smoothgrad", "smooth_taylor", "smooth_taylor_null")
WHERE = {"pixels": place(0), **{str(side): place(side) for side in SIDES}}
"""Where the halves are compared, by the end of the name of the column."""
NEEDED = {f"needed_{where}": f"Gradients until they agree by {ENOUGH}, {words}" for where, words in WHERE.items()}
VALUES = {
    **{f"agreement_{where}": f"Agreement of the halves, {words}" for where, words in WHERE.items()},
    **NEEDED,
}
COLUMNS = (*KEY, "seed", "class", "category", "gradients", *VALUES, "why")
NOTE = (
    f"From {ENOUGH} on, a map counts as settled; the gradients until then are estimated from the agreement. "
    "Halves of a map of nothing but noise agree by 0 if the map has signs, and by more if it has none, as squares."
)
CONSTANT = "the map of one half is constant"
NO_HALVES = "the method draws no noise, or only once: there are no halves"
UNRELATED = "the agreement is not told from that of unrelated maps: nothing follows from it"


def agreement_options() -> argparse.ArgumentParser:
    """The options of the command, without the word `agreement`."""
    made = folder_options("agreement", DESCRIPTION, NOISY)
    made.add_argument("--seed", type=int, default=0, help="of the noise; default: 0")
    return made


def agreement_survey(given: argparse.Namespace) -> Survey:
    """The check over a folder. Raises ValueError for a seed that cannot be."""
    if given.seed < 0:
        raise ValueError(f"--seed {given.seed} must be at least 0")

    def rows(model: Model, x: Tensor, cases: Mapping[str, Case], seed: int) -> dict[str, dict[str, str]]:
        target = model.predict(x, k=1)[0][0]
        known = {"class": str(target), "category": model.categories[target]}
        made = together(model, x, seeded(cases, seed), target, output=given.output)
        return {label: {**known, **_row(cases[label], found)} for label, found in made if found is not None}

    return Survey("agreement", COLUMNS, VALUES, NOTE, json.dumps({"output": given.output}), rows, tuple(NEEDED))


def _row(case: Case, found: Partial | ValueError) -> dict[str, str]:
    if isinstance(found, ValueError):
        return {"gradients": "", **numbers(_missing(str(found)))}
    gradients = METHODS[case.name].gradients(dict(case.knobs), found.total)
    return {"gradients": str(gradients), **numbers(measured(found), ".6g")}


def _missing(why: str) -> dict[str, Alike]:
    return dict.fromkeys(VALUES, Alike(math.nan, why))


def measured(found: Partial) -> dict[str, Alike]:
    """The numbers of a complete map, by column."""
    if why := blank(found.attribution.sum(0)):
        return _missing(why)
    if found.halves is None:
        return _missing(NO_HALVES)
    height, width = found.halves.shape[-2:]
    told = _missing(f"the map has {height} x {width} pixels, not more than that")
    for side, value in agreements(found.halves.cpu()).items():
        where = "pixels" if side == height else str(side)
        draws = needed(value, found.done, height * width if side == height else side**2)
        why = CONSTANT if math.isnan(value) else ""
        told[f"agreement_{where}"] = Alike(value, why)
        told[f"needed_{where}"] = Alike(math.nan, why or UNRELATED) if draws is None else Alike(draws)
    return told
