"""A plugin for runs in several processes: the one that only gives out tests loads no conftest.

These import torch and the app, which takes 8 s, and until then no process that runs tests is started.
"""

import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    given = early_config.known_args_namespace
    if getattr(given, "numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        given.noconftest = True
