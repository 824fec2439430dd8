"""What docs/results.md claims, decided: `python tests/claims.py`. It reads the results files in assets.

Each claim is a difference of two cases, photo by photo: its mean, its 95 % t interval, and p by the paired t-test after
Holm's correction for all differences of its results file that are claimed.
"""

import math
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
from scipy.stats import norm

from attribution.benchmark.intervals import SURE, chance, holm, interval
from attribution.benchmark.results import Results
from attribution.benchmark.tables import tabulate
from attribution.registry import measures

ASSETS = Path(__file__).parents[1] / "assets"
AUPC, AUTVC = "perturbation", "total_variation"
FAITHFUL = ("insertion", "deletion", "abpc")
ORDER = "random_order"
BLACK, MEAN, UNIFORM = (f"integrated_gradients:baseline={name}" for name in ("black", "mean", "uniform"))
Claim = tuple[str, str, str]
"""A measure and two cases: the first minus the second."""


def taylor(sigma: float, samples: int = 100) -> str:
    return f"smooth_taylor:sigma={sigma:g},samples={samples}"


def of_the_papers_tables() -> list[Claim]:
    grid = (0.3, 0.5, 0.7)
    smoothgrad = {sigma: f"smoothgrad:sigma={sigma:g},samples=150" for sigma in grid}
    return [
        *((AUTVC, taylor(sigma, 200), taylor(sigma, 100)) for sigma in grid),
        (AUTVC, taylor(0.7, 200), taylor(0.3, 200)),
        *((AUTVC, taylor(sigma), taylor(0.7)) for sigma in (0.01, 1, 2)),
        *((AUPC, taylor(sigma), taylor(0.1)) for sigma in (0.0001, 0.001, 0.01, 0.3, 0.5, 0.7, 1, 2)),
        (AUPC, f"{UNIFORM},draws=1", BLACK),
        *((measure, f"{UNIFORM},draws=20", f"{UNIFORM},draws=1") for measure in (AUPC, AUTVC)),
        *((measure, taylor(0.3), other) for other in (BLACK, f"{UNIFORM},draws=1") for measure in (AUPC, AUTVC)),
        *((measure, taylor(sigma, 150), smoothgrad[sigma]) for sigma in grid for measure in (AUPC, AUTVC)),
        *((AUTVC, "adaptive_noising:objective=autvc", taylor(sigma, 150)) for sigma in grid),
        *((AUPC, "adaptive_noising:objective=aupc", taylor(sigma, 150)) for sigma in grid),
        *((AUPC, case, ORDER) for case in (BLACK, f"{UNIFORM},draws=1", taylor(0.1), taylor(0.3))),
    ]


def of_every_method() -> list[Claim]:
    return [
        *((m, "idg", other) for m, other in product(FAITHFUL[:2], (MEAN, "agi", "guided_ig", "left_ig"))),
        *((m, method, MEAN) for method, m in product(("left_ig", "right_ig", "ggig"), FAITHFUL)),
        *((m, "ggig", "gradient") for m in FAITHFUL),
        *(("insertion", one, other) for one, other in (("lrp", "idg"), ("lrp", "smoothgrad"), ("smoothgrad", "idg"))),
        *((m, "expected_gradients", other) for m, other in product(FAITHFUL[1:], ("idg", "lrp"))),
        *((m, case, ORDER) for case, m in product((MEAN, BLACK, "smoothgrad"), (*FAITHFUL, AUPC))),
        *((AUPC, method, MEAN) for method in ("expected_gradients", "guided_ig", "lrp", "left_ig")),
        *((m, "idgi", MEAN) for m in FAITHFUL),
        *((m, "smooth_taylor", "smooth_taylor_null") for m in (*FAITHFUL[:2], AUPC)),
        *((m, "smoothgrad_squared", "smoothgrad") for m in (*FAITHFUL[:2], AUPC)),
        *((m, "centre", other) for other, m in product((ORDER, MEAN), (*FAITHFUL[:2], AUPC))),
    ]


def of_the_main_methods() -> list[Claim]:
    grid = (0.1, 0.3, 0.5)
    smoothgrad = {sigma: f"smoothgrad:sigma={sigma:g},form=mean" for sigma in grid}
    null = {sigma: f"smooth_taylor_null:sigma={sigma:g}" for sigma in grid}
    squared = "smoothgrad:form=squared"
    methods = (MEAN, UNIFORM, smoothgrad[0.3], squared, taylor(0.3, 150), "idg", "left_ig", "lrp")
    controls = (ORDER, "blurred_noise", "centre", "edges")
    return [
        *((measure, one, other) for one, other in ((UNIFORM, BLACK), (MEAN, BLACK)) for measure in (AUPC, AUTVC)),
        *((m, taylor(sigma, 150), smoothgrad[sigma]) for sigma, m in product(grid, (AUPC, AUTVC))),
        *((m, taylor(sigma, 150), null[sigma]) for sigma, m in product(grid, (AUPC, AUTVC))),
        *((m, taylor(sigma, 150), taylor(0.1, 150)) for sigma, m in product(grid[1:], (AUPC, AUTVC))),
        *((m, taylor(0.3, 150), other) for other, m in product((BLACK, MEAN, UNIFORM), (AUPC, AUTVC))),
        *((m, squared, smoothgrad[0.3]) for m in (AUPC, AUTVC)),
        *((AUPC, method, MEAN) for method in ("idg", "left_ig", "lrp")),
        *((AUPC, "idg", "left_ig"),),
        *((AUPC, BLACK, ORDER),),
        *((AUPC, method, control) for control, method in product(controls, methods)),
    ]


FILES = {
    "results.db.gz": ("The tables of the SmoothTaylor paper", of_the_papers_tables),
    "ig-family.db.gz": ("Every method", of_every_method),
    "headline.db.gz": ("The main methods and the controls", of_the_main_methods),
    "headline-probability.db.gz": ("The main methods and the controls, by the probability", of_the_main_methods),
}
LABELLED = ("headline.db.gz", "headline-probability.db.gz")
"""The files of which docs/results.md says, too, what the photos decide that are classified correctly."""


@dataclass(frozen=True)
class Decided:
    """A claim, its mean difference with the ends of its interval, and p after Holm's correction."""

    claim: Claim
    mean: float
    low: float
    high: float
    p: float

    @property
    def sure(self) -> bool:
        return self.p < SURE


def decide(name: str, correct: bool = False) -> tuple[int, list[Decided]]:
    """The number of photos of a results file of the project, and its claims; `correct`: of the photos that the model
    classifies correctly."""
    claims = FILES[name][1]()
    table = tabulate(Results.read(ASSETS / name).rows(), correct=correct)

    def areas(measure: str, case: str) -> np.ndarray:
        return table.areas[measure][table.cases.index(table.find(case))]

    found = np.stack([areas(measure, one) - areas(measure, other) for measure, one, other in claims])
    lows, highs = interval(found)
    corrected = holm(chance(found))
    told = map(Decided, claims, found.mean(1), lows, highs, corrected)
    return len(table.photos), list(told)


@dataclass(frozen=True)
class Resolution:
    """How small a difference of two methods in AUPC a results file can show, with a power of 80 %, one comparison.

    `spread` is the standard deviation of a paired difference over the photos, the median over all pairs of cases.
    `seen` is the difference that `photos` photos show, `needed` how many show a difference of 0.5.
    """

    photos: int
    spread: float
    seen: float
    needed: int


def resolution(name: str) -> Resolution:
    """Of a results file of the project. The number of photos is by the normal distribution."""
    table = tabulate(Results.read(ASSETS / name).rows())
    areas = table.areas[AUPC]
    spread = float(np.median([np.std(one - other, ddof=1) for one, other in combinations(areas, 2)]))
    factor, photos = float(norm.ppf(0.975) + norm.ppf(0.8)), len(table.photos)
    return Resolution(photos, spread, factor * spread / photos**0.5, math.ceil((factor * spread / 0.5) ** 2))


def main() -> None:
    """Prints a line for each claim, and what differences each file can show."""
    for name, (title, _) in FILES.items():
        photos, found = decide(name)
        can = resolution(name)
        print(f"\n{title}: {photos} photos, {len(found)} differences")
        print(f"AUPC: pairs differ by a standard deviation of {can.spread:.2f} over photos. {photos} photos show")
        print(f"a difference of {can.seen:.2f} (power 80 %); a difference of 0.5 needs {can.needed} photos")
        for one in found:
            print(told(one))
        if name in LABELLED:
            photos, right = decide(name, correct=True)
            print(f"Decided otherwise on the {photos} photos that the model classifies correctly:")
            for one, of_these in zip(found, right, strict=True):
                if one.sure != of_these.sure:
                    print(told(of_these))


def told(one: Decided) -> str:
    """A claim in one line."""
    measure, first, second = one.claim
    difference = f"{measures()[measure].label}: {first} - {second}"
    ends = f"[{one.low:+.3f}, {one.high:+.3f}]"
    return f"{difference:100} {one.mean:+.3f} {ends} p = {one.p:.3f}{' *' if one.sure else ''}"


if __name__ == "__main__":
    main()
