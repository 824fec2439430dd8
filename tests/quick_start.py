"""A plugin for a quicker start of test runs. `make test` and `make quick` name it, so it comes before conftest.py."""

import gc
import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Of several processes, the one that only gives out tests loads no conftest.py.

    The conftests import torch and the app. That takes 8 s, and the processes that run tests start only after it.
    What is imported and collected stays to the end, so until all of it is there no process searches it for garbage:
    that took a quarter of the time.
    """
    gc.disable()
    given = early_config.known_args_namespace
    if getattr(given, "numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        given.noconftest = True


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
