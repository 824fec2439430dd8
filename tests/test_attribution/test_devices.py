"""Batches that fit: out of memory halves them, and the result is the same."""

import math
import os
import platform
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
import torchvision.models
import toys
from torch import nn

from attribution import Store, explain, load_model, models, perturbation_curve
from attribution.engine import devices
from attribution.engine.batches import BEGIN, CLEARLY, FIRST, LOOK_AGAIN, BatchSize
from attribution.engine.devices import (
    PRECISIONS,
    all_devices,
    best_device,
    chosen_device,
    keep_freed_memory,
)
from attribution.engine.score import ClassScore
from attribution.models import build_model

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


def test_a_network_that_does_not_fit_is_one_line(monkeypatch):
    def full(*given, **named):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 500 MiB\nmore")

    monkeypatch.setattr(models, "build_model", full)
    with pytest.raises(MemoryError, match=r"^EfficientNet-Lite0 does not fit into the memory of cpu: choose a smaller"):
        load_model("efficientnet_lite0", "cpu")


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
    score = ClassScore(cramped(2, RuntimeError("size mismatch")), 0)
    with pytest.raises(RuntimeError, match="size mismatch"):
        score.gradients(X.expand(9, *X.shape))


COSTS = {
    "no overhead": lambda n: 0.01 * n,
    "an overhead of each batch": lambda n: 0.02 + 0.004 * n,
    "a cache of eight": lambda n: 0.004 + 0.01 * n + 0.01 * n * (n > 8),
    "one at a time": lambda n: 0.01 * n**1.5,
    "quick": lambda n: 0.001 + 1e-5 * n,
}


class TestPace:
    """Told how long a batch took, without waiting for one."""

    @staticmethod
    def settle(batch, seconds_of, batches, first=1.0):
        """The sizes of the batches. Each takes `seconds_of(size)`, the first of a size `first` times as long."""
        sizes = []
        for _ in range(batches):
            late = 1.0 if batch.size in sizes else first
            sizes.append(batch.size)
            batch._pace(batch.size, late * seconds_of(batch.size))
        return sizes

    @pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
    @pytest.mark.parametrize("begin", [1, 4, 64])
    @pytest.mark.parametrize("first", [1.0, 3.0])
    def test_it_settles_where_a_point_takes_the_least_time(self, cost, begin, first):
        """Also where the first batch of a size takes longer: its kernels are prepared."""
        batch = BatchSize(size=begin, most=64, seconds=0.2)
        size = self.settle(batch, cost, 49, first)[-1]
        sizes = [2**k for k in range(7) if cost(2**k) <= 0.2]
        assert cost(size) / size <= min(cost(n) / n for n in sizes) / CLEARLY**2
        assert cost(size) <= 2 * 0.2

    def test_it_moves_when_the_machine_is_shared(self):
        batch = BatchSize(size=4, most=64, seconds=10)
        assert self.settle(batch, lambda n: 0.02 + 0.004 * n, 40)[-1] == 64
        sizes = self.settle(batch, lambda n: 0.02 + 0.004 * n + 0.001 * n * n, 2 * LOOK_AGAIN)
        assert sizes[-LOOK_AGAIN:].count(4) >= 0.95 * LOOK_AGAIN, "the others are tried again now and then"

    def test_slow_batches_halve_down_to_one(self):
        batch = BatchSize(size=4, seconds=0.2)
        assert self.settle(batch, lambda n: 5.0, 4) == [4, 2, 1, 1]

    def test_a_few_points_may_take_longer_than_many_but_not_at_the_beginning(self):
        """Single points of a large network would take a third more time each."""
        batch = BatchSize(size=4, seconds=0.2)
        assert set(self.settle(batch, lambda n: 0.1 + 0.2 * n, 20)[-5:]) == {4}
        assert (batch.next(100), batch.first(100)) == (4, 1)
        assert (BatchSize(size=16).first(100), BatchSize(size=16).first(2)) == (FIRST, 2)

    @pytest.mark.parametrize(("each", "first"), [(0.5, 1), (0.02, 3), (0.0005, 100)])
    def test_the_first_batch_of_a_run_is_soon_done(self, each, first):
        """On a quick device it is as large as any: nobody waits for it."""
        batch = BatchSize(size=128, seconds_per_point=each)
        assert batch.first(200) == first
        assert first == 1 or first * each <= BEGIN

    def test_a_single_disturbance_moves_nothing(self):
        batch = BatchSize(size=4, most=64, seconds=0.2)
        before = self.settle(batch, COSTS["a cache of eight"], 30)[-1]
        batch._pace(batch.size, 0.3)
        assert self.settle(batch, COSTS["a cache of eight"], 10) == [before] * 10 == [8] * 10

    def test_a_disturbance_while_a_size_is_tried_misleads_nobody(self):
        """Each size is judged by its quickest batch, of two at least."""
        cost = COSTS["a cache of eight"]
        for late in range(12):
            batch = BatchSize(size=4, most=64, seconds=0.2)
            for turn in range(30):
                batch._pace(batch.size, cost(batch.size) * (2 if turn == late else 1))
            assert batch.size == 8, late

    def test_a_rest_says_nothing(self):
        batch = BatchSize(size=4, seconds=0.2)
        batch._pace(2, 0.001)
        assert batch.size == 4

    def test_a_fixed_size_stays(self):
        batch = BatchSize(size=4, seconds=0.2, fixed=True)
        assert self.settle(batch, lambda n: 0.001, 9) == [4] * 9

    @pytest.mark.parametrize("size", [1, 3, 8, 64])
    @pytest.mark.parametrize("count", [1, 7, 8, 50, 64])
    def test_batches_are_of_nearly_equal_sizes(self, size, count, monkeypatch):
        monkeypatch.setattr(BatchSize, "_pace", lambda *given: None)
        seen = []
        list(BatchSize(size, most=size).run(lambda batch: seen.append(len(batch)) or (batch,), torch.zeros(count)))
        assert sum(seen) == count
        assert len(seen) == math.ceil(count / size)
        assert max(seen) - min(seen) <= 3
        assert max(seen) <= size
        assert size % 2 or not any(one % 2 for one in seen[:-1]), "threads share them"

    def test_while_somebody_waits_every_batch_is_as_short_as_a_first_one(self, monkeypatch):
        now = [100.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        batch = BatchSize(size=64, seconds_per_point=0.01)
        batch.hurry(1.0)
        batch.hurry(0.5)
        now[0] += 0.9
        assert batch.next(200) == batch.first(200) == 6, "who waits longest counts"
        assert BatchSize(size=64, seconds_per_point=0.01).next(200) == 50, "nobody waits for another model"
        now[0] += 0.2
        assert (batch.next(200), batch.first(200)) == (50, 6)
        fixed = BatchSize(size=64, seconds_per_point=0.01, fixed=True)
        fixed.hurry(1.0)
        assert fixed.next(200) == 64

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
    assert all_devices() == (torch.device("cpu"),)


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "", "cuda"])
def test_a_device_that_is_not_there_is_one_line(name):
    if name == "cuda" and torch.cuda.is_available():
        name = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ValueError, match=rf"^device '{name}' cannot be used on this machine; use one of [^\n]*cpu$"):
        load_model(device=name)


def test_a_torch_without_cuda_says_the_same(monkeypatch):
    def refuses(*sizes, device):
        raise AssertionError("Torch not compiled with CUDA enabled")

    monkeypatch.setattr(torch, "empty", refuses)
    with pytest.raises(ValueError, match="device 'cuda' cannot be used on this machine"):
        chosen_device("cuda")


def test_all_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert all_devices() == (torch.device("cuda:0"), torch.device("cuda:1"))


class TestFreedMemory:
    @pytest.fixture
    def told(self, monkeypatch):
        """What the C library is told, without its hearing of it."""
        heard = {}

        class Library:
            def mallopt(self, name, value):
                heard[name] = value
                return 1

        for name in list(os.environ):
            if name.startswith(("MALLOC_", "GLIBC_TUN")):
                monkeypatch.delenv(name)
        monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: Library())
        return heard

    def test_it_is_kept_within_a_bound(self, told, monkeypatch):
        monkeypatch.setattr(devices.sys, "platform", "linux")
        assert keep_freed_memory()
        assert told[-1] == devices.KEPT_BYTES
        assert told[-8] == 1, "one arena, so that the bound is that of the process"

    @pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
    def test_what_the_user_has_set_stands(self, told, monkeypatch, name):
        monkeypatch.setenv(name, "1")
        assert not keep_freed_memory()
        assert not told

    def test_an_older_library_keeps_blocks_that_are_as_large_as_it_allows(self, told, monkeypatch):
        class Older:
            def mallopt(self, name, value):
                if name == -3 and value > 32 << 20:
                    return 0
                told[name] = value
                return 1

        monkeypatch.setattr(devices.sys, "platform", "linux")
        monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: Older())
        assert keep_freed_memory()
        assert told[-3] == 32 << 20

    def test_a_library_that_cannot_is_left_alone(self, told, monkeypatch):
        monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: object())
        assert not keep_freed_memory()
        monkeypatch.setattr(devices.sys, "platform", "darwin")
        assert not keep_freed_memory()

    @pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
    @pytest.mark.parametrize("megabytes", [12, 80])
    def test_large_blocks_are_not_fetched_again(self, megabytes):
        """In processes of their own, in a thread as the dashboard's worker: faults of memory pages, not seconds."""
        code = (
            "import os, resource, threading, torch\n"
            "from attribution.engine.devices import keep_freed_memory\n"
            "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
            "def work():\n"
            "    for turn in range(12):\n"
            "        first = faults() if turn < 3 else first\n"
            f"        blocks = [torch.zeros({megabytes} * 250_000) for _ in range(8)]\n"
            "        del blocks\n"
            "    print(faults() - first, flush=True)\n"
            "def in_a_thread():\n"
            "    thread = threading.Thread(target=work); thread.start(); thread.join()\n"
            "for kept in (True, False):\n"
            "    if not os.fork():\n"
            "        assert not kept or keep_freed_memory()\n"
            "        in_a_thread()\n"
            "        os._exit(0)\n"
            "    assert os.wait()[1] == 0"
        )
        free = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUN"))}
        free["OMP_NUM_THREADS"] = "1"  # a thread that torch has started is not there after a fork
        run = subprocess.run([sys.executable, "-c", code], env=free, capture_output=True, timeout=120)
        assert run.returncode == 0, run.stderr
        fetched = dict(zip(("kept", "not"), map(int, run.stdout.split()), strict=True))
        assert fetched["kept"] * 4 < fetched["not"]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_networks_run_in_the_chosen_precision_and_the_setting_is_as_it_was(precision):
    """Without a choice, CUDA rounds convolutions to TF32; what the caller has set is his."""
    seen = []

    def settings():
        return torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision

    def network(z):
        seen.append(settings())
        return z.square().sum(1) + 1

    before = settings()
    assert before == ("tf32", "none"), "torch's default: otherwise this shows nothing"
    model = replace(toys.model(network), precision=precision)
    explain(model, toys.image(), "gradient", 0)
    model.predict(toys.image(), k=2)
    assert seen == [("tf32" if precision == "tf32" else "ieee",) * 2] * 2
    assert settings() == before


@pytest.mark.parametrize("other", PRECISIONS)
def test_who_leaves_first_takes_no_setting_from_who_is_still_inside(other):
    """The settings are those of the process, and threads overlap. Nobody is less precise than he asked for."""

    def settings():
        return (
            torch.backends.cudnn.conv.fp32_precision,
            torch.backends.cudnn.deterministic,
            torch.backends.cuda.matmul.fp32_precision,
        )

    before = settings()
    first, second = (devices.precision(name, X.device) for name in ("float32", other))
    first.__enter__()
    second.__enter__()
    assert settings() == ("ieee", True, "ieee")
    first.__exit__(None, None, None)
    left = "tf32" if other == "tf32" else "ieee"
    assert settings() == (left, True, left)
    second.__exit__(None, None, None)
    assert settings() == before


def test_who_comes_and_leaves_touches_no_setting_of_who_is_inside(monkeypatch):
    """While one is set anew, the other thread could read another one in the middle of a batch."""
    with devices.precision("float32", X.device):
        monkeypatch.setattr(devices._Products, "set", lambda products: pytest.fail("set anew"))
        for name in PRECISIONS:
            with devices.precision(name, X.device):
                pass
        monkeypatch.undo()


def test_another_precision_is_other_points():
    store, x = Store(), toys.image()
    for precision in PRECISIONS:
        model = replace(toys.linear(), digest="same", precision=precision)
        assert explain(model, x, "gradient", 0, store=store).evaluations == 1


def test_a_precision_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="precision 'half' is unknown; use one of float32, tf32"):
        build_model("resnet18", None, "cpu", precision="half")


def test_only_cuda_rounds_and_records():
    """What a model says of itself is what it does."""
    model = build_model("resnet18", None, "cpu", precision="tf32", graphs=True)
    assert (model.precision, model.graphs) == ("float32", None)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", PRECISIONS)
def test_graphs_give_the_same_map(precision):
    state = torchvision.models.resnet18(weights=None).state_dict()
    maps = []
    for graphs in (False, True):
        model = build_model("resnet18", state, "cuda", precision=precision, graphs=graphs)
        x = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(0)).to(model.device)
        for seed in range(4):  # the later ones are replayed
            found = explain(model, x, "smoothgrad", 281, samples=50, seed=seed).attribution
        maps.append(found)
    assert model.graphs is not None
    assert model.graphs.usable
    torch.testing.assert_close(maps[0], maps[1], rtol=1e-4, atol=1e-6 * maps[0].abs().max().item())


@pytest.mark.gpu
def test_tf32_is_near_float32():
    state = torchvision.models.resnet18(weights=None).state_dict()
    maps = []
    for precision in PRECISIONS:
        model = build_model("resnet18", state, "cuda", precision=precision)
        x = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(0)).to(model.device)
        maps.append(explain(model, x, "smoothgrad", 281).attribution.flatten())
    assert torch.corrcoef(torch.stack(maps))[0, 1] > 0.99


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["gradient", "integrated_gradients", "smoothgrad", "smooth_taylor"])
def test_the_gpu_gives_the_map_of_the_cpu(name):
    state = torchvision.models.resnet18(weights=None).state_dict()
    maps = []
    for device in ("cpu", "cuda"):
        model = build_model("resnet18", state, device)
        x = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(0)).to(model.device)
        maps.append(explain(model, x, name, 281).attribution.cpu().flatten())
    assert torch.corrcoef(torch.stack(maps))[0, 1] > 0.9999
