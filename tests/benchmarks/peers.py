"""This project beside captum and PAIR's saliency, and beside a bare loop: `python tests/benchmarks/peers.py`.

`quicker` is the time of the other over ours, and `over` our time over that of the bare loop.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import subjects
from timing import Found, interleaved, write

NETWORKS = ("efficientnet_lite0", "resnet50", "densenet121")
BATCHES = (1, 2, 4, 8, 16)


def best(makes: dict[int, Any]) -> int:
    """The batch size whose contestant is the quickest, by two rounds."""
    found = interleaved({str(size): make for size, make in makes.items()}, 2)
    return min(makes, key=lambda size: min(found[str(size)].seconds))


def row(what: str, name: str, ours: Found, theirs: dict[str, Found], relation: str) -> dict[str, Any]:
    other, quickest = min(theirs.items(), key=lambda item: item[1].median)
    ratio = quickest.median / ours.median if relation == "quicker" else ours.median / quickest.median
    return {"what": what, "network": name, "beside": other, relation: ratio, "rounds": len(ours.seconds)}


def peers(name: str, steps: int, samples: int, rounds: int, batches: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    few = max(2, samples // 8)
    size = best({b: (subjects.captums_smoothgrad, (name, few, b)) for b in batches})
    found = interleaved(
        {
            "ours": (subjects.three_maps, (name, steps, samples)),
            f"captum, batches of {size}": (subjects.captums_three_maps, (name, steps, samples, size)),
        },
        rounds,
    )
    yield {**row("three maps", name, found.pop("ours"), found, "quicker")}
    for other, make in {
        f"captum, batches of {size}": (subjects.captums_smoothgrad, (name, samples, size)),
        "PAIR": (subjects.pairs_smoothgrad, (name, samples)),
    }.items():
        ours = (subjects.one_map, (name, "smoothgrad", {"samples": samples}))
        found = interleaved({"ours": ours, other: make}, rounds)
        yield {**row(f"SmoothGrad, R = {samples}", name, found.pop("ours"), found, "quicker")}


def bare(name: str, steps: int, samples: int, rounds: int, batches: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    few = max(2, samples // 4)
    size = best({b: (subjects.bare_gradients, (name, few, b)) for b in batches})
    for what, count, ours in (
        (f"SmoothGrad, R = {samples}", samples, (subjects.one_map, (name, "smoothgrad", {"samples": samples}))),
        (
            f"IG, M = {steps}",
            steps,
            (subjects.one_map, (name, "integrated_gradients", {"steps": steps})),
        ),
        ("three maps", samples + steps, (subjects.three_maps, (name, steps, samples))),
    ):
        loop = {f"a bare loop, batches of {size}": (subjects.bare_gradients, (name, count, size))}
        found = interleaved({"ours": ours, **loop}, rounds)
        yield {**row(what, name, found.pop("ours"), found, "over")}
    patches, regions = 10, max(2, samples // 5)
    sizes = [1] + [patches] * regions
    halves = [1] + [patches // 2] * 2 * regions
    found = interleaved(
        {
            "ours": (subjects.curve, (name, patches, regions)),
            f"bare passes, batches of {patches}": (subjects.bare_passes, (name, sizes)),
            f"bare passes, batches of {patches // 2}": (subjects.bare_passes, (name, halves)),
        },
        rounds,
    )
    yield {**row(f"perturbation curve, P = {patches}", name, found.pop("ours"), found, "over")}


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--out", type=Path, default=Path("docs/performance"))
    given.add_argument("--networks", nargs="+", default=NETWORKS)
    given.add_argument("--steps", type=int, default=50)
    given.add_argument("--samples", type=int, default=150)
    given.add_argument("--rounds", type=int, default=5)
    given.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    args = given.parse_args()
    rows = []
    for name in args.networks:
        for measured in (bare, peers):
            rows += measured(name, args.steps, args.samples, args.rounds, tuple(args.batches))
    write(args.out / "peers.csv", ({"over": "", "quicker": "", **one} for one in rows))


if __name__ == "__main__":
    main()
