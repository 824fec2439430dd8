"""What the README and the pages in docs/ say is so."""

import os
import re
import subprocess
from functools import cache, partial
from pathlib import Path

import pytest
from skimage import data
from skimage.io import imsave

import attribution
from attribution import METHODS, METRICS, MODELS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@cache
def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def row_of(name: str, page: str) -> str:
    (row,) = [line for line in text_of(page).splitlines() if line.startswith(f"| `{name}`")]
    return row


@pytest.mark.parametrize("name", [*METHODS, *METRICS])
def test_every_method_and_metric_has_its_row(name):
    entry = (METHODS | METRICS)[name]
    row = row_of(name, "docs/methods.md" if name in METHODS else "docs/metrics.md")
    assert entry.run.__module__.replace(".", "/") + ".py" in row
    paper = re.search(r"\d{4}\.\d{4,5}$|10\.\d+/\S+", entry.paper)
    assert paper[0] in row if paper else entry.control


@pytest.mark.parametrize("name", METRICS)
def test_the_row_of_a_metric_says_what_is_better(name):
    column = row_of(name, "docs/metrics.md").split(" | ")[2]
    assert METRICS[name].reading.split()[0] in column


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_its_row(name):
    assert MODELS[name].title in row_of(name, "docs/models.md")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Where a link with a # can lead: the headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), target
        assert found.is_relative_to(ROOT), f"{target} leads out of the project"
        assert not anchor or anchor in anchors(found), target


def test_every_page_can_be_reached_from_the_readme():
    reached, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop()
        reached.add(page)
        targets = re.findall(r"\]\(([^)\s#]+\.md)", page.read_text(encoding="utf-8"))
        found = {(page.parent / target).resolve() for target in targets if not target.startswith("https://")}
        left += found - reached - set(left)
    assert reached == set(PAGES)


def test_the_example_runs_and_says_what_it_prints(tmp_path, monkeypatch, capsys):
    example = text_of("README.md").split("```python\n", 1)[1].split("```", 1)[0]
    imsave(tmp_path / "photo.jpg", data.cat(), check_contrast=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(attribution, "perturbation_curve", partial(attribution.perturbation_curve, regions=5))
    exec(example, {})
    printed = capsys.readouterr().out.splitlines()
    assert "tiger cat" in printed[0]
    assert printed[1] == "15 0"
    assert f"# {printed[1]}:" in example
    assert 0 < float(printed[2]) < 6
    assert 0 < float(printed[3]) < 2.5


def make(*arguments: str) -> str:
    """What make prints; the tests themselves may have been started by make, which then names folders too."""
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("target", ["app", "quick", "test"])
def test_files_named_in_the_makefile_exist(target):
    files = re.findall(r"(?:dashboard|tests)/[\w/]+\.py", make("--dry-run", "--always-make", target))
    assert files
    for file in files:
        assert (ROOT / file).exists(), file


def test_make_alone_lists_every_command():
    (targets,) = re.findall(r"^\.PHONY: (.+)$", text_of("Makefile"), flags=re.MULTILINE)
    listed = make()
    assert listed == make("help")
    assert [line.split()[:2] for line in listed.splitlines()] == [["make", target] for target in targets.split()]
    assert all(len(line.split()) > 2 for line in listed.splitlines()), "a command without a word about it"


def test_only_the_agreed_names_stand_at_the_top():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    tops = {name.split("/")[0] for name in tracked}
    rooms = {"dashboard", "attribution", "tests", "assets", "docs"}
    pages = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE"}
    assert {t for t in tops if not t.startswith(".")} <= rooms | pages | {
        "Makefile",
        "pyproject.toml",
        "requirements.txt",
        "setup.py",
        "MANIFEST.in",
        "Dockerfile",
    }
