"""Loaded models: a bounded number, each loaded once, whoever asks."""

import threading

import toys

from dashboard.work.models import Models


def test_a_model_is_loaded_once_and_the_latest_used_are_held():
    loaded = []
    models = Models(lambda name: loaded.append(name) or toys.linear(), most=2)
    first = models.get("a")
    models.get("b")
    assert models.get("a") is first
    models.get("c")
    assert "b" not in models
    assert "a" in models
    assert loaded == ["a", "b", "c"]


def test_who_asks_while_it_is_loaded_waits_for_that_one():
    started, go_on, loaded = threading.Event(), threading.Event(), []

    def load(name):
        loaded.append(name)
        started.set()
        go_on.wait(30)
        return toys.linear()

    models, found = Models(load), []
    threads = [threading.Thread(target=lambda: found.append(models.get("a"))) for _ in range(2)]
    threads[0].start()
    started.wait(30)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert loaded == ["a"]
    assert found[0] is found[1]
