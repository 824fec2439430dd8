"""What every test shares: the embedded model, and the folder of photos where there is one."""

import os
import sys
from pathlib import Path

# The hook that checks the types of the core also compiles each package that the core is the first to import, and keeps
# bytecode of its own for it. Where no bytecode may be written (PYTHONDONTWRITEBYTECODE), that costs each test process
# 4 s. Packages imported here, before the core, use the bytecode that they were installed with.
import beartype.vale  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import timm  # noqa: F401
import torch
import typecheck  # noqa: F401 (before the core: it makes the checks of types lighter)

from attribution import load_model
from attribution.models import Model

LOADED = frozenset(sys.modules)

# Toys gain nothing from more threads, and threads that wait for each other lose much on a busy machine.
torch.set_num_threads(1)

# The files that take longest, the longest first: they start first, so that at the end no process waits for another.
LONGEST = (
    "test_dashboard/in_browser/test_other_places.py",
    "test_attribution/test_cluster.py",
    "test_dashboard/in_browser/test_dragging.py",
    "test_dashboard/in_browser/test_closer.py",
    "test_package.py",
    "test_dashboard/in_browser/test_keyboard.py",
    "test_dashboard/test_example.py",
    "test_dashboard/in_browser/test_browser.py",
    "test_dashboard/test_sheets.py",
    "test_dashboard/in_browser/test_history.py",
    "test_attribution/test_named.py",
    "test_dashboard/in_browser/test_random_network.py",
    "test_attribution/test_benchmark.py",
    "test_attribution/test_models.py",
    "test_dashboard/test_page.py",
    "test_dashboard/test_other_pages.py",
    "test_dashboard/in_browser/test_viewer.py",
    "test_dashboard/test_controls.py",
)
HERE = Path(__file__).parent
RANKS = {HERE / name: rank for rank, name in enumerate(LONGEST)}

PHOTOS = Path(os.environ.get("IMAGENET_PHOTOS", Path(__file__).parents[2] / "shared" / "data" / "photos"))


@pytest.fixture(scope="session")
def loaded_with_the_core() -> frozenset[str]:
    """The names of the modules that are loaded once the core is imported, before any test module is."""
    return LOADED


@pytest.fixture(scope="session")
def lite0() -> Model:
    return load_model("efficientnet_lite0", device="cpu")


@pytest.fixture(scope="session")
def photos() -> Path:
    if not (PHOTOS / "labels.csv").is_file():
        pytest.skip(f"no ImageNet photos in {PHOTOS}: set IMAGENET_PHOTOS to the folder that holds labels.csv")
    return PHOTOS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: RANKS.get(item.path, len(RANKS)))
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))
