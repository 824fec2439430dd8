"""A plugin for runs in several processes: the process that only gives out tests loads no conftest.py.

The conftests import torch and the app. That takes 8 s, and the processes that run tests start only after it.
"""

import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    given = early_config.known_args_namespace
    if getattr(given, "numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        given.noconftest = True
