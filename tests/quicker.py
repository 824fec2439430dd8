"""A plugin for quicker test runs. `make test` and `make quick` name it, so it comes before conftest.py."""

import gc
import os

import pytest
from xdist.scheduler import LoadFileScheduling

BROWSER = "tests/test_dashboard/in_browser/"


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


class BrowserTestsTogether(LoadFileScheduling):
    """One process runs all tests of a folder in a browser: they share a browser and a server, which take long to start.

    All other files go to the process that is free next.
    """

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER if nodeid.startswith(BROWSER) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> BrowserTestsTogether | None:
    """Where files are given out, not single tests."""
    return BrowserTestsTogether(config, log) if config.getvalue("dist") == "loadfile" else None
