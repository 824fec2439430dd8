"""The search for the best sigma of a photo. Buttons under the sigma control start it; Compare shows it."""

from dashboard.controls.beside import Beside
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.work.search import Search

NAMES = {"autvc": "smoothest (AUTVC)", "aupc": "most sensitive (AUPC)"}
SLOT = "find"
BESIDE = Beside(SLOT)
close = BESIDE.close


def buttons() -> None:
    """The buttons under the sigma control. Each starts a search."""
    BESIDE.buttons(
        {
            objective: (
                f"Find σ: {name.split(' (')[0]}",
                f"Searches σ by adaptive noising for the {name} map: up to 41 maps of R gradients each. Compare "
                "shows the search, and you can stop it there. At the end it sets σ.",
            )
            for objective, name in NAMES.items()
        }
    )


def current(experiment: Experiment, subject: Subject) -> Search | None:
    """The search that was started, if any. A change of the photo, model, class or score ends it."""
    objective, place = BESIDE.choice, (subject.image, subject.model.name, subject.target)
    if objective is None:
        return None
    wanted = Search(objective, *place, experiment.samples, experiment.patches, experiment.seed, experiment.output)
    return BESIDE.held(wanted, lambda one, other: _what(one) == _what(other))


def _what(search: Search) -> tuple[str, str, int, str]:
    return search.image, search.model, search.target, search.output


def settle(search: Search, sigma: float) -> None:
    """Sets the sigma that a search found; only once."""
    BESIDE.take(search, sigma=round(sigma, 4))
