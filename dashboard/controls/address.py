"""The experiment <-> the page's address. Back and Forward set what their address says.

Streamlit runs the script with the address of the entry that Back reached. A run can also carry an address that is older
than the session's last change: it was on its way when that change was made. So addresses that the session wrote itself
are remembered, and are no news.
"""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.controls import session
from dashboard.experiment.experiment import NAMES, Experiment
from dashboard.experiment.gallery import PINNED, UPLOAD

TRAIL = "session-trail"
KNOWN = 32
"""How many addresses are remembered as the session's own. A run writes one, so no more can be on their way."""
Query = dict[str, str]


@dataclass
class Trail:
    """What is known of the addresses so far. It is changed in place: a run that is cut off leaves no half of it."""

    page: str | None = None
    """Of the last run; None before the first."""
    known: deque[Query] = field(default_factory=lambda: deque(maxlen=KNOWN))
    """Written by this session, or read and dealt with."""
    sent: Query | None = None
    """The last one that was written."""


def adopts(
    page: str, query: Query, last: str | None, known: Iterable[Query], back: bool, changed: bool = False
) -> bool:
    """Whether the address says what to show, rather than the session.

    `last` is the page of the run before, None in the first run; `back` is whether the reader pressed Back or Forward,
    `changed` whether a control was changed.
    """
    if last is None or back:
        return True
    if page != last:
        # A page link has no query, and keeps what there is. A change on a page that was left meanwhile brings its own.
        return bool(query) and not changed
    return query not in known


def news(key: str, page: str, names: Collection[str]) -> Query | None:
    """What the address says under these names, where that is to be shown; else None. To be called in every run.

    `key` is where the session keeps its trail.
    """
    trail: Trail = st.session_state.setdefault(key, Trail())
    query = _named(names)
    found = adopts(page, query, trail.page, trail.known, _back(), session.changed())
    trail.page = page
    trail.known.append(query)
    return query if found else None


def read(page: str) -> None:
    """Takes the experiment from the address when the session begins, and when a person moves through the history."""
    query = news(TRAIL, page, NAMES.values())
    if query is None and session.begun():
        return
    session.put(experiment_of(query or {}))


def experiment_of(query: Query) -> Experiment:
    """The experiment of an address. The reader's own photo is not in it: the session has it, or it is missing."""
    found, image = Experiment.from_query(query), query.get(NAMES["image"])
    if image in (UPLOAD, PINNED):
        if session.photo(image) is not None:
            return replace(found, image=image)
        session.miss_photo()
    return found


def query_of(experiment: Experiment) -> Query:
    """The address of an experiment. It says that the photo is the reader's own, which a link does not."""
    own = {NAMES["image"]: experiment.image} if experiment.own_photo else {}
    return {**own, **experiment.to_query()}


def write() -> None:
    """Writes the experiment to the address; what else stands there stays.

    The first run leaves the address as the link has it: another spelling of it would be one more entry of the history.
    """
    trail: Trail = st.session_state[TRAIL]
    query, now = query_of(session.experiment()), _named(NAMES.values())
    if trail.sent is None:
        trail.sent = now
    # What was sent last counts too: the browser may have received it after it said what its address is.
    if not now == query == trail.sent:
        trail.sent = query
        trail.known.append(query)
        others = {key: st.query_params.get_all(key) for key in st.query_params if key not in NAMES.values()}
        st.query_params.from_dict({**others, **query})
    session.settled()


def _named(names: Collection[str]) -> Query:
    return {key: value for key, value in st.query_params.to_dict().items() if key in names}


def _back() -> bool:
    """Streamlit tells this to its own widgets only. Where it does not, Back changes the address for a moment alone."""
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))
