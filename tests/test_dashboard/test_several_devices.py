"""Several GPUs in one machine: sessions are shared out among them."""

from collections import Counter

import pytest
import torch

from dashboard.controls import resources
from dashboard.work.scheduler import Scheduler

DEVICES = (torch.device("cuda:0"), torch.device("cuda:1"))


@pytest.fixture
def workers(monkeypatch):
    workers = (Scheduler(), Scheduler())
    monkeypatch.setattr(resources, "all_devices", lambda: DEVICES)
    monkeypatch.setattr(resources, "schedulers", lambda: workers)
    return workers


@pytest.fixture
def look(workers, monkeypatch):
    """A session looks at a job: returns its device."""
    states = {}

    def look(name):
        monkeypatch.setattr(resources.st, "session_state", states.setdefault(name, {}))
        resources.scheduler().ask(name, "map", name, lambda: iter("ab"))
        return resources.device()

    return look


def test_each_device_gets_as_many(look):
    assert Counter(map(look, "abcdef")) == dict.fromkeys(DEVICES, 3)


def test_a_session_keeps_its_device(look):
    first = {name: look(name) for name in "abcd"}
    assert {name: look(name) for name in "dcba"} == first


def test_a_new_session_takes_the_place_of_one_that_left(look, workers):
    kept = {name: look(name) for name in "abcd"}
    gone = [name for name in "abcd" if kept[name] == DEVICES[1]]
    for name in gone:
        workers[1].leave(name, "map")
    assert [look(name) for name in "ef"] == [DEVICES[1]] * 2
