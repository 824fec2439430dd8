"""The recipes in CONTRIBUTING.md work, and what the pages quote exists: commands, messages, papers, decisions."""

import importlib.util
import inspect
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
import toys
import yaml

import attribution.methods
import attribution.metrics
from attribution import METHODS, METRICS, curve, explain, stream
from attribution.__main__ import parser
from attribution.benchmark.__main__ import OPTIONS, SURVEYS, _options, _told
from attribution.benchmark.cases import metrics, parse, subjects
from attribution.engine.random_numbers import Purpose, normal

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
X = toys.image()


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


RECIPE = r"`attribution/(methods|metrics)/(\w+)\.py`:\n\n```python\n(.*?)^```"
RECIPES = {
    room: (name, code)
    for room, name, code in re.findall(RECIPE, (ROOT / "CONTRIBUTING.md").read_text(), flags=re.DOTALL | re.MULTILINE)
}


@pytest.fixture
def added(request, tmp_path, monkeypatch):
    """The example of the recipe, as a file that the package finds: its name. Gone again after the test."""
    name, code = RECIPES[request.param]
    (tmp_path / f"{name}.py").write_text(code)
    package = sys.modules[f"attribution.{request.param}"]
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    importlib.import_module(f"{package.__name__}.{name}")
    yield name
    sys.modules.pop(f"{package.__name__}.{name}")
    delattr(package, name)
    (METHODS if request.param == "methods" else METRICS).pop(name)


class TestRecipes:
    def test_there_is_one_for_a_method_and_one_for_a_metric(self):
        assert set(RECIPES) == {"methods", "metrics"}
        assert not {name for name, _ in RECIPES.values()} & (METHODS | METRICS).keys()

    @pytest.mark.parametrize("added", ["methods"], indirect=True)
    def test_the_method_is_its_formula_at_its_cost(self, added):
        model, counter = toys.counted(toys.quadratic())
        done = explain(model, X, added, 0, samples=7, seed=3)
        noisy = [X + 0.1 * normal(Purpose.ROOTS, 3, r, X.shape) for r in range(7)]
        gradients = torch.stack([(toys.SYMMETRIC @ z.flatten()).view(X.shape) for z in noisy])
        torch.testing.assert_close(done.attribution, X * gradients.mean(0))
        assert done.evaluations == counter.gradients == METHODS[added].cost({"samples": 7}).gradients

    @pytest.mark.parametrize("added", ["methods"], indirect=True)
    def test_the_method_is_on_the_command_line_and_in_the_benchmark(self, added, capsys):
        given = ["explain", "photo.jpg", "--method", added, "--samples", "9"]
        assert parser(given).parse_args(given).samples == 9
        (case,) = parse([f"{added}:samples=9"], subjects())
        assert dict(case.knobs)["samples"] == 9

    @pytest.mark.parametrize("added", ["metrics"], indirect=True)
    def test_the_metric_is_its_formula_at_its_cost(self, added):
        model, counter = toys.counted(toys.linear())
        ranked = torch.arange(20.0).view(4, 5)
        found = curve(model, X, ranked, added, 0, levels=4)
        passes = METRICS[added].cost({"levels": 4}, 20).passes
        kept = [torch.where(ranked >= least, X, 0) for least in (20, 15, 10, 5, 0)]
        expected = [model.module(image[None]).softmax(1)[0, 0].item() for image in kept]
        assert found.y.tolist() == pytest.approx(expected)
        assert found.x.tolist() == [0, 0.25, 0.5, 0.75, 1]
        assert counter.values == passes + len(kept)

    @pytest.mark.parametrize("added", ["metrics"], indirect=True)
    def test_the_metric_is_in_the_benchmark(self, added):
        (case,) = metrics([f"{added}:levels=4"])
        assert dict(case.knobs)["levels"] == 4

    @pytest.mark.parametrize("room", RECIPES)
    def test_the_examples_have_the_project_s_style(self, room, tmp_path):
        name, code = RECIPES[room]
        file = tmp_path / f"{name}.py"
        file.write_text(code)
        for command in (["check"], ["format", "--check"]):
            ruff = [sys.executable, "-m", "ruff", *command, "--config", ROOT / "pyproject.toml", file]
            done = subprocess.run(ruff, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr


def test_partial_maps_as_docs_core_shows_them(capsys):
    (code,) = blocks(ROOT / "docs" / "core.md", "python")
    exec(code, {"stream": stream, "model": toys.linear(), "x": X})
    assert capsys.readouterr().out.splitlines()[-1] == "50 50"


COMMAND = re.compile(r"^python -m (attribution(?:\.benchmark)?) (.+?)(?:   *#.*)?$", flags=re.MULTILINE)
LINES = sorted({line for page in PAGES for block in blocks(page, "sh") for line in COMMAND.findall(block)})


@pytest.mark.parametrize(("module", "arguments"), LINES)
def test_commands_are_understood(module, arguments):
    given = shlex.split(arguments)
    if module == "attribution":
        parser(given).parse_args(given)
    elif given[0] in OPTIONS:
        told = _told(given)
        assert parse(told.methods, subjects()) or not told.methods
    elif given[0] in SURVEYS:
        options, _ = SURVEYS[given[0]]
        assert parse(options().parse_args(given[1:]).methods, subjects())
    else:
        asked = _options().parse_args(given)
        assert parse(asked.methods, subjects()) or asked.preset
        assert metrics(asked.metrics)


def test_the_commands_are_found():
    assert len(LINES) > 10


def test_modules_that_are_run_exist():
    """Of the dashboard too, whose commands make files instead of taking arguments."""
    modules = set().union(*(re.findall(r"python -m ((?:attribution|dashboard)[\w.]*)", p.read_text()) for p in PAGES))
    assert len(modules) > 3
    for module in modules:
        assert importlib.util.find_spec(module), module


@pytest.mark.parametrize("package", ["attribution", "dashboard"])
def test_every_room_is_in_docs_rooms(package):
    text = (ROOT / "docs" / "rooms.md").read_text(encoding="utf-8")
    named = set(re.findall(rf"\(\.\./{package}/(\w+)\)", text))
    rooms = {file.relative_to(ROOT / package).parts[0] for file in (ROOT / package).glob("*/**/*.py")}
    assert named == rooms


def test_messages_in_docs_troubleshooting_are_those_of_the_code():
    files = [
        *(ROOT / "attribution").rglob("*.py"),
        *(ROOT / "dashboard").rglob("*.py"),
        *(ROOT / "tests").rglob("*.py"),
    ]
    code = (ROOT / "Makefile").read_text() + "".join(file.read_text() for file in files if file != Path(__file__))
    whole = re.sub(r'"\s*\n\s*f?"', "", code).replace("`", "")  # a string may stand in several lines
    rows = re.findall(r"^\| `(.+?)` \|", (ROOT / "docs" / "troubleshooting.md").read_text(), flags=re.MULTILINE)
    assert len(rows) > 5
    for message in rows:
        if "torchvision::nms" not in message:  # torch's own
            pieces = [piece.strip(" ();:") for piece in message.split("…")]
            assert all(piece in whole for piece in pieces if len(piece) > 3), message


IDENTIFIER = r"arXiv:\d{4}\.\d{4,5}|10\.\d{4,}/[\w./]*\w"


class TestCitation:
    CITED = yaml.safe_load((ROOT / "CITATION.cff").read_text())

    def papers(self) -> dict[str, dict]:
        values = {}
        for paper in self.CITED["references"]:
            identifiers = [one["value"] for one in paper.get("identifiers", [])] + [paper.get("doi")]
            values |= {value: paper for value in identifiers if value}
        return values

    def test_it_is_of_the_form(self):
        assert self.CITED["cff-version"] == "1.2.0"
        for entry in (self.CITED, *self.CITED["references"]):
            assert entry["title"]
            assert all(author.keys() <= {"family-names", "name"} for author in entry["authors"])
            assert entry["type"] in ("software", "article", "conference-paper")
        assert self.CITED["message"]

    def test_it_names_the_version(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert self.CITED["version"] == project["version"]
        assert self.CITED["license"] == project["license"]
        assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text()

    @pytest.mark.parametrize("name", [*METHODS, *METRICS])
    def test_every_paper_is_in_it(self, name):
        told = (METHODS | METRICS)[name].paper
        named = re.search(IDENTIFIER, told)
        if named is None:
            assert told == "a control"
            assert METHODS[name].control
            return
        paper = self.papers()[named[0]]
        assert told.startswith(f"{paper['authors'][0]['family-names']} et al. {paper['year']}")

    def test_so_are_the_papers_that_files_name(self):
        files = [*(ROOT / "attribution").rglob("*.py"), *PAGES]
        named = set().union(*(re.findall(IDENTIFIER, file.read_text(encoding="utf-8")) for file in files))
        named |= {
            f"arXiv:{number}"
            for file in PAGES
            for number in re.findall(r"arxiv\.org/abs/(\d+\.\d+)", file.read_text(encoding="utf-8"))
        }
        assert named - {"arXiv:0000.00000"} == self.papers().keys()


DECISIONS = sorted({*(ROOT / "docs" / "decisions").glob("*.md")} - {ROOT / "docs" / "decisions" / "README.md"})


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_one_short_page(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Consequences"]
    assert 15 <= len(lines) <= 35


def test_public_names_are_in_the_docs():
    """Who may rely on a name must be able to read of it."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in attribution.__all__:
        assert re.search(rf"\b{name}\b", text), name


def test_types_are_told():
    for package in (attribution, importlib.import_module("dashboard")):
        assert (Path(inspect.getfile(package)).parent / "py.typed").is_file()
