"""This project beside captum and PAIR's saliency, and beside a bare loop: `python tests/benchmarks/peers.py`.

`quicker` is the time of the other over ours, and `over` our time over that of the bare loop.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import subjects
from timing import Make, apart, together, write

NETWORKS = ("efficientnet_lite0", "resnet50", "densenet121")
BATCHES = (1, 2, 4, 8, 16)
Given = tuple[Make, Sequence[Any]]


def quickest(makes: Mapping[int, Given]) -> int:
    """The batch size that takes the least time, by two rounds."""
    found = together({str(size): given for size, given in makes.items()}, 2)
    return min(makes, key=lambda size: min(found[str(size)]))


def beside_peers(
    name: str, steps: int, samples: int, rounds: int, lives: int, sizes: Sequence[int]
) -> Iterator[dict[str, Any]]:
    few = max(2, samples // 8)
    size = quickest({b: (subjects.captums_smoothgrad, (name, few, b)) for b in sizes})
    captum, one = f"captum, batches of {size}", (subjects.one_map, (name, "smoothgrad", {"samples": samples}))
    pairs: list[tuple[str, Given, str, Given]] = [
        (
            "three maps",
            (subjects.three_maps, (name, steps, samples)),
            captum,
            (subjects.captums_three_maps, (name, steps, samples, size)),
        ),
        (f"SmoothGrad, R = {samples}", one, captum, (subjects.captums_smoothgrad, (name, samples, size))),
        (f"SmoothGrad, R = {samples}", one, "PAIR", (subjects.pairs_smoothgrad, (name, samples))),
    ]
    for what, ours, other, theirs in pairs:
        found = apart({"ours": ours, "theirs": theirs}, rounds, lives)
        ratio = found["theirs"].median / found["ours"].median
        yield {"what": what, "network": name, "beside": other, "over": "", "quicker": ratio}


def beside_bare(name: str, steps: int, samples: int, rounds: int, sizes: Sequence[int]) -> Iterator[dict[str, Any]]:
    few = max(2, samples // 4)
    size = quickest({b: (subjects.bare_gradients, (name, few, b)) for b in sizes})
    patches, regions = 10, max(2, samples // 5)
    passes = {b: (subjects.bare_passes, (name, [1, *[b] * (patches // b * regions)])) for b in (patches, patches // 2)}
    at_once = quickest(passes)
    smooth: Given = (subjects.one_map, (name, "smoothgrad", {"samples": samples}))
    pairs: list[tuple[str, Given, str, Given]] = [
        (
            f"IG, M = {steps}",
            (subjects.one_map, (name, "integrated_gradients", {"steps": steps})),
            f"batches of {size}",
            (subjects.bare_path, (name, steps, size)),
        ),
        (
            f"SmoothGrad, R = {samples}",
            smooth,
            f"batches of {size}, noise drawn in the loop",
            (subjects.bare_gradients, (name, samples, size, True)),
        ),
        (
            f"SmoothGrad, R = {samples}",
            smooth,
            f"batches of {size}, noise drawn before",
            (subjects.bare_gradients, (name, samples, size)),
        ),
        (
            f"perturbation curve, P = {patches}",
            (subjects.curve, (name, patches, regions)),
            f"batches of {at_once}",
            passes[at_once],
        ),
    ]
    for what, ours, loop, bare in pairs:
        found = together({"ours": ours, "bare": bare}, rounds)
        ratio = median(found["ours"]) / median(found["bare"])
        yield {"what": what, "network": name, "beside": f"a bare loop, {loop}", "over": ratio, "quicker": ""}


def main(arguments: Sequence[str] | None = None) -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--out", type=Path, default=Path("docs/performance"))
    given.add_argument("--networks", nargs="+", default=NETWORKS)
    given.add_argument("--steps", type=int, default=50)
    given.add_argument("--samples", type=int, default=150)
    given.add_argument("--rounds", type=int, default=5)
    given.add_argument("--lives", type=int, default=3, help="sets of processes beside a peer")
    given.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    args = given.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for name in args.networks:
        size = (name, args.steps, args.samples, args.rounds)
        for row in chain(beside_bare(*size, args.batches), beside_peers(*size, args.lives, args.batches)):
            print(row, flush=True)
            rows.append(row)
    write(args.out / "peers.csv", rows)


if __name__ == "__main__":
    main()
