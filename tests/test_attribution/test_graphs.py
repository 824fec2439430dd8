"""Recorded evaluations. A recorder for the CPU stands for CUDA's: it too writes to the same memory each time."""

import logging
from dataclasses import replace

import pytest
import torch
import toys

from attribution import explain
from attribution.engine.graphs import AGAIN, Graphs


def recorder(log):
    def record(evaluate, given):
        log.append(tuple(tuple(tensor.shape) for tensor in given))
        held = tuple(tensor.clone() for tensor in given)

        def replay(*given):
            for place, tensor in zip(held, given, strict=True):
                place.copy_(tensor)
            return tuple(tensor.clone() for tensor in evaluate(*held))

        return replay

    return record


@pytest.fixture
def recorded():
    return []


@pytest.mark.parametrize("name", ["smoothgrad", "smooth_taylor", "integrated_gradients", "agi", "guided_ig"])
@pytest.mark.parametrize("output", ["logit", "probability"])
def test_maps_are_the_same_to_the_last_bit(name, output, recorded):
    model, x = toys.in_batches_of(8, toys.convolutional()), toys.image()
    with_graphs = replace(model, graphs=Graphs(record=recorder(recorded)))
    knobs = {"samples": 30} if name.startswith("smooth") else {"steps": 10}
    for _ in range(AGAIN + 1):
        found = explain(with_graphs, x, name, 0, output=output, **knobs).attribution
    assert recorded
    assert torch.equal(found, explain(model, x, name, 0, output=output, **knobs).attribution)


def double(points):
    return (2 * points,)


def test_only_what_comes_again_is_recorded(recorded):
    graphs = Graphs(record=recorder(recorded))
    for size in (4, 4, 4, 3):
        (found,) = graphs.run("double", double, torch.ones(size))
        assert torch.equal(found, torch.full((size,), 2.0))
    assert recorded == [((4,),)]


def test_results_are_no_longer_those_of_the_graph(recorded):
    graphs = Graphs(record=recorder(recorded))
    found = [graphs.run("double", double, torch.full((2,), float(k)))[0] for k in range(4)]
    assert [one.tolist() for one in found] == [[2 * k, 2 * k] for k in range(4)]


def test_only_the_last_used_graphs_are_kept(recorded):
    graphs = Graphs(most=2, record=recorder(recorded))
    for size in (1, 1, 2, 2, 1, 3, 3, 1):
        graphs.run("double", double, torch.ones(size))
    assert recorded == [((1,),), ((2,),), ((3,),)]
    graphs.run("double", double, torch.ones(2))
    assert recorded[-1] == ((2,),), "it was dropped"


def test_when_memory_runs_out_everything_goes_on_without_graphs(caplog):
    def record(evaluate, given):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore")

    graphs = Graphs(record=record)
    with caplog.at_level(logging.WARNING):
        for _ in range(3 * AGAIN):
            assert torch.equal(graphs.run("double", double, torch.ones(2))[0], torch.full((2,), 2.0))
    assert not graphs.usable
    assert [one.message for one in caplog.records] == [
        "CUDA graphs are not used any more: CUDA out of memory. Tried to allocate 2 GiB"
    ]
