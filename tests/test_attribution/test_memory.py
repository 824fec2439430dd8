"""How many images a CPU takes at once: a batch takes at most a quarter of the memory, as that would end the process."""

import gc
import weakref

import pytest
import torch
import toys
from torch import nn

from attribution import explain
from attribution.engine import batches, memory
from attribution.engine.batches import BatchSize
from attribution.engine.memory import SHARE, WORKING, bytes_kept, most_images
from attribution.model import Model

IMAGE = torch.rand((3, 20, 20), generator=torch.Generator().manual_seed(0))
SIZE = IMAGE.numel() * IMAGE.element_size()


class Twice(nn.Module):
    """Keeps its input and its exponential, each once, though two factors are kept of one of them."""

    def forward(self, points):
        return (points.square() * points).exp().flatten(1).sum(1, keepdim=True)


class TestOfOneImage:
    def test_what_is_kept_is_counted_once(self):
        """z, z squared and exp(z cubed)."""
        assert bytes_kept(Twice(), IMAGE) == 3 * SIZE

    def test_weights_are_not_counted(self):
        network = nn.Sequential(nn.Flatten(), nn.Linear(1200, 4000), nn.Linear(4000, 2)).requires_grad_(False)
        assert bytes_kept(network, IMAGE) < SIZE + 2 * 4000 * 4

    def test_it_grows_with_the_pixels(self):
        large = IMAGE.repeat(1, 2, 3)
        assert bytes_kept(Twice(), large) == 6 * bytes_kept(Twice(), IMAGE)

    def test_nothing_is_held_afterwards(self):
        seen = []

        class Watched(Twice):
            def forward(self, points):
                seen.append(weakref.ref(points))
                return super().forward(points)

        gc.disable()
        try:
            bytes_kept(Watched(), IMAGE)
            assert seen[0]() is None
        finally:
            gc.enable()

    def test_the_network_stays_as_it_is(self):
        model = toys.of_photos()
        before = {name: entry.clone() for name, entry in model.module.state_dict().items()}
        bytes_kept(model.module, IMAGE.repeat(1, 3, 3)[:, :48, :48])
        assert all(entry.equal(before[name]) for name, entry in model.module.state_dict().items())
        assert not any(entry.requires_grad or entry.grad is not None for entry in model.module.parameters())


class TestThatFit:
    @pytest.mark.parametrize(("images", "fit"), [(0.5, 1), (1, 1), (3.9, 2), (4, 4), (100, 64), (10_000, 256)])
    def test_a_power_of_two_of_them_takes_a_quarter_of_the_memory(self, monkeypatch, images, fit):
        kept = bytes_kept(Twice(), IMAGE)
        monkeypatch.setattr(memory, "memory", lambda: int(images * kept * SHARE * WORKING))
        assert most_images(Twice(), IMAGE, 256) == fit

    def test_where_nothing_is_known_nothing_is_limited(self, monkeypatch):
        monkeypatch.setattr(memory, "memory", lambda: None)
        assert most_images(Twice(), IMAGE, 256) == 256
        monkeypatch.undo()

        class Broken(nn.Module):
            def forward(self, points):
                raise RuntimeError

        assert most_images(Broken(), IMAGE, 256) == 256


def test_a_container_has_what_it_was_given(tmp_path):
    whole = memory.memory(())
    none, less, more = (tmp_path / name for name in ("none", "less", "more"))
    none.write_text("max\n")
    less.write_text(f"{whole // 3}\n")
    more.write_text(f"{2 * whole}\n")
    assert memory.memory((none, tmp_path / "missing", more)) == whole
    assert memory.memory((none, less)) == whole // 3


class TestBatches:
    def grown(self, batch, turns=40):
        """The sizes while larger batches are always quicker."""
        sizes = []
        for _ in range(turns):
            sizes.append(batch.size)
            batch._pace(batch.size, 0.01 + 1e-4 * batch.size)
        return sizes

    def test_the_limit_is_asked_once_and_never_passed(self):
        asked = []
        batch = BatchSize(size=4, limit=lambda: asked.append(1) or 16)
        assert max(self.grown(batch)) == 16
        assert len(asked) == 1
        assert max(self.grown(BatchSize(size=4))) == 256

    def test_threads_that_share_a_model_learn_its_size_one_at_a_time(self):
        alone = []

        class Watched(BatchSize):
            def _learn(self, count, seconds):
                alone.append(batches._LEARNING.locked())
                super()._learn(count, seconds)

        self.grown(Watched(size=4), turns=3)
        assert alone == [True] * 3

    def test_who_says_a_size_has_it(self):
        batch = BatchSize(size=64, fixed=True, limit=lambda: pytest.fail("it was asked"))
        assert set(self.grown(batch)) == {64}

    @pytest.mark.parametrize(("room", "most"), [(5, 4), (40, 32)])
    def test_a_model_on_a_cpu_has_one(self, monkeypatch, room, most):
        network = toys.of_photos().module
        one = bytes_kept(network, torch.zeros(3, 48, 48))
        monkeypatch.setattr(memory, "memory", lambda: int(room * one * SHARE * WORKING))
        model = Model.wrap(network, size=48, mean=toys.MEAN, std=toys.STD, categories=("yes", "no"), device="cpu")
        assert max(self.grown(model.gradient_batch)) == most
        assert max(self.grown(model.value_batch)[-20:]) == most
        assert explain(model, toys.image(1, (3, 48, 48)).float(), "smoothgrad", samples=60).complete
