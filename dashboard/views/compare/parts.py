"""The messages of a map and of a curve."""

import json
from dataclasses import asdict
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from attribution import METRICS
from attribution.controls import Band
from attribution.images import to_picture
from attribution.metrics.perturbation import PerturbationCurve, perturbed
from attribution.types import Curve
from dashboard.experiment.own import shared
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import axes, describe, explained
from dashboard.live.frames import map_message, pack
from dashboard.live.hub import Part
from dashboard.stage import pictures
from dashboard.work.panel import Cell, Snapshot


def chart(name: str, output: str) -> dict[str, Any]:
    """What the stage must know to draw the curves of a metric, measured on this score."""
    metric = METRICS[name]
    return {
        "name": name,
        "title": metric.title,
        "label": metric.label,
        "reading": metric.reading,
        "note": explained(metric),
        "axes": asdict(axes(metric, output)),
    }


def map_part(cell: Cell, snapshot: Snapshot) -> Part:
    """A map, or what there is of it."""

    def made() -> bytes:
        if snapshot not in _MESSAGES:
            panel, shown = cell.panel, snapshot.partial
            said = describe(panel.title, shown.attribution)
            head = {"done": shown.done, "total": shown.total, "words": said, "measure": panel.unit}
            values = pictures.signed(shown.attribution)
            _MESSAGES[snapshot] = map_message(panel.method, values, **head, **_place(cell, snapshot))
        return _MESSAGES[snapshot]

    return Part(f"map {cell.panel.method}", snapshot, made)


_MESSAGES: WeakKeyDictionary[Snapshot, bytes] = WeakKeyDictionary()
"""The message of each map, made once for all who look at it."""


def _place(cell: Cell, snapshot: Snapshot) -> dict[str, Any]:
    """Where the map is among those that differ from it by one knob only, its family: at which value of that knob.

    A partial map of a mean over samples is the map of fewer samples. Half of the steps of a path are another path, so
    only whole maps of a path have a place. A method whose knob no shared control sets has none: a hand at R or M does
    not turn it.
    """
    panel, done = cell.panel, snapshot.partial.done
    knobs = dict(panel.knobs)
    knob = next((name for name in ("samples", "steps") if shared(panel.method, name)), "")
    if not knob or (knob == "steps" and not snapshot.partial.complete):
        return {}
    at = done if knob == "samples" else knobs[knob]
    rest = {name: value for name, value in knobs.items() if name != knob}
    return {"knob": knob, "at": at, "family": json.dumps([panel.image, panel.model, panel.target, panel.output, rest])}


def curve_part(subject: Subject, cell: Cell, metric: str, curve: Curve) -> Part:
    """A curve of a map, or what there is of it. A whole perturbation curve brings the pixels of its regions."""
    method, view = cell.panel.method, cell.view(metric)
    done = view is not None and view.state == "done"

    def made() -> bytes:
        head: dict[str, Any] = {
            "part": "curve",
            "metric": metric,
            "name": method,
            "x": [round(float(value), 4) for value in curve.x],
            "y": [round(float(value), 4) for value in curve.y],
            "ticks": list(curve.ticks),
            "done": done,
            **band_of(curve),
        }
        if not (isinstance(curve, PerturbationCurve) and done):
            return pack(head)
        head["window"], head["replaced"] = curve.window, [place[:2] for place in curve.replaced]
        return pack(head, _patches(subject, curve))

    return Part(f"curve {metric} {method}", (curve, done), made)


def band_of(curve: Curve) -> dict[str, list[float]]:
    """The lowest and the highest of the random orders at each x; empty for other curves."""
    if not isinstance(curve, Band):
        return {}
    return {name: [round(float(y), 4) for y in ends] for name, ends in (("low", curve.low), ("high", curve.high))}


def _patches(subject: Subject, curve: PerturbationCurve) -> bytes:
    """The pixels of each replaced region, in order."""
    space, side = subject.model, curve.window
    last = to_picture(space.pixels(perturbed(subject.x, curve, len(curve.replaced), space)))
    found = [last[top : top + side, left : left + side] for top, left, _ in curve.replaced]
    return b"".join(np.ascontiguousarray(one, np.uint8).tobytes() for one in found)
