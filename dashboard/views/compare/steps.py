"""The photo at one step of each perturbation curve, with the replaced regions."""

import numpy as np
import PIL.Image
import PIL.ImageDraw
import streamlit as st

from attribution import METRICS
from attribution.images import to_picture
from attribution.metrics.perturbation import PerturbationCurve, perturbed
from dashboard.charts.looks import style
from dashboard.controls import session
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import counted
from dashboard.stage import pictures
from dashboard.work.panel import CONTROL, PERTURBATION, Cell

STEP = "compare-step"
LARGER = 2
"""The scale of the picture, so that frames fit between pixels."""


def chosen() -> None:
    """Sets the step from a click on the perturbation curve: the index of the clicked point."""
    points = st.session_state[f"compare-chart-{PERTURBATION}"].selection.points
    if points:
        st.session_state[STEP] = int(points[0]["point_index"])


def show(subject: Subject, cells: tuple[Cell, ...]) -> None:
    """Draws a slider over the steps, which a click on the curve also sets, and the photo at that step per method."""
    regions: int = METRICS[PERTURBATION].knobs["regions"].default
    step = st.slider(
        "Perturbed regions · click a point of the curve or drag this slider to see the photo at that step",
        0,
        regions,
        key=STEP,
        help=f"{METRICS[PERTURBATION].terms} The last replaced region has a white frame.",
    )
    if not step:
        return
    grid = st.grid(4, min_column_width=150)
    for cell in cells:
        if cell.panel.method == CONTROL:
            continue  # it is a mean over several orders
        curve = cell.curve(PERTURBATION)
        with grid.container(), st.container(key=f"compare-step-{cell.panel.method}"):
            title = cell.panel.title
            if not isinstance(curve, PerturbationCurve):
                st.caption(f"**{title}** · its curve is not computed yet")
                continue
            reached = min(step, len(curve.replaced))
            words = f"{title}: the photo after {counted(reached, 'region')}"
            st.image(_drawn(subject, cell.panel.method, curve, reached), width="stretch", alt=words)
            left = "" if reached == step else f" (of {step})"
            st.caption(f"**{title}** · {counted(reached, 'region')}{left}{told(curve, reached)}")


def told(curve: PerturbationCurve, step: int) -> str:
    """The value of the curve. It is no value of the picture, which has one of the patches of its last region."""
    if not step:
        return ""
    share = curve.y[step] / curve.y[0]  # that of a negative score begins at -1
    tried = counted(curve.draws, "patch")
    return f" · score {share:.2f} of the photo's: the mean over {tried} in the last region, one is shown"


def _drawn(subject: Subject, method: str, curve: PerturbationCurve, step: int) -> str:
    """The picture as a data URL; redrawn only when it changes."""

    def drawn() -> str:
        present = to_picture(subject.model.pixels(perturbed(subject.x, curve, step, subject.model)))
        return pictures.data_url(_outlined(present, method, curve, step))

    return session.once(f"compare-step-picture-{method}", (subject.image, curve.replaced[:step], curve.draws), drawn)


def _outlined(photo: np.ndarray, method: str, curve: PerturbationCurve, step: int) -> np.ndarray:
    """The photo with a frame around each replaced region: the last one white, the others in the method's colour."""
    height, width = photo.shape[:2]
    image = PIL.Image.fromarray(photo).resize((LARGER * width, LARGER * height), PIL.Image.Resampling.NEAREST)
    draw = PIL.ImageDraw.Draw(image)
    for k, (top, left, _) in enumerate(curve.replaced[:step]):
        corners = [LARGER * left, LARGER * top, LARGER * (left + curve.window) - 1, LARGER * (top + curve.window) - 1]
        draw.rectangle(corners, outline="#ffffff" if k == step - 1 else style(method)[0], width=LARGER)
    return np.asarray(image)
