"""Loaded models: a bounded number, each loaded once, whoever asks."""

import threading

import torch
import toys
from asked import at_once

from dashboard.work.models import CHUNK, Models


def test_a_model_is_loaded_once_and_the_latest_used_are_held():
    loaded = []
    models = Models(lambda name, device: loaded.append(name) or toys.linear(), most=2)
    first = models.get("a")
    models.get("b")
    assert models.get("a") is first
    models.get("c")
    assert not models.holds("b")
    assert models.holds("a")
    assert loaded == ["a", "b", "c"]


def test_a_model_that_a_page_still_uses_is_not_loaded_again():
    """Pages that nobody looks at keep theirs for whoever comes back. Each model is in memory once all the same."""
    loaded = []
    models = Models(lambda name, device: loaded.append(name) or toys.linear(), most=1)
    used = models.get("a")
    models.get("b")
    assert models.holds("a")
    assert models.get("a") is used
    assert loaded == ["a", "b"]
    assert not models.holds("b"), "nobody used it"


def test_a_hand_waits_for_no_long_batch():
    model = Models(lambda name, device: toys.linear()).get("a")
    assert model.gradient_batch.seconds == model.value_batch.seconds == CHUNK < toys.linear().gradient_batch.seconds


def test_who_asks_while_it_is_loaded_waits_for_that_one():
    started, go_on, loaded = threading.Event(), threading.Event(), []

    def load(name, device):
        loaded.append(name)
        started.set()
        go_on.wait(30)
        return toys.linear()

    models = Models(load)
    first, second = at_once(lambda: models.get("a"), started, go_on)
    assert loaded == ["a"]
    assert first is second


def test_each_device_has_its_own_models():
    """Two GPUs, of which one holds another model: nothing is loaded twice, and nothing is dropped for the other's."""
    first, second = torch.device("cuda:0"), torch.device("cuda:1")
    loaded = []
    models = Models(lambda name, device: loaded.append((name, device)) or toys.linear(), most=1)
    a = models.get("a", first)
    assert models.get("a", second) is not a
    assert models.get("a", first) is a
    assert loaded == [("a", first), ("a", second)]
    models.get("b", second)
    assert models.holds("a", first)
    assert not models.holds("a", second)
