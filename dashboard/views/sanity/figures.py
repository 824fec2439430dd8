"""The charts of Sanity."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial

from attribution.similarity import LITTLE, MEASURES
from attribution.studies.changed_image import Robustness
from attribution.studies.perturbed import Band, Perturbed
from attribution.studies.randomisation import Randomised
from dashboard.charts import sanity as charts_of
from dashboard.charts.sanity import Figure, Kept
from dashboard.live import sheet
from dashboard.live.hub import Part
from dashboard.live.sheet import Chart
from dashboard.views.sanity.words import (
    ALIKE,
    AXES,
    INFIDELITY,
    LAYERS,
    NOISE,
    SENSITIVITY,
    changes_words,
    infidelity_words,
    sensitivity_words,
)
from dashboard.work.panel import Panel


def layers_chart(random: Randomised, panels: Sequence[Panel], name: str, of: Hashable) -> Part:
    """How alike the maps stay while layers become random, by the measure of this name."""
    measure = MEASURES[name]
    words = f"{measure.title} of each map with that of the model, against the random layers"
    chart = Chart("sanity-layers", "Random layers", ALIKE, LAYERS[random.mode], words=words)
    lines = []
    for panel in panels:
        found = random.curve(panel.method, name)
        y = [one.value if one.defined else None for _, one in found]
        lines.append(Kept(panel.method, panel.title, [count for count, _ in found], y))
    draw = partial(charts_of.stages, lines, random.counts, measure.title, AXES[random.mode], _little(name))
    return sheet.chart(chart, (of, name, random.done), draw)


def noise_chart(noise: Perturbed, panels: Sequence[Panel], name: str, of: Hashable) -> Part:
    """How alike the maps stay while the weights get noise, by the measure of this name."""
    measure = MEASURES[name]
    words = f"{measure.title} of each map with that of the model, and the {charts_of.SCORE}, against the noise"
    chart = Chart("sanity-noise", "Noise in the weights", ALIKE, NOISE, words=words)
    several = len(noise.levels) > len(noise.shares)
    shares = list(dict.fromkeys(one.share for one in noise.levels))
    lines = [_over(shares, noise.curve(one.method, name), one.method, one.title, several) for one in panels]
    score = _over(shares, noise.scores())
    draw = partial(charts_of.noise, lines, score, measure.title, _little(name))
    return sheet.chart(chart, (of, name, noise.done), draw)


def _over(
    shares: Sequence[float], bands: Sequence[Band], method: str = "", title: str = "", several: bool = False
) -> Kept:
    """A line over the noise so far, with a gap where nothing is known. `several`: with the band of several draws."""
    known = {band.share: band for band in bands}

    def of(edge: str) -> list[float | None]:
        return [getattr(known[share], edge) if share in known else None for share in shares]

    return Kept(method, title, shares, of("mean"), *((of("low"), of("high")) if several else ()))


def nearby_charts(found: Robustness, panels: Sequence[Panel], std: float, of: Hashable) -> list[Part]:
    """Infidelity and max-sensitivity of each method so far. `std` is that of the pixels of the model, in [0, 1]."""
    noise, radius = changes_words(found.changes, std)
    infidelity = Chart(
        "sanity-infidelity", "Infidelity", noise, help=INFIDELITY, words="Infidelity of each map, as a share"
    )
    sensitivity = Chart(
        "sanity-sensitivity", "Max-sensitivity", radius, help=SENSITIVITY, words="Max-sensitivity of each map"
    )

    def rows(name: str, words: Callable[[Robustness, Panel], str]) -> list[Figure]:
        values = {panel: found.value(panel.method, name) for panel in panels}
        return [
            Figure(
                panel.method,
                panel.title,
                one.value if one.defined else None,
                words(found, panel),
                "blank map" if panel.method in found.blank else "",
            )
            for panel, one in values.items()
        ]

    missed = partial(
        charts_of.figures,
        rows("infidelity_share", infidelity_words),
        "share of the error of a map of zeros",
        1.0,
        "a map of zeros",
    )
    moved = partial(charts_of.figures, rows("max_sensitivity", sensitivity_words), "share of the size of the map")
    version = (of, found.done, len(found.failed))
    return [sheet.chart(infidelity, version, missed), sheet.chart(sensitivity, version, moved)]


def _little(name: str) -> float | None:
    return LITTLE if name == "spearman" else None
