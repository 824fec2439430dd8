"""How time and memory grow with each setting: `python tests/benchmarks/growth.py`. Writes growth.csv and growth.png.

Times are divided by the time of one gradient (or one pass) in the same round, so the machine drops out.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import subjects
from timing import Make, apart, together, write

Given = tuple[Make, Sequence[Any]]


def lines(name: str, scale: int) -> dict[str, dict[int, Given]]:
    """For each setting, its values and what is computed with each. `scale` shortens all of them."""
    counts = [max(1, n // scale) for n in (50, 100, 200, 300, 400, 500)]
    few = [max(1, n // scale) for n in (5, 10, 20, 30, 40, 50)]
    sides = [96, 128, 160, 192, 224, 256] if scale == 1 else [64, 96]
    return {
        "R, samples": {n: (subjects.one_map, (name, "smoothgrad", {"samples": n})) for n in counts},
        "M, steps": {n: (subjects.one_map, (name, "integrated_gradients", {"steps": n})) for n in counts},
        "P, noise patches": {n: (subjects.curve, (name, n, max(2, 10 // scale))) for n in few},
        "L, regions": {n: (subjects.curve, (name, max(2, 10 // scale), n)) for n in few},
        "pixels": {
            side * side: (subjects.one_map, (name, "smoothgrad", {"samples": max(2, 32 // scale)}, side))
            for side in sides
        },
    }


def straight(x: Sequence[float], y: Sequence[float]) -> float:
    """The share of the variance that a straight line explains, R squared."""
    return float(np.corrcoef(x, y)[0, 1] ** 2)


def main(arguments: Sequence[str] | None = None) -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--out", type=Path, default=Path("docs/performance"))
    given.add_argument("--network", default="efficientnet_lite0")
    given.add_argument("--rounds", type=int, default=5)
    given.add_argument("--scale", type=int, default=1, help="all settings are divided by it")
    args = given.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for setting, makes in lines(args.network, args.scale).items():
        found = together({str(value): one for value, one in makes.items()}, args.rounds)
        times = {value: median(found[str(value)]) for value in makes}
        longest = max(times.values())
        fit = straight(list(times), list(times.values()))
        for value, seconds in times.items():
            rows.append({"setting": setting, "value": value, "time": seconds / longest, "straight": fit})
    more = max(1, 50 // args.scale)
    from_150 = together(
        {
            "R 150 to 200": (subjects.growing, (args.network, 3 * more, 4 * more)),
            "bare": (subjects.bare_gradients, (args.network, more, 8, True)),
        },
        args.rounds,
    )
    ratio = median(from_150["R 150 to 200"]) / median(from_150["bare"])
    rows.append({"setting": f"R {3 * more} -> {4 * more} over {more} bare gradients", "value": "", "time": ratio})
    memory = apart(
        {
            str(n): (subjects.one_map, (args.network, "smoothgrad", {"samples": max(1, n // args.scale)}))
            for n in (50, 500)
        },
        1,
        1,
    )
    ratio = memory["500"].after / memory["50"].after
    rows.append({"setting": "peak memory of R = 500 over R = 50", "value": "", "time": ratio})
    write(args.out / "growth.csv", ({"straight": "", **row} for row in rows))
    plot(args.out / "growth.png", [row for row in rows if row["value"] != ""])


def plot(file: Path, rows: list[dict[str, Any]]) -> None:
    from matplotlib.figure import Figure

    settings = list(dict.fromkeys(row["setting"] for row in rows))
    figure = Figure(figsize=(3 * len(settings), 3), layout="constrained")
    for axes, setting in zip(figure.subplots(1, len(settings), sharey=True), settings, strict=True):
        points = [(row["value"], row["time"]) for row in rows if row["setting"] == setting]
        axes.plot(*zip(*points, strict=True), "o-", color="#0072B2")
        axes.set_xlabel(setting)
        axes.set_xlim(0)
        axes.set_ylim(0)
    figure.axes[0].set_ylabel("time, share of the longest")
    figure.savefig(file, dpi=100)


if __name__ == "__main__":
    main()
