"""Imports point one way, and the core stands alone."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Each may import those before it.
ORDER = [
    {"knobs", "quadrature"},
    {"registry"},
    {"types"},
    {"images", "heatmaps"},
    {"engine"},
    {"controls", "models"},
    {"methods", "metrics"},
    {"explain"},
    {"studies"},
    {"benchmark"},
    {"__init__"},
    {"__main__"},
]


# So may the files of a folder, among themselves. Methods, metrics and studies do not import each other, but for what
# stands here.
WITHIN = {
    "engine": [
        {"random_numbers", "devices", "downloads", "store"},
        {"baselines"},
        {"plans", "score"},
        {"accumulate", "profile"},
    ],
    "methods": [],
    "metrics": [],
    "studies": [],
    "benchmark": [
        {"cases", "paper", "rows"},
        {"measure"},
        {"results"},
        {"run", "tables"},
        {"report", "cluster"},
        {"__main__"},
    ],
}


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            found.add(node.module or "")
            # `from attribution import x` may import the room x.
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "attribution"}
    return found


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def room(file: Path) -> str:
    parts = file.relative_to(ROOT / "attribution").parts
    return parts[0] if len(parts) > 1 else file.stem


@pytest.mark.parametrize("file", files("attribution"), ids=lambda f: str(f.relative_to(ROOT)))
def test_the_core_imports_downwards(file):
    level = next(i for i, rooms in enumerate(ORDER) if room(file) in rooms)
    below = set().union(*ORDER[:level])
    within = WITHIN.get(room(file), [])
    if within and file.stem != "__init__":
        inner = next(i for i, names in enumerate(within) if file.stem in names)
        below |= {f"{room(file)}.{name}" for name in set().union(*within[:inner])}
    for name in imports(file):
        top, _, rest = name.partition(".")
        assert top not in {"dashboard", "streamlit", "plotly"}, f"{file.name} imports {name}"
        if top == "attribution" and rest:
            assert not below.isdisjoint({rest, rest.split(".")[0]}), (
                f"{file.name} imports {name}, which stands above it or beside it"
            )


def test_work_and_figures_know_no_streamlit():
    for name in ("jobs", "figures", "areas", "sweep", "cells", "paired", "knobs"):
        assert not any(i.split(".")[0] == "streamlit" for i in imports(ROOT / "dashboard" / f"{name}.py"))


def test_importing_the_core_loads_no_dashboard():
    code = "import attribution, sys; sys.exit(not {'streamlit', 'plotly', 'dashboard'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120).returncode == 0


@pytest.mark.parametrize("file", files("attribution") + files("dashboard"), ids=lambda f: str(f.relative_to(ROOT)))
def test_files_and_functions_are_short(file):
    text = file.read_text()
    assert len(text.splitlines()) <= 260
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 45, f"{file.name}: {node.name}"


def test_no_global_seed_is_set_and_nothing_is_pickled():
    for file in files("attribution") + files("dashboard"):
        text = file.read_text()
        for banned in ("manual_seed", "np.random.seed", "import pickle", "unsafe_allow_html", "weights_only=False"):
            assert banned not in text, f"{file.name}: {banned}"


def test_torch_is_told_not_to_spin_before_it_is_loaded():
    """Threads that spin while they wait cost ten times the work as soon as a browser shares the processor."""
    body = ast.parse((ROOT / "dashboard" / "app.py").read_text()).body
    ours = next(k for k, node in enumerate(body) if isinstance(node, ast.Import) and node.names[0].name == "dashboard")
    imports = [node for node in body[: ours + 1] if isinstance(node, (ast.Import, ast.ImportFrom))]
    code = (
        ast.unparse(ast.Module(imports, type_ignores=[]))
        + "\nimport os, sys; sys.exit(os.environ['OMP_WAIT_POLICY'] != 'PASSIVE' or 'torch' in sys.modules)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, timeout=60).returncode == 0


def test_double_precision_is_asked_of_the_cpu_alone():
    """MPS has no float64: where a tensor comes from the device, `.double()` comes after `.cpu()`."""
    for file in files("attribution"):
        assert ".double().cpu()" not in file.read_text(), file.name
        assert ".double().item()" not in file.read_text().replace(".cpu().double().item()", ""), file.name
