"""Every key that a walk over all pages leaves in the session, with its owner: nothing else is kept."""

import re

import pytest
from page import QUICK, finish

from dashboard.experiment.experiment import FIELDS
from dashboard.pages import PAGES

pytestmark = pytest.mark.usefixtures("small_network")

OWNED = {
    # The session itself: the experiment, what was drawn of it, what it was read from, and what is found once.
    "controls": [
        "session-experiment",
        "session-drawn",
        "session-present",
        "session-numbers",
        "session-changed",
        "session-trail",
        "session-name",
        "session-last-model",
        "session-prepared",
        "session-thumbnails?",
        "session-thumbnail-(upload|pinned)",
        "session-folder-photo",
        "control-folder",
        "session-photo-missing",
        "session-pins",
        "session-lesson",
        # With a number when the program has set it, or when a page without it was opened in between.
        *(rf"control-{name}(-\d+)?" for name, how in FIELDS.items() if how.control),
        r"control-(image|model|target|methods)(-\d+)?",
        "control-own-.+",
        "control-(file|photo-remove)",
        "control-(equal-budget|paper|stop|resume|visit)",
        "control-(find|settle)-.+",
        "control-pin-(name|open|beside|remove)-.+",
        "control-lesson-(end|close)",
        "control-plain-.+",
        "control-weights-stage",
    ],
    "cold_start": ["cold-(waits|asks)"],
    "compare": [
        "compare-(stage|shown|finished|step|pin|export|drawn|photo-url|kind|colours|scale|opacity|scatter|search.*|settle-close)",
        "compare-(step-picture|chart|made)-.+",
    ],
    "sweep": [
        "sweep-(stage|setting|trail|method|cell|chosen|open)",
        r"sweep-(axis|values|preset)-\d",
    ],
    "results": ["results-(file|shipped|preset|table|metrics|model)", "results-made-.+", "results-.+"],
    "path": ["path-(stage|detour|others-.+)"],
    "noise": ["noise-(stage|both|side)"],
    "sanity": ["sanity-(stage|mode|shown|measure|most|other|own)"],
    "learn": [r"learn-open-\d", "learn-(path|blank)"],
}


def owner(key: str) -> str:
    """Whose key it is; empty where it is nobody's."""
    return next((who for who, keys in OWNED.items() if any(re.fullmatch(known, key) for known in keys)), "")


def test_every_key_has_an_owner(page, jobs):
    app = finish(page(**QUICK, own="guided_ig.steps:3,idg.steps:3"), jobs)
    app.button(key="compare-pin").click().run()
    app.slider(key="compare-step").set_value(2).run()
    found: set[str] = set()
    for one in PAGES:
        app = finish(app.switch_page(one.file).run(), jobs)
        found |= {str(key) for key in app.session_state}
    strangers = {key for key in found if not owner(key)}
    assert not strangers
    assert {owner(key) for key in found} == set(OWNED)


def test_a_key_is_one_owners_alone():
    for who, keys in OWNED.items():
        for key in keys:
            plain = re.sub(r"[\\.+*()|\[\]]|\\d", "", key)
            assert plain.partition("-")[0] in {"controls": ("session", "control"), "cold_start": ("cold",)}.get(
                who, (who,)
            )
