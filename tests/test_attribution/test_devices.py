"""Batches that fit: out of memory halves them, and the result is the same."""

from dataclasses import replace

import pytest
import torch
import toys
from torch import nn

from attribution import explain, perturbation_curve
from attribution.engine.devices import BatchSize, best_device

X = toys.image()


class Cramped(nn.Module):
    """Runs out of memory above `room` points."""

    def __init__(self, inner: nn.Module, room: int, error: Exception) -> None:
        super().__init__()
        self.inner, self.room, self.error = inner, room, error

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        if len(points) > self.room:
            raise self.error
        return self.inner(points)


def cramped(room: int, error: Exception | None = None):
    model = toys.convolutional()
    module = Cramped(model.module, room, error or torch.OutOfMemoryError("CUDA out of memory")).eval()
    return replace(model, module=module, gradient_batch=BatchSize(64), value_batch=BatchSize(64))


@pytest.mark.parametrize("room", [1, 3, 20])
@pytest.mark.parametrize(
    ("name", "knobs"),
    [("integrated_gradients", {"steps": 50}), ("smoothgrad", {"samples": 50}), ("smooth_taylor", {"samples": 50})],
)
def test_out_of_memory_changes_the_batch_and_not_the_map(room, name, knobs):
    model = cramped(room)
    ours = explain(model, X, name, 0, **knobs)
    theirs = explain(toys.convolutional(), X, name, 0, **knobs)
    torch.testing.assert_close(ours.attribution, theirs.attribution, rtol=1e-9, atol=1e-12)
    assert ours.evaluations == theirs.evaluations
    assert model.gradient_batch.size <= model.gradient_batch.most <= room


def test_out_of_memory_changes_no_curve():
    knobs = {"window": 2, "regions": 2, "draws": 9}
    h = X.sum(0)
    model = cramped(2)
    ours = perturbation_curve(model, X, h, 0, **knobs)
    assert ours.y == pytest.approx(perturbation_curve(toys.convolutional(), X, h, 0, **knobs).y)
    assert model.value_batch.most <= 2


@pytest.mark.parametrize(
    "message",
    [
        "MPS backend out of memory",
        "DefaultCPUAllocator: can't allocate memory: you tried",
        "not enough memory",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_every_device_says_it_in_its_own_words(message):
    assert explain(cramped(2, RuntimeError(message)), X, "smoothgrad", 0, samples=9).complete


def test_one_image_that_does_not_fit_is_told():
    with pytest.raises(MemoryError, match="one image does not fit into the memory of cpu: choose a smaller model"):
        explain(cramped(0), X, "gradient", 0)


def test_another_error_is_not_swallowed():
    with pytest.raises(RuntimeError, match="size mismatch"):
        explain(cramped(2, RuntimeError("size mismatch")), X, "smoothgrad", 0, samples=9)


class TestPace:
    """Told how long a batch took, without waiting for one."""

    def test_quick_batches_double_up_to_the_most(self):
        batch = BatchSize(size=4, most=16, seconds=0.2)
        sizes = []
        for _ in range(4):
            batch._pace(batch.size, 0.01)
            sizes.append(batch.size)
        assert sizes == [8, 16, 16, 16]

    def test_slow_batches_halve_down_to_one(self):
        batch = BatchSize(size=4, seconds=0.2)
        sizes = []
        for _ in range(4):
            batch._pace(batch.size, 1.0)
            sizes.append(batch.size)
        assert sizes == [2, 1, 1, 1]

    def test_a_batch_on_time_stays_and_a_rest_says_nothing(self):
        batch = BatchSize(size=4, seconds=0.2)
        batch._pace(4, 0.2)
        batch._pace(1, 0.001)
        assert batch.size == 4

    def test_the_cost_of_a_point_is_known_after_one_batch(self):
        batch = BatchSize()
        assert batch.seconds_per_point is None
        batch._pace(4, 0.2)
        assert batch.seconds_per_point == pytest.approx(0.05)


def test_best_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert best_device().type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert best_device().type == "cpu"


def test_convolutions_are_in_full_precision_and_the_setting_is_as_it_was():
    """CUDA would round to TF32 otherwise; what the caller has set is his."""
    seen = []

    def network(z):
        seen.append(torch.backends.cudnn.allow_tf32)
        return z.square().sum(1) + 1

    before = torch.backends.cudnn.allow_tf32
    assert before, "torch's default: otherwise this shows nothing"
    explain(toys.model(network), toys.image(), "gradient", 0)
    toys.model(network).predict(toys.image(), k=2)
    assert seen == [False, False]
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["gradient", "integrated_gradients", "smoothgrad", "smooth_taylor"])
def test_the_gpu_gives_the_map_of_the_cpu(name):
    from attribution.models import build_model

    state = build_model("resnet18", None, "cpu").module.state_dict()
    maps = []
    for device in ("cpu", "cuda"):
        model = build_model("resnet18", state, device)
        x = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(0)).to(model.device)
        maps.append(explain(model, x, name, 281).attribution.cpu().flatten())
    assert torch.corrcoef(torch.stack(maps))[0, 1] > 0.9999
