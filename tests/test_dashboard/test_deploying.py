"""docs/deploying.md and the Dockerfile: each figure is that of the code, each claim has its test, each file is here."""

import ast
import json
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import streamlit as st
from asked import at_once
from sources import ROOT, files
from streamlit.config import get_config_options, get_option

from attribution import MODELS, images
from attribution.benchmark import results
from dashboard.__main__ import split
from dashboard.controls import photo, pins, resources, thumbnails, visit
from dashboard.experiment import folder
from dashboard.experiment.choices import PATCHES
from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.live import hub, route
from dashboard.live.hub import HUB
from dashboard.stage import stage
from dashboard.views.sweep import others, sweep
from dashboard.work import kept, models, scheduler

PAGE = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
MB = 1024 * 1024


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading."""
    text = PAGE.split(f"## {heading}\n", 1)[1]
    rows = re.search(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert rows
    return [[cell.strip() for cell in row.strip("| \n").split(" | ")] for row in rows[0].splitlines()[2:]]


LIMITS = {
    "viewers of all sessions": f"{HUB.most}",
    "viewers of one session": f"{HUB.each}",
    "a message of the viewer": f"{route.MOST_BYTES:,} bytes",
    "an uploaded photo or results file": f"{photo.MOST_MEGABYTES} MB",
    "pixels of a photo": f"{images.MOST_PIXELS // 10**6} million",
    "sides of a photo": f"at least {images.SMALLEST_SIDE} pixels, at most {images.MOST_STRETCH} times as long as wide",
    "an unpacked results file": f"{results.MOST_BYTES // MB:,} MB",
    "photos of the folder": f"{folder.MOST_PHOTOS:,}",
    "a photo of the folder": f"{folder.MOST_BYTES // MB} MB",
    "thumbnails of the folder that are kept": f"{thumbnails.MOST:,}",
    "M, steps": f"{FIELDS['steps'].allowed.high:g}",
    "N, noise baselines": f"{FIELDS['draws'].allowed.high:g}",
    "R, samples, on the page": f"{FIELDS['samples'].allowed.high:g}",
    "P, patches": f"{max(PATCHES.values())}",
    "maps of a sweep": f"{sweep.MOST}",
    "methods beside a sweep": f"{others.MOST}",
    "pins of a session": f"{pins.MOST}",
    "networks kept on a device, besides those of pages": f"{models.MOST}",
    "remembered gradients of all sessions": f"{resources.STORE_BYTES // MB:,} MB",
    "photos and pins kept for a reload, of all sessions": f"{kept.MOST_BYTES // MB} MB",
    "cells of sweeps, of all sessions": f"{kept.CELLS}",
    "how long these are kept": f"{kept.SECONDS / 60:g} minutes",
    "pages that were left, whose photos are kept": f"{HUB.rest}",
    "how long those are kept": f"{hub.SECONDS / 60:g} minutes",
    "unfinished work that nobody looks at, which holds its photo": f"{scheduler.Scheduler().parked}",
    "finished work that nobody looks at": f"{scheduler.Scheduler().keep}",
    "how long either is kept": f"{scheduler.FORGET / 60:g} minutes",
    "weights of all networks, on disk": f"{sum(card.megabytes for card in MODELS.values()) / 1000:.1f} GB",
}


def test_the_limits_are_those_of_the_code():
    assert {what: limit for what, limit, _ in table("Limits")} == LIMITS
    assert get_option("server.maxUploadSize") == photo.MOST_MEGABYTES


@pytest.mark.parametrize("name", sorted({n for row in table("Limits") for n in re.findall(r"`([\w.]+)`", row[2])}))
def test_a_limit_stands_where_the_table_says(name):
    if name in get_config_options():
        return
    place, _, constant = name.rpartition(".")
    where = [
        file for file in files("attribution") + files("dashboard") if not place or file.stem == place.split(".")[-1]
    ]
    declared = rf"^(class )?{constant}\b"
    assert any(re.search(declared, file.read_text(encoding="utf-8"), flags=re.MULTILINE) for file in where)


@cache
def named_tests(file: str) -> set[str]:
    """The tests of a file, as pytest names them."""
    found = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found


@pytest.mark.parametrize(("claim", "named"), [(row[0], row[2]) for row in table("What a visitor can do")])
def test_every_claim_has_its_test(claim, named):
    tests = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", named)
    assert tests, claim
    for file, name in tests:
        assert name in named_tests(file), f"{claim} {file}::{name}"


class TestClaims:
    @pytest.mark.parametrize(
        "name", ["../resnet18", "hf-hub:a/b", "timm/resnet18", "http://a/b.pth", "/tmp/a.pth", "a\0b", ""]
    )
    def test_a_link_names_listed_networks_alone(self, name):
        assert Experiment.from_query({"model": name}).model == Experiment().model

    def test_only_the_command_line_opens_a_folder(self):
        opening = [file.name for file in files("dashboard") if "FOLDER.open(" in file.read_text(encoding="utf-8")]
        assert opening == ["options.py"]

    def test_another_token_brings_nothing_back(self, monkeypatch):
        held = kept.Kept(clock=lambda: 0.0)
        monkeypatch.setattr(resources, "kept", lambda: held)
        held.put("0" * 32, visit.Held(Experiment(), {"upload": ("digest", b"photo")}, ()), 5)
        assert held.get("0" * 32)
        for token in ("1" * 32, "0" * 31, "0" * 33, ""):
            assert not visit.bring_back(token)

    def test_who_clears_the_caches_of_streamlit_takes_nothing_from_others(self, process):
        """Any visitor can send the message that does it."""

        def everything() -> list[object]:
            return [process.schedulers(), process.downloads(), process.store(), process.kept(), process.cells()]

        before, threads = everything(), threading.active_count()
        for _ in range(3):
            st.cache_data.clear()
            st.cache_resource.clear()
            assert all(one is other for one, other in zip(before, everything(), strict=True))
        assert threading.active_count() == threads


@pytest.fixture
def process():
    """What a new process shares among its sessions; its workers end with the test."""
    spec = spec_from_file_location("resources_of_a_new_process", resources.__file__)
    made = module_from_spec(spec)
    before = set(threading.enumerate())
    spec.loader.exec_module(made)
    yield made
    for worker in (*made.schedulers(), made.downloads()):
        worker.close()
    assert set(threading.enumerate()) <= before, "no worker is left"


def test_who_asks_while_it_is_made_waits_for_that_one():
    begun, go_on, made = threading.Event(), threading.Event(), []

    def make() -> object:
        made.append(object())
        begun.set()
        go_on.wait(30)
        return made[-1]

    assert at_once(resources.once(make), begun, go_on) == made * 2
    assert len(made) == 1


DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def told(instruction: str) -> list[str]:
    """What stands after an instruction, each time; lines that go on are joined."""
    whole = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{instruction} +(.+)$", whole, flags=re.MULTILINE)


def words(line: str) -> list[str]:
    """An instruction in its form as a list."""
    return json.loads(line[line.index("[") :])


def copied() -> list[str]:
    return [name for line in told("COPY") for name in line.split()[:-1]]


class TestContainer:
    def test_what_is_copied_is_there_and_is_sent(self):
        lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        sent = [line[1:] for line in lines if line.startswith("!")]
        assert "*" in lines
        assert set(copied()) == set(sent)
        assert all((ROOT / name).exists() for name in copied())

    def test_what_the_build_reads_is_copied(self):
        """Everything at the top that the build of the package names."""
        read = {"pyproject.toml", "setup.py"}
        for name in ("pyproject.toml", "setup.py", "MANIFEST.in"):
            text = (ROOT / name).read_text(encoding="utf-8")
            read |= {top.name for top in ROOT.iterdir() if re.search(rf'["\s]{re.escape(top.name)}["\s]', text)}
        read -= {"tests", "docs"}  # words of the settings of pytest and ruff
        assert read <= set(copied()), read - set(copied())

    def test_the_dependencies_are_installed_before_the_code(self):
        """So that a change of the code does not install them again."""
        order = [line for line in DOCKERFILE.splitlines() if line.startswith(("COPY", "RUN"))]
        assert order.index("COPY requirements.txt ./") < order.index("COPY attribution attribution")
        assert not any(fnmatch(line, "RUN*--no-deps*") for line in order[: order.index("COPY attribution attribution")])

    def test_torch_is_chosen_by_the_lines_that_the_build_greps(self):
        (pattern,) = re.findall(r'grep "(.+?)" requirements.txt', DOCKERFILE)
        chosen = re.findall(rf"{pattern}.*", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
        assert [re.split(r"[>=<]", line)[0] for line in chosen] == ["torch", "torchvision"]
        assert told("ARG") == ["TORCH=cpu", "INDEX=https://download.pytorch.org/whl/${TORCH}"]
        assert '--index-url "${INDEX}" --requirement torch.txt' in DOCKERFILE

    def test_it_runs_as_a_user(self):
        (user,) = told("USER")
        assert int(user) > 0
        assert f"--uid {user} dashboard" in DOCKERFILE
        after = DOCKERFILE.split(f"USER {user}\n", 1)[1]
        assert "RUN" not in after
        assert "USER root" not in after

    def test_the_weights_are_in_the_volume(self, monkeypatch):
        (volume,) = told("VOLUME")
        (line,) = told("ENV")
        variables = dict(variable.split("=") for variable in line.split())
        assert variables["TORCH_HOME"] == volume
        monkeypatch.setenv("TORCH_HOME", volume)
        downloaded = [card.file for card in MODELS.values() if card.url]
        assert len(downloaded) > 10
        assert all(file.is_relative_to(volume) for file in downloaded)
        code = "from huggingface_hub.constants import HF_HUB_CACHE; print(HF_HUB_CACHE)"
        done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
        assert Path(done.stdout.strip()).is_relative_to(volume)

    def test_it_starts_with_options_that_exist(self):
        (line,) = told("ENTRYPOINT")
        command, *given = words(line)
        scripts = (ROOT / "pyproject.toml").read_text().split("[project.scripts]", 1)[1]
        assert f"{command} = " in scripts
        streamlits, ours = split(given)
        assert not ours
        options = dict(option.removeprefix("--").split("=") for option in streamlits)
        assert set(options) <= set(get_config_options())
        assert told("EXPOSE") == [options["server.port"]]
        assert options["server.address"] == "0.0.0.0"

    @pytest.mark.parametrize("base", ["", "attribution", "/a/b/"])
    def test_its_health_is_asked_for_at_the_address_of_streamlit(self, base, monkeypatch):
        monkeypatch.setattr(stage.st, "get_option", {"server.baseUrlPath": base}.get)
        with answering(200) as (port, asked):
            assert self.health(port, base) == 0
            assert asked == [f"{stage.base()}_stcore/health"]

    def test_a_server_that_fails_is_unhealthy(self):
        with answering(503) as (port, _):
            assert self.health(port, "") != 0
        assert self.health(port, "") != 0, "nobody answers"

    def health(self, port: int, base: str) -> int:
        (line,) = told("HEALTHCHECK")
        python, *command = words(line)
        assert python == "python"
        here = [word.replace(f":{told('EXPOSE')[0]}", f":{port}") for word in command]
        environment = {"STREAMLIT_SERVER_BASE_URL_PATH": base}
        return subprocess.run([sys.executable, *here], env=environment, capture_output=True, timeout=60).returncode


@contextmanager
def answering(status: int):
    """A server that answers everything with a status: its port, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *given: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


def test_the_proxy_of_the_example_lets_both_sockets_through():
    (nginx,) = re.findall(r"^```nginx\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    (place,) = re.findall(r"location (\S+) {", nginx)
    assert f"STREAMLIT_SERVER_BASE_URL_PATH={place.strip('/')} " in PAGE
    settings = dict(re.findall(r"^\s+(proxy_set_header \w+|\w+)\s+([^;\n]+);", nginx, flags=re.MULTILINE))
    assert settings["proxy_set_header Upgrade"] == "$http_upgrade"
    assert settings["proxy_set_header Connection"] == "$connection_upgrade"
    assert settings["proxy_set_header Host"] == "$http_host", "the origin of a page is compared with it, with its port"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", settings["proxy_pass"]), "a path here would cut the base path off"
    assert int(settings["client_max_body_size"].removesuffix("m")) > photo.MOST_MEGABYTES
    assert all(one.path.startswith(place) for one in route.routes(place, HUB, lambda origin, host: True))
