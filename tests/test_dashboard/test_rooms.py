"""The dashboard: imports point one way, pages do not know each other, and each key of the session has one owner."""

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sources import ROOT, files, imports, modules

from attribution import METHODS, METRICS
from dashboard.pages import PAGES

# Each room may import those before it, and itself.
ORDER = [
    {"__init__", "pages", "place"},
    {"charts", "stage", "work", "live"},
    {"experiment"},
    {"cold_start"},
    {"controls"},
    {"views"},
    {"options", "notebook"},
    {"main", "app", "__main__"},
]
# Rooms without Streamlit.
PURE = {"work", "charts", "live", "experiment"}


def room(file: Path) -> str:
    parts = file.relative_to(ROOT / "dashboard").parts
    return parts[0] if len(parts) > 1 else file.stem


def own_imports(file: Path) -> set[Path]:
    """The files of the dashboard that a file imports."""
    known = modules("dashboard")
    return {known[name] for name in imports(file) if name in known and known[name].stem != "__init__"}


@pytest.mark.parametrize("file", files("dashboard"), ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_point_downwards(file):
    level = next(i for i, rooms in enumerate(ORDER) if room(file) in rooms)
    allowed = set().union(*ORDER[:level]) | {room(file)}
    for other in own_imports(file):
        assert room(other) in allowed, f"{file.name} imports {other.relative_to(ROOT)}"
    if room(file) in PURE:
        assert not any(name.split(".")[0] == "streamlit" for name in imports(file)), f"{file.name} imports Streamlit"


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_no_page_imports_another(page):
    here = ROOT / "dashboard" / "views" / page
    for file in here.rglob("*.py"):
        for other in own_imports(file):
            if room(other) == "views":
                assert other.is_relative_to(here), f"{file.relative_to(ROOT)} imports {other.relative_to(ROOT)}"


def test_every_page_is_a_folder_and_a_line():
    folders = {folder.name for folder in (ROOT / "dashboard" / "views").iterdir() if (folder / "page.py").exists()}
    assert folders == {page.name for page in PAGES}


def test_no_file_imports_itself_in_a_circle():
    """From every file, following imports never comes back."""
    reached: dict[Path, set[Path]] = {}

    def below(file: Path, above: tuple[Path, ...]) -> set[Path]:
        assert file not in above, f"a circle through {file.relative_to(ROOT)}"
        if file not in reached:
            reached[file] = set().union(*({other} | below(other, (*above, file)) for other in own_imports(file)))
        return reached[file]

    for file in files("dashboard"):
        below(file, ())


def written(file: Path) -> set[str]:
    """The keys, or their beginnings, that a file names: of session state, widgets, and what `once` holds."""
    text = file.read_text(encoding="utf-8")
    owners = "|".join(("session", "control", "cold", *(page.name for page in PAGES)))
    return set(re.findall(rf'"((?:{owners})-[\w-]*)', text))


@pytest.mark.parametrize("file", files("dashboard"), ids=lambda f: str(f.relative_to(ROOT)))
def test_a_key_is_named_by_its_owner_alone(file):
    owners = {"controls": {"session", "control"}, "cold_start": {"cold"}, "charts": {"path"}}
    own = {file.parent.name} if room(file) == "views" else owners.get(room(file), set())
    # The viewer of Compare and its place before the model is there are one element.
    for key in written(file):
        assert key.partition("-")[0] in own, f"{file.relative_to(ROOT)} names {key}"


def test_state_is_read_and_written_by_key():
    """An attribute of the session state would be a key without its owner's name."""
    for file in files("dashboard"):
        assert not re.search(r"session_state\.(?!get\b|pop\b|setdefault\b)\w", file.read_text()), file.name


@pytest.mark.parametrize("file", files("attribution") + files("dashboard"), ids=lambda f: str(f.relative_to(ROOT)))
def test_files_and_functions_are_short(file):
    text = file.read_text()
    assert len(text.splitlines()) <= 250
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 45, f"{file.name}: {node.name}"


@pytest.mark.parametrize("file", files("dashboard"), ids=lambda f: str(f.relative_to(ROOT)))
def test_no_page_asks_by_itself(file):
    """It would also ask on the way to another page."""
    calls = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call))
    assert not any(given.arg == "run_every" for call in calls for given in call.keywords)


def _seeds_are_confined(tree: ast.AST) -> bool:
    """Whether each call of torch's manual_seed stands in a block that gives torch's generator back."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "manual_seed"]
    blocks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.With) and any("fork_rng" in ast.unparse(item) for item in node.items)
    ]
    confined = {inner for block in blocks for inner in ast.walk(block)}
    return confined.issuperset(calls)


def test_no_global_seed_is_set_and_nothing_is_pickled():
    for file in files("attribution") + files("dashboard"):
        text = file.read_text()
        assert _seeds_are_confined(ast.parse(text)), f"{file.name}: a seed outside fork_rng"
        for banned in ("np.random.seed", "import pickle", "unsafe_allow_html", "weights_only=False"):
            assert banned not in text, f"{file.name}: {banned}"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "PASSIVE 2000"),
        ({"GOMP_SPINCOUNT": "7"}, "PASSIVE 7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
    ],
)
def test_before_torch_is_loaded_it_is_told_to_spin_briefly(given, found):
    """Unless the environment says how threads wait. Threads that spin for long cost ten times the work as soon as a
    browser shares the processor."""
    body = ast.parse((ROOT / "dashboard" / "main.py").read_text()).body
    ours = next(k for k, node in enumerate(body) if isinstance(node, ast.Import) and node.names[0].name == "dashboard")
    imports = [node for node in body[: ours + 1] if isinstance(node, (ast.Import, ast.ImportFrom))]
    code = (
        ast.unparse(ast.Module(imports, type_ignores=[]))
        + "\nimport os, sys; assert 'torch' not in sys.modules"
        + "\nprint(os.environ['OMP_WAIT_POLICY'], os.environ.get('GOMP_SPINCOUNT'))"
    )
    inherited = {key: value for key, value in os.environ.items() if key not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=inherited | given, timeout=60, capture_output=True, text=True)
    assert done.stdout.split() == found.split(), done.stderr


def test_no_code_compares_the_name_of_a_method():
    """What is special about a method is a fact of its entry; a name that something is compared with would hide it."""
    for file in files("attribution") + files("dashboard"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and any(isinstance(how, (ast.Eq, ast.NotEq)) for how in node.ops):
                sides = {side.value for side in (node.left, *node.comparators) if isinstance(side, ast.Constant)}
                assert not sides & METHODS.keys(), f"{file.relative_to(ROOT)}:{node.lineno}"


def facts() -> dict[str, set[Path]]:
    """Titles, glosses, labels and notes of methods and metrics, with the files that declare them."""
    found: dict[str, set[Path]] = {}
    for entry in [*METHODS.values(), *METRICS.values()]:
        file = Path(inspect.getfile(inspect.unwrap(entry.run)))
        said = (entry.gloss, entry.fewer) if entry.name in METHODS else (entry.label, entry.note, entry.terms)
        for word in filter(None, (entry.title, *said)):
            found.setdefault(word, set()).add(file)
    return found


def test_a_fact_of_a_method_or_metric_stands_in_its_file_alone():
    """No other file has one of them as a text of its own; prose may speak of methods by name."""
    known = facts()
    for file in files("attribution") + files("dashboard"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in known:
                assert file in known[node.value], f"{file.relative_to(ROOT)}:{node.lineno} writes {node.value!r}"
