"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the project: its laws hold there too."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sources import ROOT
from torchvision.models import get_model_weights

from attribution import MODELS

RECIPES = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAPER = "Nobody et al. 2026, arXiv:0000.00000"
CORE = "agreement benchmark command_line costs directions headline insertion methods metrics models notes wrapping"
DASHBOARD = "controls deploying experiment output plugins rooms session_keys sweep"
LAWS = (
    *("test_docs.py::TestCitation::test_every_paper_is_in_it", "test_readme.py"),
    *(f"test_attribution/test_{subject}.py" for subject in CORE.split()),
    *(f"test_dashboard/test_{subject}.py" for subject in DASHBOARD.split()),
)
"""The tests that a recipe names, and those that look at every method, metric, model, page or slider."""
ADDED = (
    *("local_mean", "mean_control", "local_blobs", "noise_mean", "retained", "peak"),
    *("resnet34", "hello", "fraction"),
)
OF_ALL = (
    *("promised", "measured_of", "looks_at_no_model", "says_what_it_is", "lists", "limits", "owner", "in_a_circle"),
    *("page_is_a_folder", "equal_budget", "all_or_none", "accepts_whatever", "stands_in_its_file", "global_seed"),
    *("those_that_say_so", "one_score_alone"),
)
"""Of these files, what is run: the tests of what was added, and those of everything at once."""


def example(place: str) -> tuple[str, str]:
    """The file that a recipe shows, of a room: its name and its content."""
    named = place.replace("*", r"(\w+)")
    ((name, code),) = re.findall(rf"`{named}\.py`:\n\n```python\n(.*?)^```", RECIPES, re.S | re.M)
    return name, code


def shown(begins: str) -> str:
    """The lines of a block that a recipe shows, by how they begin."""
    (found,) = re.findall(rf"^ *```\n( *{re.escape(begins)}.*?)^ *```", RECIPES, re.S | re.M)
    return found


def put(file: Path, where: str, what: str) -> None:
    """Writes something before the first line of a file that begins so."""
    text = file.read_text(encoding="utf-8")
    assert f"\n{where}" in text, f"{file.name}: {where}"
    file.write_text(text.replace(f"\n{where}", f"\n{what}{where}", 1), encoding="utf-8")


def methods(copy: Path) -> None:
    """The example, two controls, of which one looks at no model, and a mean over noise."""
    name, code = example("attribution/methods/*")
    of_noise = code.replace("cost=", "term=lambda x, at, cloud: x * at.gradients,\n    cost=")
    of_noise = of_noise.replace("0.1, seed", "sigma, seed").replace("gradients)\n", "gradients, group=1)\n")
    of_noise = of_noise.replace("    samples:", '    sigma: Annotated[float, Range(0, 2), "σ"] = 0.1,\n    samples:', 1)
    blobs = (copy / "attribution/methods/blurred_noise.py").read_text(encoding="utf-8")
    made = {
        name: code,
        "mean_control": code.replace("cost=", "control=True,\n    cost="),
        "noise_mean": of_noise,
        "local_blobs": blobs.replace("blurred_noise", name).replace("Blurred noise", "Local mean"),
    }
    for other, text in made.items():
        title, gloss = other.replace("_", " "), f"one of the recipe: {other}"
        text = text.replace(f"def {name}", f"def {other}").replace('"Local mean"', f'"{title}"')
        text = re.sub(r'gloss=".*"', f'gloss="{gloss}"', text)
        (copy / f"attribution/methods/{other}.py").write_text(text, encoding="utf-8")
        link = f"[{other}.py](../attribution/methods/{other}.py)"
        put(copy / "docs/methods.md", "| `gradient`", f"| `{other}` | | | {PAPER} | {link} |\n")


def metrics(copy: Path) -> None:
    """The example, and a metric that is no curve."""
    name, code = example("attribution/metrics/*")
    flat = code[: code.index("def ")] + "def peak(heatmap: Heatmap) -> float:\n"
    flat = re.sub(r"    (axes|output|cost)=.*\n", "", flat)
    flat = re.sub(r"Retained( probability)?", "Peak", flat)
    flat = re.sub(r'note=".*"', 'note="How much of a map is in one pixel."', flat)
    flat += '    r"""$\\max |h|$."""\n    return heatmap.abs().max().item()\n'
    for other, text in {name: code, "peak": flat}.items():
        (copy / f"attribution/metrics/{other}.py").write_text(text, encoding="utf-8")
        link = f"[{other}.py](../attribution/metrics/{other}.py)"
        put(copy / "docs/metrics.md", "| `perturbation`", f"| `{other}` | {other} | higher | {PAPER} | {link} |\n")


def cited(copy: Path) -> None:
    paper = {"type": "article", "title": "Nothing", "year": 2026, "doi": "arXiv:0000.00000"}
    told = "\n".join(f"    {key}: {value}" for key, value in paper.items())
    put(copy / "CITATION.cff", "  - type", f"  -\n{told}\n    authors:\n      - family-names: Nobody\n")


def model(copy: Path) -> None:
    line = shown('"resnet34"')
    put(copy / "attribution/cards.py", '    "resnet50"', f"    {line}")
    put(copy / "docs/models.md", "| `resnet50`", "| `resnet34` | ResNet34 |\n")
    names = copy / "tests/test_attribution/test_models.py"
    names.write_text(names.read_text(encoding="utf-8").replace('"resnet18 resnet50', '"resnet18 resnet34 resnet50'))
    megabytes = [card.megabytes for card in MODELS.values()]
    more = get_model_weights("resnet34").DEFAULT.meta["_file_size"]
    limits = copy / "docs/deploying.md"
    before, after = (f"on disk | {sum(all_) / 1000:.1f} GB" for all_ in (megabytes, [*megabytes, more]))
    limits.write_text(limits.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")


def page(copy: Path) -> None:
    name, code = example("dashboard/views/*/page")
    folder = copy / "dashboard/views" / name
    folder.mkdir()
    (folder / "__init__.py").write_text('"""Hello: what the model predicts."""\n')
    (folder / "page.py").write_text(code, encoding="utf-8")
    put(copy / "dashboard/pages.py", '    Page("learn"', shown('Page("hello"'))
    put(copy / "tests/test_dashboard/test_session_keys.py", '    "learn"', shown('"hello"').replace("       ", "    "))


def slider(copy: Path) -> None:
    put(copy / "dashboard/experiment/experiment.py", "    rule: str", shown("fraction: float"))
    put(copy / "dashboard/experiment/experiment.py", "    EVALUATION,", "    FRACTION,\n")
    put(copy / "dashboard/experiment/declarations.py", "EVALUATION =", shown("FRACTION ="))


@pytest.fixture
def copy(tmp_path) -> Path:
    """The files of the project, without what tools leave beside them."""
    left_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("attribution", "dashboard", "docs", "tests", ".streamlit"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=left_out)
    for file in filter(Path.is_file, ROOT.iterdir()):
        shutil.copy(file, tmp_path)
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    return tmp_path


@pytest.mark.slow
def test_whoever_follows_them_finds_every_law_fulfilled(copy):
    for follow in (methods, metrics, cited, model, page, slider):
        follow(copy)
    chosen = " or ".join((*ADDED, *OF_ALL))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(copy)
    laws = [f"tests/{law}" for law in LAWS]
    done = subprocess.run([*command, *laws], cwd=copy, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 150, "what was added is found"
