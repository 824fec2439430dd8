"""The page without a browser, with a scheduler that is stepped by hand."""

from collections.abc import Hashable
from dataclasses import replace
from functools import cache, partial
from hashlib import blake2b

import by_heart
import pytest
import torch
from page import APP
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from timm.models.efficientnet import EfficientNet

from attribution import METRICS, Store, controls
from attribution.engine.batches import BatchSize
from attribution.models import Model
from attribution.studies.changed_image import Changes
from dashboard.controls import resources
from dashboard.experiment.choices import PATCHES
from dashboard.live.hub import Hub
from dashboard.views.compare import glance
from dashboard.work import sanity
from dashboard.work.kept import Latest
from dashboard.work.models import Models, load_listed
from dashboard.work.scheduler import Scheduler

FEW = Changes(count=4, repeats=2)
"""The changes of the photo in the sanity checks."""
# As `streamlit run` does it: the settings lie beside the script. AppTest alone does not look for them.
config._main_script_path = str(APP)
config.get_config_options(force_reparse=True)


scan_once = cache(manifest_scanner.scan_component_manifests)
KNOWN: dict[Hashable, torch.Tensor] = {}
"""What the embedded network gave, by its weights and by the points."""


@pytest.fixture(scope="module", autouse=True)
def quick_pages():
    """What every page does anew, and what costs more than the page, is done once: a search of all installed packages
    for components, and a forward pass of the network at the same points, which gives the same numbers.

    It ends with each module: the tests of the core that follow in this process ask the network itself."""
    forward = EfficientNet.forward

    def remembered(network, x):
        if torch.is_grad_enabled():
            return forward(network, x)
        weights = tuple((id(one), one._version) for one in (*network.parameters(), *network.buffers()))
        key = (network, weights, tuple(x.shape), blake2b(x.contiguous().numpy()).digest())
        if key not in KNOWN:
            KNOWN[key] = forward(network, x)
        return KNOWN[key].clone()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", scan_once)
        patch.setattr(EfficientNet, "forward", remembered)
        yield


@pytest.fixture(scope="module")
def small_network():
    """Pages have a small network in the place of the embedded one, for modules that are not about what it computes."""
    small = by_heart.model()

    def load(name: str, device: torch.device) -> Model:
        return small if name == small.name else load_listed(name, device)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resources, "Models", partial(Models, load))
        resources.models.clear()
        yield
    resources.models.clear()


@pytest.fixture
def whole_network(monkeypatch):
    """The embedded network itself, in a module whose other pages have a small one."""
    models = Models()
    monkeypatch.setattr(resources, "models", lambda: models)


@pytest.fixture(autouse=True)
def few_orders(monkeypatch):
    """The control is two random orders, not eight."""
    monkeypatch.setattr(controls, "ORDERS", 2)


@pytest.fixture(autouse=True)
def random_network(monkeypatch):
    """No map of a random network: it has tests of its own, and no other need wait for it."""
    monkeypatch.setattr(glance, "wanted", lambda experiment, panel: False)


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def jobs(monkeypatch, hub) -> Scheduler:
    """Its clock stands still, and a curve is of eight regions with one patch in each window: quick, and on any machine
    the same.

    So are batches of four at most. The sanity checks have few stages and changes.
    """
    for name in ("next", "first"):
        monkeypatch.setattr(BatchSize, name, lambda batch, remaining: min(remaining, batch.size if batch.fixed else 4))
    scheduler = Scheduler(clock=lambda: 0.0, changed=hub.changed)
    monkeypatch.setattr(resources, "scheduler", lambda: scheduler)
    monkeypatch.setitem(PATCHES, "quick", 1)
    fall = METRICS["perturbation"]
    monkeypatch.setitem(METRICS, "perturbation", replace(fall, run=partial(fall.run, regions=8)))
    for name, value in {"STAGES": 2, "SEEDS": 1, "LEVELS": (0.1, 1.0), "CHANGES": FEW}.items():
        monkeypatch.setattr(sanity, name, value)
    return scheduler


@pytest.fixture
def own_store(monkeypatch) -> Store:
    """Nothing remembered, for tests that count gradients: what is shared holds points and cells of the tests before."""
    store, cells = Store(), Latest()
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
