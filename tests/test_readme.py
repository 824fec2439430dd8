"""What the README says is so."""

import re
from pathlib import Path

import pytest
from skimage import data
from skimage.io import imsave

from attribution import METHODS, METRICS, MODELS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*METHODS, *METRICS])
def test_every_method_and_metric_has_its_row(name):
    entry = (METHODS | METRICS)[name]
    (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| `{name}`")]
    assert entry.run.__module__.replace(".", "/") + ".py" in row
    assert re.search(r"\d{4}\.\d{4,5}$|10\.\d+/\S+", entry.paper)[0] in row


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_named(name):
    assert f"`{name}`" in TEXT


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_example_runs_and_says_what_it_prints(tmp_path, monkeypatch, capsys):
    example = TEXT.split("```python\n", 1)[1].split("```", 1)[0]
    imsave(tmp_path / "photo.jpg", data.cat(), check_contrast=False)
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    printed = capsys.readouterr().out.splitlines()
    assert "tiger cat" in printed[0]
    assert printed[1] == "150 0"
    assert 0 < float(printed[2]) < 31
    assert 0 < float(printed[3]) < 2.5


def test_settings_named_in_the_makefile_exist():
    makefile = (ROOT / "Makefile").read_text()
    for file in re.findall(r"(?:dashboard|tests)/\w+\.py", makefile):
        assert (ROOT / file).exists()


def test_only_the_agreed_names_stand_at_the_top():
    import subprocess

    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    tops = {name.split("/")[0] for name in tracked}
    rooms = {"dashboard", "attribution", "tests", "assets", "docs", "requirements.txt", "README.md", "CHANGELOG.md"}
    assert {t for t in tops if not t.startswith(".")} <= rooms | {
        "Makefile",
        "pyproject.toml",
        "LICENSE",
        "CONTRIBUTING.md",
        "CITATION.cff",
    }
