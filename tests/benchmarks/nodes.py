"""The rules of Integrated Gradients with few steps: `python tests/benchmarks/nodes.py PHOTOS`.

For each rule and M: the completeness gap, a share of the score's climb, and the distance to the map at M = 2,000, a
share of its norm. Medians over the photos. Writes nodes.csv and nodes.png. A run that was stopped goes on with the same
command: until it ends, what is measured of each photo is in nodes.jsonl.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timing import write
from torch import Tensor

from attribution import Store, explain, load_image, load_model
from attribution.engine.baselines import make_baselines
from attribution.engine.profile import LOOKS
from attribution.explain import score_of
from attribution.models import Model

RULES = ("right", "midpoint", "gauss-legendre", "adaptive")


def dense(model: Model, x: Tensor, target: int, fine: int, parts: int) -> Tensor:
    """The map at M = `fine` by the midpoint rule; more steps than the knob allows, as a mean over parts of the path."""
    (black,) = make_baselines(model, x, "black")
    total = torch.zeros_like(x, dtype=torch.float64)
    for part in range(parts):
        start, end = (torch.lerp(black.image, x, k / parts) for k in (part, part + 1))
        knobs = {"steps": fine // parts, "rule": "midpoint", "baseline": start}
        total += explain(model, end, "integrated_gradients", target, **knobs).attribution
    return total


def measured(model: Model, photo: Path, steps: Sequence[int], fine: int, parts: int) -> list[dict[str, Any]]:
    x = model.prepare(load_image(photo))
    ((target, *_),) = model.predict(x, k=1)
    exact, store = dense(model, x, target, fine, parts), Store()
    (black,) = make_baselines(model, x, "black")
    low, high = score_of(model, x, target, "logit", None).values(torch.stack([black.image, x])).tolist()
    rows = []
    for rule in RULES:
        for count in steps:
            found = explain(model, x, "integrated_gradients", target, steps=count, rule=rule, store=store).attribution
            gap = abs(found.double().sum().item() - (high - low)) / abs(high - low)
            far = ((found - exact).norm() / exact.norm()).item()
            rows.append({"photo": photo.name, "rule": rule, "steps": count, "gap": gap, "distance": far})
    return rows


def remembered(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def main(arguments: Sequence[str] | None = None) -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("photos", type=Path)
    given.add_argument("--out", type=Path, default=Path("docs/performance"))
    given.add_argument("--most", type=int, default=50, help="photos at most")
    given.add_argument("--steps", type=int, nargs="+", default=[10, 25, 50, 100])
    given.add_argument("--fine", type=int, default=2000, help="the steps of the map that all are compared with")
    given.add_argument("--parts", type=int, default=4)
    args = given.parse_args(arguments)
    model = load_model(device="cpu")
    photos = sorted(path for path in args.photos.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    photos = photos[: args.most]
    file = args.out / "nodes.jsonl"
    known = {row["photo"] for row in remembered(file)}
    for number, photo in enumerate(photos, 1):
        if photo.name in known:
            continue
        rows = measured(model, photo, args.steps, args.fine, args.parts)
        with file.open("a") as lines:
            lines.writelines(json.dumps(row) + "\n" for row in rows)
        print(f"{photo.name}: {number} of {len(photos)}", flush=True)
    names = {photo.name for photo in photos}
    rows = [row for row in remembered(file) if row["photo"] in names]
    table = []
    for rule in RULES:
        for count in args.steps:
            some = [row for row in rows if (row["rule"], row["steps"]) == (rule, count)]
            quartiles = {
                f"{what} {name}": float(np.quantile([row[what] for row in some], share))
                for what in ("gap", "distance")
                for name, share in (("quarter", 0.25), ("median", 0.5), ("three quarters", 0.75))
            }
            passes = LOOKS + 1 if rule == "adaptive" else 0
            table.append({"rule": rule, "gradients": count, "passes": passes, "photos": len(some), **quartiles})
    write(args.out / "nodes.csv", table)
    plot(args.out / "nodes.png", table)
    file.unlink()


def plot(file: Path, table: list[dict[str, Any]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    for axes, what in zip(figure.subplots(1, 2), ("gap", "distance"), strict=True):
        for rule in RULES:
            some = [row for row in table if row["rule"] == rule]
            axes.plot([row["gradients"] for row in some], [row[f"{what} median"] for row in some], "o-", label=rule)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("M, gradients")
        axes.set_ylabel({"gap": "completeness gap, share of the climb", "distance": "distance to M = 2,000"}[what])
    figure.axes[0].legend()
    figure.savefig(file, dpi=100)


if __name__ == "__main__":
    main()
