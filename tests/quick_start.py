"""A plugin for a quicker start of test runs. `make test` and `make quick` name it, so it comes before conftest.py."""

import gc
import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Of several processes, the one that only gives out tests loads no conftest.py.

    The conftests import torch and the app. That takes 8 s, and the processes that run tests start only after it.
    """
    given = early_config.known_args_namespace
    if getattr(given, "numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        given.noconftest = True
    else:
        gc.disable()  # until all is collected: what is imported stays, and to search it took a fifth of this time


def pytest_collection_finish() -> None:
    """No later search looks at what is there now."""
    gc.freeze()
    gc.enable()
