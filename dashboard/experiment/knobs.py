"""The fields of the experiment that are turned on the stage."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dashboard.experiment.experiment import FIELDS, Experiment

KNOBS = ("sigma", "samples", "steps", "baseline", "draws")


def turned(experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
    """The experiment with other values of the knobs. Raises ValueError for other fields; numbers are clamped."""
    unknown = [name for name in values if name not in KNOBS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no knob of the stage")
    found = {name: FIELDS[name].read(str(value), getattr(experiment, name)) for name, value in values.items()}
    return replace(experiment, **found)
