"""Until settled: buttons under R start it, in the sidebar and on the stage. Compare shows it; at its end it sets R."""

from dataclasses import replace

from attribution import METHODS
from attribution.agreement import ENOUGH, SIDES
from attribution.registry import Range
from dashboard.controls import session
from dashboard.controls.beside import Beside
from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.experiment.own import COMPARED
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import listed
from dashboard.stage.stage import Act, Option
from dashboard.work.panel import Panel
from dashboard.work.settle import Settle

SLOT = "settle"
BESIDE = Beside(SLOT)
PLACES = (*SIDES, 0)
"""Where halves can be compared: pooled to so many cells a side, or pixel by pixel."""
SETTLING = tuple(method for method in COMPARED if METHODS[method].term is not None)
"""The methods that it is for."""
close = BESIDE.close


def most() -> int:
    """The largest R of the control: the budget."""
    allowed = FIELDS["samples"].allowed
    assert isinstance(allowed, Range)
    return int(allowed.high)


def at(side: int) -> str:
    """Where halves are compared, in words."""
    return f"at {side} cells" if side else "pixel by pixel"


def buttons(subject: Subject) -> None:
    """The buttons under R. Each starts it at one size of the maps. None without a map that settles."""
    if not panels(session.experiment(), subject):
        return
    BESIDE.buttons(
        {
            side: (
                f"Until settled {at(side)}",
                f"Draws samples until two halves of them agree by {ENOUGH:g} {at(side)}, for {_named()}: at most "
                f"{most()} gradients. Compare shows how far it is, and you can end it there. At the end it sets R.",
            )
            for side in (*SIDES[::-1], 0)
        }
    )


def _named() -> str:
    return listed([METHODS[method].title for method in SETTLING])


def act(experiment: Experiment, subject: Subject) -> Act | None:
    """The same as one button with a choice of the size, for the stage. None without a map that settles."""
    if not panels(experiment, subject):
        return None
    return Act(
        SLOT,
        "Until settled",
        f"Draws samples until two halves of them agree by {ENOUGH:g}, for {_named()}: at most {most()} gradients. "
        "Regions settle before pixels: at 28 cells, means over 28 cells a side are compared. At the end it "
        "sets R.",
        [Option(str(side), at(side)) for side in PLACES],
        f"until halves agree by {ENOUGH:g}, at most R = {most()}",
    )


def press(choice: str) -> None:
    """The button of the stage was pressed, with one of its choices; none of them ends what was started."""
    if choice in map(str, PLACES):
        BESIDE.start(int(choice))
    else:
        close()


def panels(experiment: Experiment, subject: Subject) -> tuple[Panel, ...]:
    """The maps that can settle, without their R."""
    found = []
    for method in experiment.methods:
        if method in SETTLING:
            panel = experiment.panel(method, subject.image, subject.model.name, subject.target)
            found.append(replace(panel, knobs=tuple(knob for knob in panel.knobs if knob[0] != "samples")))
    return tuple(found)


def current(experiment: Experiment, subject: Subject) -> Settle | None:
    """What was started, if anything. Another photo, model, class, method or setting of the maps ends it; R does not."""
    if BESIDE.choice is None:
        return None
    wanted = Settle(panels(experiment, subject), BESIDE.choice, most())
    return BESIDE.held(wanted, lambda one, other: bool(other.panels) and one == other)


def take(settle: Settle, samples: int) -> None:
    """Sets the R that was found; only once."""
    BESIDE.take(settle, samples=samples)
