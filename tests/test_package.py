"""The package, built and installed far from the repository: its files, its commands, and the app that it serves."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_plus

import browser
import numpy as np
import pytest
import ways
import yaml
from pages import (
    PATIENCE,
    choose,
    complete,
    foreign,
    maps,
    seen,
    settings,
    settled,
    until_another,
    until_at,
    until_under,
    visit,
)
from playwright.sync_api import Page, expect, sync_playwright
from serving import started
from skimage import data
from skimage.io import imsave

from dashboard import options
from dashboard.__main__ import split

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def run(*command: object, where: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(word) for word in command], cwd=where, env=clean(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def clean() -> dict[str, str]:
    """The environment without what would lead back to the repository. One thread each: tests share the processors."""
    leading = ("PYTHON", "STREAMLIT_", "VIRTUAL")
    return {key: value for key, value in os.environ.items() if not key.startswith(leading)} | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """The files of the repository, and nothing that was built in it."""
    folder = tmp_path_factory.mktemp("source")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory) -> Path:
    """The wheel of the repository, built without a network: by the setuptools of this environment."""
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel"]
    run(*pip, "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", out, source, where=out)
    (found,) = out.glob("*.whl")
    return found


def packed(kind: str, source: Path, out: Path) -> Path:
    """A folder as a wheel or as a source distribution, built as pip does it, but without pip's own seconds."""
    out.mkdir()
    run(sys.executable, "-c", f"from setuptools import build_meta as b; b.build_{kind}({str(out)!r})", where=source)
    (found,) = out.iterdir()
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The folder of the commands of a new environment. It borrows the dependencies from this one, by their folder."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False)
    there = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", there]
    run(*pip, "install", "--no-deps", "--no-index", wheel, where=place)
    packages = Path(
        run(there, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", where=place).stdout.strip()
    )
    borrowed = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (packages / "borrowed.pth").write_text("\n".join(borrowed))
    return place / "bin"


ONE_PROCESS = """
import runpy, sys
import attribution, dashboard.place as place

def run(command, arguments):
    sys.argv = [command, *arguments]
    runpy.run_path(command, run_name="__main__")

command, app, *options = sys.argv[1:]
print(attribution.__file__, place.ASSETS, sep="\\n")
for arguments in {done!r}:
    print("the command:", arguments)
    try:
        run(command, arguments.split())
    except SystemExit as end:
        assert not end.code, end.code
{address}
from dataclasses import replace
from functools import partial
from attribution import METRICS, controls
from dashboard.experiment.choices import PATCHES

controls.ORDERS, PATCHES["quick"] = 2, 1
fall = METRICS["perturbation"]
METRICS["perturbation"] = replace(fall, run=partial(fall.run, regions=3))
run(app, options)
"""
DONE = (
    "explain photos/mine.png --method smoothgrad --samples 2 --out map.png --out map.npy",
    "models",
    "benchmark photos --methods gradient --metrics total_variation --out results.db",
    "benchmark report results.db",
)


class Running(NamedTuple):
    """A process of the package that is installed: the folder it runs in, its address, and a hub of networks."""

    folder: Path
    address: str
    hub: ways.Hub

    @property
    def said(self) -> str:
        return (self.folder / "said.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def running(installed, tmp_path_factory) -> Iterator[Running]:
    """Its command, several times, and then the app, in one process: to import the packages takes longer than all that.

    The app is served below a path, as behind a proxy, with every network that `ways` names. Its curves are short and
    rough.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "photos").mkdir()
    imsave(folder / "photos" / "mine.png", data.coffee()[:, 100:500], check_contrast=False)
    code = ONE_PROCESS.format(done=DONE, address=ways.ADDRESS)
    # -P: as in a command that is installed, the folder in which it runs is no place of modules.
    command = [installed / "python", "-u", "-P", "-c", code, installed / "attribution"]
    options = [installed / "attribution-dashboard", "--photos", "photos"]
    options += [word for name in ways.TITLES for word in ("--model", name)]
    with (
        ways.prepared(folder) as hub,
        (folder / "said.txt").open("w") as said,
        started([*command, *options], base="class", cwd=folder, env=clean() | hub.environment, stdout=said) as address,
    ):
        yield Running(folder, address, hub)


class TestWheel:
    def test_it_has_every_file_of_both_packages(self, wheel):
        named = set(zipfile.ZipFile(wheel).namelist())
        for package in ("attribution", "dashboard"):
            files = [file for file in (ROOT / package).rglob("*") if file.is_file() and "__pycache__" not in file.parts]
            assert {file.relative_to(ROOT).as_posix() for file in files} <= named

    def test_it_has_what_the_app_reads(self, wheel):
        named = set(zipfile.ZipFile(wheel).namelist())
        code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "dashboard").rglob("*.py"))
        read = set(re.findall(r'ASSETS / "([\w.-]+)"', code))
        assert len(read) > 4
        assert {f"dashboard/assets/{name}" for name in read} | {"dashboard/.streamlit/config.toml"} <= named
        for name in read:
            assert zipfile.ZipFile(wheel).read(f"dashboard/assets/{name}") == (ROOT / "assets" / name).read_bytes()

    def test_nothing_else_lands_beside_other_packages(self, wheel):
        tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
        assert {top for top in tops if not top.endswith(".dist-info")} == {"attribution", "dashboard"}

    def test_the_files_of_the_container_build_the_same(self, wheel, source, tmp_path):
        """What the Dockerfile copies is enough, and without what it does not copy."""
        text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
        for line in re.findall(r"^COPY (.+)$", text, flags=re.MULTILINE):
            *names, target = line.split()
            for name in names:
                if (source / name).is_dir():
                    shutil.copytree(source / name, tmp_path / "files" / target)
                else:
                    (tmp_path / "files").mkdir(exist_ok=True)
                    shutil.copy(source / name, tmp_path / "files" / target)
        again = packed("wheel", tmp_path / "files", tmp_path / "again")
        assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())

    def test_its_metadata(self, wheel):
        archive = zipfile.ZipFile(wheel)
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        told = HeaderParser().parsestr(archive.read(name).decode())
        cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
        assert (told["Name"], told["Version"]) == ("attribution-dashboard", cited["version"])
        assert told["License-Expression"] == cited["license"]
        assert told["Author"] == cited["authors"][0]["name"]
        assert told["Keywords"].split(",") == cited["keywords"]
        assert told.get_all("License-File") == ["LICENSE"]
        assert archive.read(name.replace("METADATA", "licenses/LICENSE")) == (ROOT / "LICENSE").read_bytes()
        (paper,) = (one["url"] for one in cited["references"] if "SmoothTaylor" in one["title"])
        assert told.get_all("Project-URL") == [f"Paper, {paper}"]
        assert "Typing :: Typed" in told.get_all("Classifier")
        assert told["Description-Content-Type"] == "text/markdown"

    def test_the_source_distribution_builds_the_same(self, wheel, source, tmp_path):
        with tarfile.open(packed("sdist", source, tmp_path / "sdist")) as archive:
            archive.extractall(tmp_path / "unpacked", filter="data")
        (folder,) = (tmp_path / "unpacked").iterdir()
        again = packed("wheel", folder, tmp_path / "again")
        assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


class TestCommands:
    @pytest.mark.parametrize("name", ["attribution", "attribution-dashboard"])
    def test_they_run_in_the_environment_of_the_package(self, installed, name):
        assert os.access(installed / name, os.X_OK)
        assert (installed / name).read_text().startswith(f"#!{installed / 'python'}\n")

    def test_what_the_package_that_is_installed_does(self, running, installed):
        places, *told = running.said.split("the command: ")
        assert all(Path(place).is_relative_to(installed.parent) for place in places.splitlines())
        explained, models, _, report = (text.partition("\n")[2] for text in told)
        assert "smoothgrad of class" in explained
        assert "written: map.png" in explained
        assert np.load(running.folder / "map.npy").shape == (3, 224, 224)
        assert (running.folder / "map.png").read_bytes().startswith(b"\x89PNG")
        assert any(line.startswith("efficientnet_lite0: ") for line in models.splitlines())
        assert "Gradient" in report

    def test_the_help_of_the_app_names_its_command(self):
        made = options.parser()
        assert made.prog in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
        assert "--server.port=9000" in made.format_help()

    def test_an_option_that_is_wrong_is_a_line(self, installed, tmp_path):
        command = [installed / "attribution-dashboard", "--photo", "photos"]
        done = subprocess.run(command, cwd=tmp_path, env=clean(), capture_output=True, text=True, timeout=120)
        assert done.returncode == 2
        assert done.stderr == "dashboard: unrecognized arguments: --photo photos; --help lists the options\n"
        assert not done.stdout, "nothing is served"


class TestApp:
    @pytest.mark.browser
    @pytest.mark.timeout(900)
    def test_a_photo_its_maps_every_network_the_results_and_the_lessons(self, running):
        """Networks whose weights are elsewhere are downloaded when they are chosen."""
        with ThreadPoolExecutor() as other:  # this thread may have a browser of other tests
            other.submit(self.look, running).result()
        assert running.hub.fetched == set(running.hub.files)

    def look(self, running: Running) -> None:
        errors: list[str] = []
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=browser.executable(), args=browser.SHORT_LIVED)
            page = chromium.new_page(viewport={"width": 1440, "height": 1000})
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("request", lambda request: foreign(request.url, running.address) and errors.append(request.url))
            page.address = running.address
            visit(page, "img=mine.png&r=4&m=4&methods=smoothgrad,integrated_gradients")
            until_under(page, "SmoothGrad", settled(4))
            until_under(page, "Integrated Gradients", "^complete: 4 points")
            found = maps(page)
            assert set(found) == {"SmoothGrad", "Integrated Gradients"}
            assert all(shown["colours"] > 20 for shown in found.values())
            expect(page.get_by_role("button", name="mine.png")).to_have_attribute("aria-pressed", "true")
            assert not [one for one in running.hub.fetched if "config" not in one], "nobody chose one yet"
            visit(page, "img=mine.png&r=2&m=2&methods=smoothgrad")
            until_under(page, "SmoothGrad", "^complete: 2 points")
            self.choose_each(page)
            self.opened(page, "Results", "Where they differ most")
            self.opened(page, "Learn", "What a gradient map is")
            lesson = page.get_by_role("img", name="A map: the absolute gradient of espresso")
            expect(lesson).to_be_visible(timeout=PATIENCE)
            chromium.close()
        assert not errors

    def choose_each(self, page: Page) -> None:
        settings(page)
        marks = [maps(page)["SmoothGrad"]["mark"]]
        for name, title in ways.TITLES.items():
            choose(page, "Model", title)
            until_at(page, f"model={re.escape(quote_plus(name))}")
            seen(page.get_by_text(f"{title} · logit"))
            until_another(page, "SmoothGrad", marks[-1])
            until_under(page, "SmoothGrad", "^complete: 2 points")  # the curves of some are not waited for
            shown = maps(page)["SmoothGrad"]
            assert shown["colours"] > 20, name
            marks.append(shown["mark"])
        complete(page)
        assert len(set(marks)) == len(marks), "each network has a map of its own"

    def opened(self, page: Page, place: str, title: str) -> None:
        page.get_by_role("link", name=place).click()
        expect(page.get_by_text(title)).to_be_visible(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("given", "streamlits", "ours"),
    [
        ("", "", ""),
        ("--photos F", "", "--photos F"),
        ("--server.port=9000 --photos F", "--server.port=9000", "--photos F"),
        ("--server.port 9000 --photos F", "--server.port 9000", "--photos F"),
        ("--photos F --server.port 9000 -- --photos G", "--server.port 9000", "--photos F --photos G"),
        ("--photos=a.b --server.headless true x", "--server.headless true", "--photos=a.b x"),
        ("--photos a.b --help", "", "--photos a.b --help"),
    ],
)
def test_options_of_streamlit_are_told_from_those_of_the_app(given, streamlits, ours):
    assert split(given.split()) == (streamlits.split(), ours.split())
