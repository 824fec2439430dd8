"""The search for sigma on Compare: a chart while it runs, the map of each step, and the result in words."""

from dataclasses import dataclass
from functools import partial

import streamlit as st

from dashboard.charts.search import search as draw
from dashboard.charts.styles import CONFIG
from dashboard.controls.search import NAMES
from dashboard.experiment.words import counted
from dashboard.live import sheet
from dashboard.live.frames import map_message
from dashboard.live.hub import Part
from dashboard.live.sheet import Chart, Scrub, Tile
from dashboard.work.scheduler import View
from dashboard.work.search import Found, Search

CHART, STEP = "search", "step"
"""The names of its chart and its scrub."""
TILE = Tile("search", "Finding σ", "the map of a step")


@dataclass(frozen=True)
class Sought:
    """A search, and how far it is."""

    search: Search
    view: View

    @property
    def found(self) -> Found:
        found: Found = self.view.snapshot or Found()
        return found

    @property
    def title(self) -> str:
        return f"Finding σ · {NAMES[self.search.objective]}, {self.search.output}, R = {self.search.samples}"

    @property
    def ended(self) -> str:
        """A text when there is a result: the script must set sigma."""
        outcome = self.found.outcome
        return "" if outcome is None else f"σ = {outcome.sigma}"

    @property
    def words(self) -> str:
        found, state = self.found, self.view.state
        if state == "failed":
            return f"Failed: {self.view.error}."
        if found.outcome:
            out = found.outcome
            return (
                f"σ = {out.sigma:.4g} is now set: {self.search.objective.upper()} {out.area:.2f} in the search, "
                f"{out.fresh_area:.2f} when scored again on draws it had not seen, "
                f"after {counted(len(out.trials), 'evaluation')}."
            )
        if not found.trials:
            return f"{state} · {found.now or 'the first map'}"
        best = found.trials[-1]
        stopped = "stopped · " if state == "stopped" else ""
        now = f" · now {found.now}" if found.now and not stopped else ""
        so_far = f"best so far σ = {best.best_sigma:.4g} with {best.best_area:.2f}"
        return f"{stopped}{counted(len(found.trials), 'evaluation')}, {so_far}{now}"

    @property
    def trials(self) -> tuple[tuple[float, float, bool], ...]:
        return tuple((trial.sigma, trial.area, trial.accepted) for trial in self.found.trials)


def _chart(sought: Sought) -> Chart:
    note, words = "The steps of the search are numbered; a line joins the accepted ones.", "The area against sigma"
    return Chart(CHART, TILE.title, NAMES[sought.search.objective], note, words=f"{words}. {note}")


def parts(sought: Sought) -> list[Part]:
    """The chart, the scrub over the steps, and the map of each step."""
    found, chart = sought.found, _chart(sought)
    if not found.trials:
        return []
    numbers = [trial.number for trial in found.trials]
    scrub = Scrub.over(numbers, STEP, "step", "Step of the search", "Shows the map of a step. Nothing is recomputed.")
    frames = []
    for k, (trial, values) in enumerate(zip(found.trials, found.maps, strict=True)):
        kept = "" if trial.accepted else " · not accepted"
        status = f"{trial.number}: σ = {trial.sigma:.4g}, area {trial.area:.2f}{kept}"
        head = {"scrub": STEP, "at": trial.number, "of": str(sought.search), "status": status}
        words = f"The map at sigma {trial.sigma:.4g}"
        make = partial(map_message, TILE.name, values, words=words, **head)
        frames.append(Part(f"frame search {k}", (sought.search, k), make))
    drawn = sheet.chart(chart, sought.trials, partial(draw, sought.trials, chart.gloss))
    return [sheet.scrub(scrub), drawn, *frames]


def show(sought: Sought) -> None:
    """Draws the search beside plain images."""
    st.markdown(f"**{sought.title}**  \n{sought.words}")
    if sought.trials:
        chart = _chart(sought)
        st.plotly_chart(draw(sought.trials, chart.gloss), key="compare-search", config=CONFIG, alt=chart.words)
