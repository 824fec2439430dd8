"""Measures how steady maps are: `python tests/sensitivity.py PHOTOS`. Means over the photos, with 95 % intervals."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded: other work needs the processors too

import numpy as np
from torch import Tensor

from attribution import explain, load_image, load_model
from attribution.benchmark.intervals import interval
from attribution.benchmark.run import photos
from attribution.engine.store import Store
from attribution.models import Model
from attribution.studies.robustness import max_sensitivity

RADIUS, REPEATS, STEPS = 0.05, 10, 50
METHODS = ("integrated_gradients", "left_ig", "right_ig")


def main(folder: Path) -> None:
    """All from the mean colour, in as many steps; differences are to the first method, photo by photo."""
    model, found = load_model(), []
    for photo in photos(folder):
        x = model.prepare(load_image(photo.read_bytes()))
        target = model.predict(x, k=1)[0][0]
        store = Store()  # the three methods rest on the same gradients
        found.append([steadiness(model, x, method, target, store) for method in METHODS])
        print(photo.name, *(f"{value:.3f}" for value in found[-1]), file=sys.stderr, flush=True)
    values = np.array(found).T
    around, differences = interval(values), interval(values - values[0])
    print(f"{len(found)} photos, radius {RADIUS}, {REPEATS} repeats, {STEPS} steps")
    for k, method in enumerate(METHODS):
        print(
            f"{method}: {values[k].mean():.3f} [{around[0][k]:.3f}, {around[1][k]:.3f}], "
            f"difference {(values[k] - values[0]).mean():+.3f} [{differences[0][k]:+.3f}, {differences[1][k]:+.3f}]"
        )


def steadiness(model: Model, x: Tensor, method: str, target: int, store: Store) -> float:
    def made(image: Tensor) -> Tensor:
        return explain(model, image, method, target, steps=STEPS, baseline="mean", store=store).attribution

    return max(max_sensitivity(made, x, radius=RADIUS, repeats=REPEATS))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
