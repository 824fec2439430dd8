"""The core: imports point one way, and it stands alone."""

from pathlib import Path

import pytest
from sources import ROOT, files, imports, modules

# Each may import those before it.
ORDER = [
    {"commands", "knobs", "quadrature"},
    {"registry"},
    {"types"},
    {"images", "heatmaps", "agreement"},
    {"similarity"},
    {"engine"},
    {"controls", "model"},
    {"cards"},
    {"described"},
    {"hub"},
    {"named"},
    {"models"},
    {"methods", "metrics"},
    {"notebook"},
    {"explain"},
    {"studies"},
    {"benchmark"},
    {"__init__"},
    {"explain_command"},
    {"__main__"},
]


# So may the files of a folder, among themselves. Methods, metrics and studies do not import each other, but for what
# stands here.
WITHIN = {
    "engine": [
        {"random_numbers", "devices", "downloads", "folding", "graphs", "layers", "space", "store"},
        {"batches", "memory", "weights"},
        {"adapting", "baselines", "states"},
        {"plans", "score"},
        {"accumulate", "profile"},
        {"clouds"},
    ],
    "methods": [],
    "metrics": [],
    "studies": [
        {"compared", "robustness"},
        {"adaptive", "changed_image", "convergence", "other_class", "perturbed", "randomisation", "settled", "trace"},
    ],
    "benchmark": [
        {"cases", "intervals", "labels", "packed", "paper", "printed", "thumbnails"},
        {"rows"},
        {"measure", "schema"},
        {"results"},
        {"run", "tables"},
        {"report", "cluster", "survey"},
        {"sanity"},
        {"agreement_command", "sanity_command", "robustness_command"},
        {"__main__"},
    ],
}


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
    known = modules("attribution")
    for name in imports(file):
        top, _, rest = name.partition(".")
        assert top not in {"dashboard", "streamlit", "plotly"}, f"{file.name} imports {name}"
        if name in known and rest:
            assert not below.isdisjoint({rest, rest.split(".")[0]}), (
                f"{file.name} imports {name}, which stands above it or beside it"
            )


def test_importing_the_core_loads_no_dashboard(loaded_with_the_core):
    assert "attribution" in loaded_with_the_core
    assert loaded_with_the_core.isdisjoint({"streamlit", "plotly", "dashboard"})


def test_the_engine_alone_runs_a_network():
    """And `Model`, when it is made. Methods, metrics and studies ask a score, or run a copy."""
    for file in files("attribution"):
        if room(file) not in ("engine", "model"):
            assert ".module(" not in file.read_text(encoding="utf-8"), file.name


def test_double_precision_is_asked_of_the_cpu_alone():
    """MPS has no float64: where a tensor comes from the device, `.double()` comes after `.cpu()`."""
    for file in files("attribution"):
        assert ".double().cpu()" not in file.read_text(), file.name
        assert ".double().item()" not in file.read_text().replace(".cpu().double().item()", ""), file.name
