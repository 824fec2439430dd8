"""Random numbers that come from a purpose, a seed and a place, whoever draws them."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from attribution.engine import random_numbers
from attribution.engine.random_numbers import Purpose, normal, normal_soon, uniform

SHAPE = (3, 4, 5)


def test_the_numbers_of_purposes_stay():
    """With another one the maps of all links change. A purpose that comes later gets a number of its own."""
    assert {name: purpose.value for name, purpose in Purpose.__members__.items()} == {
        "ROOTS": 1,
        "BASELINE": 2,
        "PATCHES": 3,
        "ORDER": 4,
        "PLACES": 5,
        "NEARBY": 6,
        "SHARP": 7,
        "NULL": 8,
        "BLOBS": 9,
        "WEIGHTS": 10,
    }


def test_a_draw_by_another_thread_is_the_same():
    assert torch.equal(normal_soon(Purpose.ROOTS, 7, 2, SHAPE).result(), normal(Purpose.ROOTS, 7, 2, SHAPE))


def test_threads_that_have_ended_are_not_needed(monkeypatch):
    """A process that ends stops its threads before its last job."""
    ended = ThreadPoolExecutor(1)
    ended.shutdown()
    monkeypatch.setattr(random_numbers, "_threads", lambda: ended)
    assert torch.equal(normal_soon(Purpose.ROOTS, 7, 2, SHAPE).result(), normal(Purpose.ROOTS, 7, 2, SHAPE))


@pytest.mark.parametrize("draw", [normal, uniform])
def test_purpose_seed_and_place_each_make_another_draw(draw):
    given = (Purpose.ROOTS, 7, 2)
    others = [(Purpose.NULL, 7, 2), (Purpose.ROOTS, 8, 2), (Purpose.ROOTS, 7, 3)]
    assert torch.equal(draw(*given, SHAPE), draw(*given, SHAPE))
    assert not any(torch.equal(draw(*given, SHAPE), draw(*other, SHAPE)) for other in others)


FORKED = """
import os, sys, torch
import toys
from attribution import explain
torch.set_num_threads(1)
made = explain(toys.linear(), toys.image(), "smoothgrad", 0, samples=4).attribution
child = os.fork()
if child == 0:
    again = explain(toys.linear(), toys.image(), "smoothgrad", 0, samples=4).attribution
    os._exit(0 if torch.equal(made, again) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_draws_the_same():
    """It has none of the threads that draw; without new ones it would wait for them for ever."""
    places = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=300, env={**os.environ, "PYTHONPATH": places})
