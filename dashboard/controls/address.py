"""The experiment <-> the URL. Back and Forward set the experiment from the URL.

After Back, Streamlit runs the script with the URL of that history entry. A run can also have a URL that is older than
the last change of the session, because the browser sent it before that change. So the session remembers the URLs that
it wrote itself, and ignores them when they come back.
"""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.controls import lesson, session
from dashboard.experiment.experiment import NAMES, Experiment
from dashboard.experiment.first import FIRST
from dashboard.experiment.folder import known
from dashboard.experiment.gallery import PINNED, UPLOAD

OWN_MISSING = "Your own photo is not in this session any more. Upload it again in the sidebar."
OTHER_MISSING = "The photo of this link is not on this server: another one is shown."
OTHER_VALUES = "Some values of this link cannot be used: {}. Others are shown instead."
UNUSED = "session-unused"
TRAIL = "session-trail"
KNOWN = 32
"""How many of its own URLs a session remembers. Each run writes at most one, so a few can be in transit at a time."""
Query = dict[str, str]


@dataclass
class Trail:
    """The known URLs. Changed in place, so that an interrupted run cannot leave it half written."""

    page: str | None = None
    """The page of the last run; None before the first run."""
    known: deque[Query] = field(default_factory=lambda: deque(maxlen=KNOWN))
    """URLs that this session wrote, or already applied."""
    sent: Query | None = None
    """The last URL that was written."""
    due: Query | None = None
    """A URL that must still set the experiment. A run can be interrupted before it does."""


def adopts(
    page: str, query: Query, last: str | None, known: Iterable[Query], back: bool, changed: bool = False
) -> bool:
    """Whether the URL sets the experiment; if not, the session keeps its own.

    `last` is the page of the previous run, None in the first run. `back`: the user pressed Back or Forward.
    `changed`: a control was changed.
    """
    if last is None or back:
        return True
    if page != last:
        # A page link has no query: the session keeps its experiment. A change on the last page writes its own query.
        return bool(query) and not changed
    return query not in known


def news(key: str, page: str, names: Collection[str]) -> Query | None:
    """The values of these names in the URL if they must be applied, else None. Must be called in every run.

    `key` is where the session keeps its trail. After the values are applied, `applied` must be called: until then they
    are returned again.
    """
    trail: Trail = st.session_state.setdefault(key, Trail())
    query, changed = named(names), session.changed()
    found = adopts(page, query, trail.page, trail.known, _back(), changed) or (query == trail.due and not changed)
    trail.page, trail.due = page, query if found else None
    trail.known.append(query)
    return trail.due


def applied(key: str) -> None:
    """The values that `news` returned are applied."""
    trail: Trail = st.session_state[key]
    trail.due = None


def read(page: str) -> None:
    """Reads the experiment from the URL at the start of a session, and after Back or Forward."""
    query = news(TRAIL, page, NAMES.values())
    if query is None and session.begun():
        return
    found = experiment_of(query or {}, page)
    if session.begun() and found != session.experiment():
        lesson.close()
    session.put(found)
    st.session_state[UNUSED] = (found, found.unlike_link(query or {}))
    applied(TRAIL)


def not_used() -> None:
    """Says which values of the link are not used, until something is changed."""
    found, unused = st.session_state.get(UNUSED, (None, ()))
    if unused and found == session.experiment():
        st.info(OTHER_VALUES.format(", ".join(unused)), icon=":material/link_off:")


def experiment_of(query: Query, page: str) -> Experiment:
    """The experiment of a URL. A URL cannot contain the user's own photo: the session has it, or it is missing.

    Compare's bare address is the first experiment. On other pages it is the default one.
    """
    if not query and not page:
        return FIRST
    found, image = Experiment.from_query(query), query.get(NAMES["image"])
    if image in (UPLOAD, PINNED):
        if session.photo(image) is not None:
            return replace(found, image=image)
        session.miss_photo(OWN_MISSING)
    else:
        session.miss_photo("" if image is None or known(image) else OTHER_MISSING)
    return found


def link_of(experiment: Experiment) -> Query:
    """The URL query of a link to an experiment on Compare. It is never empty: that is the first experiment."""
    return experiment.to_query() or {NAMES["image"]: Experiment().image}


def query_of(experiment: Experiment, page: str) -> Query:
    """The URL query of an experiment. Unlike a shared link, it also states that the photo is the user's own."""
    own = {NAMES["image"]: experiment.image} if experiment.own_photo else {}
    found = {**own, **experiment.to_query()}
    if page:
        return found
    return {} if experiment == FIRST else found or link_of(experiment)


def write(page: str) -> None:
    """Writes the experiment to the URL; other parameters stay.

    The first run does not rewrite the URL of a link: a different spelling would add an entry to the history.
    """
    trail: Trail = st.session_state[TRAIL]
    query, now = query_of(session.experiment(), page), named(NAMES.values())
    if trail.sent is None:
        trail.sent = now
    # Compare with the last URL sent too: the browser may have received it after it reported its URL.
    if not now == query == trail.sent:
        send(TRAIL, query, NAMES.values())
    session.settled()


def send(key: str, query: Query, names: Collection[str]) -> None:
    """Writes the values of these names to the URL, as one step of the history; other parameters stay.

    `key` is where the session keeps its trail.
    """
    trail: Trail = st.session_state[key]
    trail.sent = query
    trail.known.append(query)  # it is no news when a run carries it
    others = {name: st.query_params.get_all(name) for name in st.query_params if name not in names}
    st.query_params.from_dict({**others, **query})


def named(names: Collection[str]) -> Query:
    """The values of these names in the URL."""
    return {key: value for key, value in st.query_params.to_dict().items() if key in names}


def _back() -> bool:
    """A private flag of Streamlit. In versions without it, Back changes the URL only for a moment."""
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))
