"""Every key that a walk over all pages leaves in the session, with its owner: nothing else is kept."""

import ast
import io
import re

import PIL.Image
import pytest
import torch
from page import QUICK, control, finish
from sources import files

from dashboard.controls import resources
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
        "session-unused",
        "session-(own-photo|pinned-photo|file-read|file-error|device|token)",
        "session-pins",
        "session-lesson",
        # With a number when the program has set it, or when a page without it was opened in between.
        *(rf"control-{name}(-\d+)?" for name, how in FIELDS.items() if how.control),
        r"control-(image|model|target|methods)(-\d+)?",
        "control-own-.+",
        "control-(file|photo-remove)",
        "control-(equal-budget|paper|controls|stop|resume|more|visit)",
        "control-(find|settle)-.+",
        "control-pin-(name|open|beside|remove)-.+",
        "control-lesson-(end|close)",
        "control-plain-.+",
        "control-weights(-(stage|heard))?",
    ],
    "cold_start": ["cold-(waits|asks)"],
    "compare": [
        "compare-(stage|heard|shown|finished|step|pin|export|drawn|photo-url|kind|colours|scale|opacity|scatter|search.*|settle-close)",
        "compare-(step-picture|chart|made)-.+",
    ],
    "sweep": [
        "sweep-(stage|heard|setting|others|trail|wrong|method|beside|cell|chosen|open)",
        r"sweep-(axis|values|preset|beside)-\d",
    ],
    "results": [
        "results-(file|shipped|preset|table|metrics|model|correct|means|differences)",
        r"results-made-(rows|table|lines|points|bands-.+|photo-\d)",
        r"results-(bands-.+|open-\d)",
        # With the file and the choice of rows: other rows have other methods.
        "results-(against|charted|first|second|by|folder) .+",
    ],
    "path": ["path-(stage|heard|detour|others-.+)"],
    "noise": ["noise-(stage|heard|both|side)"],
    "sanity": ["sanity-(stage|heard|mode|shown|measure|most|other|own)"],
    "learn": [r"learn-open-\d", "learn-(path|blank)"],
}


def photo() -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (300, 260), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def owner(key: str) -> str:
    """Whose key it is; empty where it is nobody's."""
    return next((who for who, keys in OWNED.items() if any(re.fullmatch(known, key) for known in keys)), "")


def test_every_key_has_an_owner(page, jobs, monkeypatch):
    monkeypatch.setattr(resources, "all_devices", lambda: [torch.device("cpu")] * 2)
    monkeypatch.setattr(resources, "schedulers", lambda: (jobs, jobs))
    app = finish(page(**QUICK, own="guided_ig.steps:3,idg.steps:3", sweep="smooth_taylor:sigma=0.1/0.5"), jobs)
    app.button(key="compare-pin").click().run()
    app.slider(key="compare-step").set_value(2).run()
    for name, data in (("mine.png", photo()), ("broken.png", b"no photo")):
        app.file_uploader(key="control-file").upload(name, data, "image/png").run()
    found = {str(key) for key in app.session_state}
    for one in PAGES:
        app = finish(app.switch_page(one.file).run(), jobs)
        found |= {str(key) for key in app.session_state}
        if one.name == "sweep":
            control(app.text_input, "sweep-values-0").set_value("much").run()
            found |= {str(key) for key in app.session_state}
    assert found >= {"session-file-read", "session-file-error", "session-device", "sweep-wrong"}
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


def test_a_key_that_has_a_name_in_the_code_has_an_owner():
    """Also one that only a browser, or the first run of a session, writes."""
    for file in files("dashboard"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign):
                held = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                keys = {one.value for one in held if isinstance(one, ast.Constant) and isinstance(one.value, str)}
                for key in keys:
                    if re.fullmatch(r"(session|control|cold)-[\w-]+", key):
                        assert owner(key), f"{file.name} names {key}"
