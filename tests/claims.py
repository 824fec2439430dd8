"""What docs/results.md claims, decided: `python tests/claims.py`. It reads the results files in assets.

Each claim is a difference of two cases, photo by photo: its mean, its 95 % t interval, and p by the paired t-test after
Holm's correction for all differences of its results file that are claimed.
"""

from itertools import product
from pathlib import Path

import numpy as np

from attribution.benchmark.results import Results
from attribution.benchmark.tables import SURE, chance, holm, interval, tabulate
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
        *((AUTVC, "adaptive_noising:objective=autvc", taylor(sigma, 50)) for sigma in grid),
        *((AUPC, "adaptive_noising:objective=aupc", taylor(sigma, 50)) for sigma in grid),
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
    ]


def decide(title: str, file: Path, claims: list[Claim]) -> None:
    """Prints a line for each claim."""
    table = tabulate(Results.read(file).rows())

    def areas(measure: str, case: str) -> np.ndarray:
        return table.areas[measure][table.cases.index(table.find(case))]

    found = np.stack([areas(measure, one) - areas(measure, other) for measure, one, other in claims])
    lows, highs = interval(found)
    corrected = holm(chance(found))
    print(f"\n{title}: {len(table.photos)} photos, {len(claims)} differences")
    for (measure, one, other), mean, low, high, p in zip(claims, found.mean(1), lows, highs, corrected, strict=True):
        told = f"{measures()[measure].label}: {one} - {other}"
        print(f"{told:100} {mean:+.3f} [{low:+.3f}, {high:+.3f}] p = {p:.3f}{' *' if p < SURE else ''}")


if __name__ == "__main__":
    decide("The tables of the SmoothTaylor paper", ASSETS / "results.db.gz", of_the_papers_tables())
    decide("Every method", ASSETS / "ig-family.db.gz", of_every_method())
