"""What each lever gives: `python tests/benchmarks/levers.py`. Writes levers.csv.

`quicker` is the time without the lever over the time with it; all other levers are there in both.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import subjects
import torch
from timing import Make, apart, write

Given = tuple[Make, Sequence[Any]]
ON_CPU = ("folding", "memory", "layers", "channels last")
ON_CUDA = ("folding", "tf32", "graphs", "tf32 and graphs")
CURVES, PATCHES = 4, 10


def of_the_cpu(name: str, count: int, batch: int) -> Iterator[tuple[str, str, Given, Given]]:
    for what in ("gradients", "passes"):
        for lever in ON_CPU:
            one, other = ((subjects.levered, (name, what, count, batch, without)) for without in ("", lever))
            yield lever, f"{what} in batches of {batch}", one, other
    regions = max(1, count // PATCHES)
    alone = [1, *[PATCHES] * regions] * CURVES
    at_once = [CURVES, *[CURVES * PATCHES] * regions]
    one, other = ((subjects.bare_passes, (name, sizes)) for sizes in (at_once, alone))
    yield "one batch for all curves", f"passes of {CURVES} curves, P = {PATCHES}", one, other


def of_cuda(name: str, count: int) -> Iterator[tuple[str, str, Given, Given]]:
    for lever in ON_CUDA:
        one, other = ((subjects.on_cuda, (name, count, which)) for which in (lever, ""))
        if lever == "folding":  # both of the others need it
            one, other = other, (subjects.on_cuda, (name, count, "unfolded"))
        yield lever, f"SmoothGrad, R = {count}", one, other


def main(arguments: Sequence[str] | None = None) -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--out", type=Path, default=Path("docs/performance"))
    given.add_argument("--networks", nargs="+", default=["efficientnet_lite0", "resnet50", "densenet121"])
    given.add_argument("--count", type=int, default=80, help="gradients or passes that are timed at once")
    given.add_argument("--batch", type=int, default=8)
    given.add_argument("--rounds", type=int, default=5)
    given.add_argument("--lives", type=int, default=2, help="sets of processes")
    args = given.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for name in args.networks:
        cuda = torch.cuda.is_available()
        for lever, what, one, other in of_cuda(name, args.count) if cuda else of_the_cpu(name, args.count, args.batch):
            found = apart({"with": one, "without": other}, args.rounds, args.lives)
            ratio = found["without"].median / found["with"].median
            rows.append({"lever": lever, "what": what, "network": name, "quicker": ratio})
            print(rows[-1], flush=True)
    write(args.out / "levers.csv", rows)


if __name__ == "__main__":
    main()
