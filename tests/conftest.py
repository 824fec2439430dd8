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

from attribution import load_model
from attribution.models import Model

LOADED = frozenset(sys.modules)

# Toys gain nothing from more threads, and threads that wait for each other lose much on a busy machine.
torch.set_num_threads(1)

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
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))
