"""On which sample photo do the methods differ, and beat random orders? `python tests/first_photo.py`.

For each photo and the default experiment: the AUPC of each method and of random orders (lower is better); how far below
their mean an area must be to be told apart from them, by the rule of the page; and how alike the maps of two methods
are (mean rank correlation of absolute values; 1 is the same order of all pixels).
"""

from itertools import combinations
from statistics import mean

from scipy.stats import spearmanr
from torch import Tensor

from attribution import METHODS, Store, explain, load_model, perturbation_curve
from attribution.controls import random_orders
from attribution.heatmaps import reduce_channels
from attribution.types import Curve
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.gallery import GALLERY, gallery_photo


def main() -> None:
    model, experiment = load_model(), Experiment()
    for name in GALLERY:
        x, store = model.prepare(gallery_photo(name)), Store()
        target, category, probability, _ = model.predict(x, k=1)[0]

        def measured(found: Tensor, k: int = 0, x: Tensor = x, target: int = target) -> Curve:
            return perturbation_curve(model, x, found, target, draws=experiment.patches, seed=experiment.seed + k)

        maps = {
            method: explain(model, x, method, target, store=store, **experiment.knobs(method)).attribution
            for method in experiment.methods
        }
        areas = {method: measured(found).area for method, found in maps.items()}
        height, width = x.shape[-2:]
        *_, band = random_orders(lambda found, k: iter([measured(found, k)]), height, width, experiment.seed)
        flat = {method: reduce_channels(found).flatten().numpy() for method, found in maps.items()}
        alike = mean(spearmanr(flat[a], flat[b]).statistic for a, b in combinations(flat, 2))
        listed = ", ".join(
            f"{METHODS[m].title} {area:.1f}{' *' if band.area - area > band.reach else ''}" for m, area in areas.items()
        )
        print(
            f"{name}: {category} {probability:.0%}: {listed}; random orders {band.area:.1f}, told apart "
            f"{band.reach:.1f} below (*); alike {alike:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
