"""The page without a browser, with a scheduler that is stepped by hand."""

import pytest
from page import APP
from streamlit.testing.v1 import AppTest

from attribution import Store
from attribution.engine.devices import BatchSize
from dashboard.controls import resources
from dashboard.experiment.choices import PATCHES
from dashboard.work.scheduler import Scheduler


@pytest.fixture
def jobs(monkeypatch) -> Scheduler:
    """Its clock stands still, and a curve tries one patch in each window: quick, and on any machine the same.

    So are batches of four at most.
    """
    monkeypatch.setattr(BatchSize, "next", lambda batch, remaining: min(remaining, batch.size if batch.fixed else 4))
    scheduler = Scheduler(clock=lambda: 0.0)
    monkeypatch.setattr(resources, "scheduler", lambda: scheduler)
    monkeypatch.setitem(PATCHES, "quick", 1)
    return scheduler


@pytest.fixture
def own_store(monkeypatch) -> Store:
    """Nothing remembered, for tests that count gradients: what is shared holds points and cells of the tests before."""
    store, cells = Store(), resources.Latest()
    monkeypatch.setattr(resources, "store", lambda: store)
    monkeypatch.setattr(resources, "cells", lambda: cells)
    return store


@pytest.fixture
def page(jobs):
    def opened(**query: str) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=60)
        # Plain images say in captions what the linked viewer says in the browser alone.
        for name, value in {"viewer": "static", **query}.items():
            app.query_params[name] = value
        return app.run()

    return opened
