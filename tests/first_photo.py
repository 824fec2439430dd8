"""On which sample photo do the methods differ, and beat a random order? `python tests/first_photo.py`.

For each photo and the default experiment: the AUPC of each method and of a random order (mean of 8; lower is better),
and how alike the maps of two methods are (mean rank correlation of absolute values; 1 is the same order of all pixels).
"""

from itertools import combinations
from statistics import mean

from scipy.stats import spearmanr

from attribution import METHODS, Store, explain, load_model, perturbation_curve
from attribution.controls import random_order
from attribution.heatmaps import reduce_channels
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.gallery import GALLERY, gallery_photo

DRAWS = 10
ORDERS = range(8)


def main() -> None:
    model, experiment = load_model(), Experiment()
    print(
        "photo, likeliest class, AUPC of each method, of a random order (mean of 8), mean rank correlation of two maps"
    )
    for name in GALLERY:
        x, store = model.prepare(gallery_photo(name)), Store()
        target, category, probability, _ = model.predict(x, k=1)[0]
        maps = {
            method: explain(model, x, method, target, store=store, **experiment.knobs(method)).attribution
            for method in experiment.methods
        }
        areas = {m: perturbation_curve(model, x, one, target, draws=DRAWS).area for m, one in maps.items()}
        orders = [random_order(*x.shape[-2:], seed)[None] for seed in ORDERS]
        control = mean(perturbation_curve(model, x, one, target, draws=DRAWS).area for one in orders)
        flat = {m: reduce_channels(one).flatten().numpy() for m, one in maps.items()}
        alike = mean(spearmanr(flat[a], flat[b]).statistic for a, b in combinations(flat, 2))
        listed = ", ".join(f"{METHODS[m].title} {area:.1f}" for m, area in areas.items())
        print(
            f"{name}: {category} {probability:.0%}: {listed}; random order {control:.1f}; alike {alike:.2f}", flush=True
        )


if __name__ == "__main__":
    main()
