"""What gradients cost, counted on a counting model; what a seed and an index decide; what the store forgets."""

import importlib
import sys
import threading
from dataclasses import replace

import pytest
import torch
import toys

from attribution import Store, explain, stream
from attribution.engine import plans
from attribution.engine.accumulate import visit
from attribution.engine.baselines import fingerprint
from attribution.engine.batches import FIRST, BatchSize
from attribution.engine.plans import NoiseCloud
from attribution.engine.random_numbers import Purpose, normal
from attribution.engine.score import ClassScore

X = toys.image()


class Session:
    """Explains X with one store, and says what each call cost."""

    def __init__(self) -> None:
        self.model, self.counter = toys.counted(toys.convolutional())
        self.store = Store()

    def cost(self, method: str, target: int = 0, x: torch.Tensor = X, **knobs) -> int:
        before = self.counter.gradients
        done = explain(self.model, x, method, target, store=self.store, **knobs)
        assert done.evaluations == self.counter.gradients - before, "the number told is not the number computed"
        return done.evaluations


@pytest.fixture
def session() -> Session:
    session = Session()
    assert session.cost("integrated_gradients", steps=10) == 10
    assert session.cost("smoothgrad", samples=30, sigma=0.5, seed=1) == 30
    return session


class TestCounts:
    def test_smooth_taylor_is_free_beside_smoothgrad(self, session):
        assert session.cost("smooth_taylor", samples=30, sigma=0.5, seed=1) == 0
        assert session.counter.gradients == 40

    @pytest.mark.parametrize("form", ["squared", "variance"])
    def test_so_are_the_other_moments(self, session, form):
        assert session.cost("smoothgrad", samples=30, sigma=0.5, seed=1, form=form) == 0
        assert session.cost("smoothgrad_squared", samples=30, sigma=0.5, seed=1) == 0

    def test_more_roots_cost_the_difference_and_fewer_nothing(self, session):
        assert session.cost("smooth_taylor", samples=40, sigma=0.5, seed=1) == 10
        assert session.cost("smoothgrad", samples=20, sigma=0.5, seed=1) == 0

    def test_the_other_sign_of_known_noise_costs_its_half(self, session):
        session.cost("smoothgrad", samples=10)
        assert session.cost("smoothgrad", samples=20, antithetic=True) == 10
        assert session.cost("smooth_taylor", samples=20, antithetic=True) == 0

    def test_twice_the_steps_cost_the_difference(self, session):
        assert session.cost("integrated_gradients", steps=20) == 10
        assert session.cost("integrated_gradients", steps=5) == 0

    def test_rules_share_their_nodes(self, session):
        assert session.cost("integrated_gradients", steps=10, rule="left") == 1

    @pytest.mark.parametrize("baseline", ["white", "mean", "blurred", "uniform", torch.zeros_like(X)])
    def test_another_baseline_costs_a_path(self, session, baseline):
        assert session.cost("integrated_gradients", steps=10, baseline=baseline) == 10
        assert session.cost("integrated_gradients", steps=10, baseline=baseline) == 0

    def test_points_of_another_seed_are_others(self, session):
        for seed in (0, 1):
            assert session.cost("expected_gradients", samples=4, seed=seed) == 4
            assert session.cost("expected_gradients", samples=4, seed=seed) == 0

    def test_more_noise_baselines_cost_their_paths(self, session):
        assert session.cost("integrated_gradients", steps=10, baseline="uniform", draws=2) == 20
        assert session.cost("integrated_gradients", steps=10, baseline="uniform", draws=5) == 30
        assert session.cost("integrated_gradients", steps=10, baseline="uniform", draws=1) == 0

    @pytest.mark.parametrize("change", [{"sigma": 0.6}, {"seed": 2}, {"target": 1}, {"x": X + 1}])
    def test_another_sigma_seed_class_or_image_costs_all(self, session, change):
        assert session.cost("smooth_taylor", **{"samples": 30, "sigma": 0.5, "seed": 1, **change}) == 30

    def test_another_class_costs_all_of_the_path(self, session):
        assert session.cost("integrated_gradients", steps=10, target=1) == 10

    def test_another_score_or_network_is_another_thing(self, session):
        assert session.cost("integrated_gradients", steps=10, output="probability") == 10
        session.model, session.counter = toys.counted(toys.convolutional(seed=1))
        assert session.cost("integrated_gradients", steps=10) == 10

    def test_gradient_maps_share_their_one_point(self, session):
        assert session.cost("gradient") == 1
        assert session.cost("input_x_gradient") == 0

    def test_the_same_values_in_another_shape_are_another_image(self, session):
        assert session.cost("gradient", x=torch.zeros(3, 4, 5, dtype=torch.float64)) == 1
        one, other = (toys.image(1, shape) for shape in ((3, 4, 6), (3, 6, 4)))
        assert fingerprint(one) != fingerprint(one.view(3, 6, 4)) != fingerprint(other.float())

    def test_an_empty_store_is_used(self):
        """An empty Store is falsy, as every empty container is: asking for its truth is asking the wrong thing."""
        store = Store()
        explain(toys.linear(), X, "gradient", 0, store=store)
        assert len(store) == 1

    def test_nothing_is_remembered_without_a_store(self):
        model, counter = toys.counted(toys.convolutional())
        for _ in range(2):
            explain(model, X, "smoothgrad", 0, samples=5)
        assert counter.gradients == 10


class TestRemembered:
    @pytest.mark.parametrize("size", [1, 3, 64])
    @pytest.mark.parametrize(
        ("name", "first", "then"),
        [
            ("smooth_taylor", {"samples": 20}, {"samples": 50}),
            ("smoothgrad", {"samples": 50, "form": "variance"}, {"samples": 20, "form": "variance"}),
            ("integrated_gradients", {"steps": 12}, {"steps": 36}),
            ("integrated_gradients", {"steps": 12, "rule": "left"}, {"steps": 18, "rule": "trapezoid"}),
        ],
    )
    def test_the_map_is_the_same(self, size, name, first, then):
        model = toys.in_batches_of(size, toys.convolutional())
        store = Store()
        explain(model, X, name, 0, store=store, **first)
        shared = explain(model, X, name, 0, store=store, **then).attribution
        torch.testing.assert_close(shared, explain(model, X, name, 0, **then).attribution, rtol=1e-9, atol=1e-12)

    def test_batches_stay_full_when_remembered_points_lie_between(self):
        """Known and unknown points alternate: the unknown ones still go through the network together."""
        model, counter = toys.counted(toys.in_batches_of(8, toys.convolutional()))
        score = ClassScore(model, 0, store=Store())
        cloud = NoiseCloud(0.5, 0, 16)
        for k in range(0, 16, 2):
            value, gradient = score.gradients(cloud.points(X, [k]))
            score.store.put((score.key(X), cloud.key(k)), value[0], gradient[0])
        counter.gradients = counter.largest = 0
        assert [cost for _, cost in visit(score, X, cloud)] == [0, 8]
        assert counter.largest == 8

    def test_what_is_remembered_is_shown_before_anything_is_computed(self):
        """A map whose points another one has begun: there is something to see at once."""
        model, counter = toys.counted(toys.in_batches_of(8, toys.convolutional()))
        store = Store()
        explain(model, X, "smoothgrad", 0, store=store, samples=3)
        run = stream(model, X, "smooth_taylor", 0, store=store, samples=20)
        first = next(run)
        assert (first.done, first.evaluations, counter.gradients) == (3, 0, 3)
        *_, last = run
        assert (last.done, last.evaluations, counter.gradients) == (20, 17, 20)

    @pytest.mark.parametrize("name", ["smoothgrad", "integrated_gradients", "gradient"])
    def test_the_first_result_comes_after_few_points(self, name):
        """Who waits sees something soon, however large the batches are."""
        model, counter = toys.counted(toys.convolutional())
        first = next(stream(replace(model, gradient_batch=BatchSize(64)), X, name, 0))
        assert first.done == counter.gradients <= FIRST


EVERY = 50


@pytest.fixture
def milestones(monkeypatch):
    """Sums are remembered after each 50 points. The product has 500, which take ten times as long."""
    for name in ("engine.plans", "engine.clouds", "methods.smoothgrad", "methods.smooth_taylor"):
        module = importlib.import_module(f"attribution.{name}")
        assert module.REMEMBERED == 500
        monkeypatch.setattr(module, "REMEMBERED", EVERY)


@pytest.mark.usefixtures("milestones")
class TestLargeClouds:
    """Above some number of points, sums are remembered instead of points."""

    FORMS = (("smooth_taylor", {}), *(("smoothgrad", {"form": form}) for form in ("mean", "squared", "variance")))

    @pytest.mark.parametrize(("name", "knobs"), FORMS)
    @pytest.mark.parametrize("store", [lambda: None, Store])
    def test_the_map_is_the_mean(self, name, knobs, store):
        ours = explain(toys.convolutional(), X, name, 0, samples=123, sigma=0.3, store=store(), **knobs).attribution
        score = ClassScore(toys.convolutional(), 0)
        points = NoiseCloud(0.3, 0, 123).points(X, range(123))
        _, g = score.gradients(points)
        expected = {
            "smooth_taylor": ((X - points) * g).mean(0),
            "mean": g.mean(0),
            "squared": g.square().mean(0),
            "variance": g.var(0, correction=0),
        }[knobs.get("form", name)]
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)

    def test_more_costs_the_difference_and_less_costs_nothing_for_all_noise_methods(self, session):
        assert session.cost("smoothgrad", samples=100) == 100
        assert session.cost("smoothgrad", samples=200) == 100
        assert session.cost("smoothgrad", samples=100) == 0
        for name, knobs in self.FORMS:
            assert session.cost(name, samples=200, **knobs) == 0
            assert session.cost(name, samples=100, **knobs) == 0
        assert session.cost("smooth_taylor", samples=210) == 10
        for name, knobs in self.FORMS:
            assert session.cost(name, samples=210, **knobs) == 0, "an R that is no milestone, for the others too"
        assert session.cost("smoothgrad", samples=220) == 20, "of a new R, since the last milestone"
        assert session.cost("smoothgrad", samples=170) == 20
        assert session.cost("smooth_taylor", samples=30) == 0

    def test_a_run_that_goes_on_is_the_same_to_the_last_bit(self):
        model, store = toys.in_batches_of(7, toys.convolutional()), Store()
        for samples in (70, 160, 60, 200):
            ours = explain(model, X, "smooth_taylor", 0, samples=samples, store=store).attribution
            alone = explain(model, X, "smooth_taylor", 0, samples=samples, store=Store()).attribution
            assert torch.equal(ours, alone)

    def test_the_variance_of_what_does_not_vary_is_zero(self):
        """In float32 too: squares of single precision would leave their rounding."""
        model = toys.model(lambda z: z @ toys.WEIGHTS.float())
        found = explain(model, X.float(), "smoothgrad", 0, samples=60, form="variance").attribution
        assert found.max() < 1e-12

    def test_another_cloud_is_another_sum(self, session):
        session.cost("smoothgrad", samples=100)
        for change in ({"seed": 1}, {"sigma": 0.4}, {"antithetic": True}, {"target": 1}):
            assert session.cost("smoothgrad", samples=100, **change) > 0


def test_memory_does_not_grow_with_r():
    held = {}
    for samples in (1000, 2000):
        store = Store()
        explain(toys.linear(), X, "smoothgrad", 0, samples=samples, store=store)
        held[samples] = store.bytes, len(store)
    sums = 2 * 3 * X.numel() * 8  # over all draws, and over every other one
    assert held[2000][0] - held[1000][0] == 2 * sums
    assert held[1000][1] == 2 * 500 + 2, "500 points, their noise, and two milestones"


class TestNoise:
    @pytest.fixture
    def drawn(self, monkeypatch) -> list[int]:
        """The draws that were made."""
        made, real = [], plans.normal_soon

        def counted(purpose, seed, k, shape):
            made.append(k)
            return real(purpose, seed, k, shape)

        monkeypatch.setattr(plans, "normal_soon", counted)
        return made

    def test_each_draw_is_made_once_for_all_methods_sigmas_and_photos(self, drawn):
        store, model = Store(), toys.convolutional()
        explain(model, X, "smoothgrad", 0, samples=20, store=store)
        assert len(drawn) == 20
        explain(model, X, "smooth_taylor", 0, samples=20, store=store)
        explain(model, X, "smooth_taylor", 0, samples=20, sigma=0.1, antithetic=True, store=store)
        explain(model, X + 1, "smoothgrad", 1, samples=20, store=store)
        assert len(drawn) == 20
        explain(model, X, "smoothgrad", 0, samples=30, store=store)
        assert len(drawn) == 30
        explain(model, X, "smoothgrad", 0, samples=5, seed=1, store=store)
        assert len(drawn) == 35

    def test_remembered_noise_is_the_same(self, drawn):
        store = Store()
        for _ in range(2):
            for antithetic in (False, True):
                cloud = NoiseCloud(0.5, 3, 8, antithetic)
                kept = NoiseCloud(0.5, 3, 8, antithetic, store)
                assert torch.equal(kept.points(X, range(8)), cloud.points(X, range(8)))
        assert kept == cloud, "where noise is kept does not make other points"

    @pytest.mark.parametrize("antithetic", [False, True])
    @pytest.mark.parametrize("store", [lambda: None, Store])
    def test_what_is_drawn_ahead_is_used(self, drawn, antithetic, store):
        cloud = NoiseCloud(0.5, 4, 10, antithetic, store())
        first = cloud.points(X, range(4))
        assert sorted(set(drawn)) == list(range(4 if antithetic else 8)), "the next four are begun"
        rest = torch.cat([cloud.points(X, range(4, 8)), cloud.points(X, range(8, 10))])
        assert len(drawn) == len(set(drawn)) == (5 if antithetic else 10), "none twice, and none after the last"
        assert torch.equal(torch.cat([first, rest]), NoiseCloud(0.5, 4, 10, antithetic).points(X, range(10)))


class TestStore:
    @staticmethod
    def point(value: float) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tensor(value), torch.full((3, 4, 4), value)

    SIZE = 4 + 4 * 48

    def test_the_least_recently_used_goes_first(self):
        store = Store(max_bytes=3 * self.SIZE)
        for name in "abc":
            store.put(name, *self.point(1.0))
        assert store.get("a") is not None
        store.put("d", *self.point(2.0))
        assert store.get("b") is None
        assert all(store.get(name) is not None for name in "acd")
        assert store.bytes == 3 * self.SIZE == store.max_bytes

    def test_what_can_never_fit_drives_nothing_out(self):
        store = Store(max_bytes=self.SIZE)
        store.put("small", *self.point(1.0))
        store.put("large", torch.tensor(0.0), torch.zeros(3, 40, 40))
        assert store.get("small") is not None

    def test_bytes_are_those_held(self):
        store = Store(max_bytes=10 * self.SIZE)
        for value in (1.0, 2.0):
            store.put("again", *self.point(value))
        assert (len(store), store.bytes) == (1, self.SIZE)
        assert store.get("again")[0] == 2.0

    def test_threads_share_it(self):
        """Many at once: nothing is lost but what had to go, and the bytes held are those counted."""
        store, point = Store(max_bytes=40 * 40), torch.zeros(10)

        def work(owner: int) -> None:
            for k in range(500):
                store.put((owner, k), point[0], point[1:])
                store.get((owner, k - 5))

        threads = [threading.Thread(target=work, args=(owner,)) for owner in range(8)]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)
        assert len(store) == 40
        assert store.bytes == 40 * 40

    def test_a_slice_does_not_keep_its_batch(self):
        batch = torch.zeros(100, 3, 4, 4)
        store = Store()
        store.put("one", torch.tensor(0.0), batch[0])
        assert store.get("one")[1].untyped_storage().nbytes() == 4 * 48

    def test_a_store_too_small_for_a_run_changes_nothing_but_the_cost(self):
        store = Store(max_bytes=3 * 60 * 8)
        for _ in range(2):
            done = explain(toys.convolutional(), X, "smoothgrad", 0, samples=20, store=store)
            assert done.evaluations == 20
            assert store.bytes <= store.max_bytes


class TestDraws:
    def test_draw_k_depends_on_seed_and_k_alone(self):
        cloud = NoiseCloud(1.0, 7, 100)
        alone = cloud.points(X, [42])[0]
        assert torch.equal(cloud.points(X, [3, 42, 5])[1], alone)
        assert torch.equal(NoiseCloud(1.0, 7, 43).points(X, range(43))[42], alone)

    def test_epsilon_is_the_same_for_every_sigma(self):
        origin = torch.zeros_like(X)
        half, whole = (NoiseCloud(sigma, 7, 9).points(origin, [4]) for sigma in (0.5, 1.0))
        assert torch.equal(2 * half, whole)

    @pytest.mark.parametrize(
        "other", [toys.image(shape=(3, 4, 6)), X.float(), X.to("meta")], ids=["shape", "type", "device"]
    )
    def test_noise_of_another_shape_type_or_device_is_not_taken(self, other):
        store = Store()
        NoiseCloud(1.0, 7, 3, store=store).points(X, range(3))
        found = NoiseCloud(1.0, 7, 3, store=store).points(other, range(3))
        torch.testing.assert_close(found, NoiseCloud(1.0, 7, 3).points(other, range(3)), rtol=0, atol=0)

    def test_seeds_indices_and_purposes_differ(self):
        drawn = [
            normal(purpose, seed, k, (5,))
            for purpose in (Purpose.ROOTS, Purpose.BASELINE)
            for seed, k in ((0, 1), (1, 0))
        ]
        assert len({tuple(d.tolist()) for d in drawn}) == 4

    def test_it_is_standard_normal(self):
        drawn = normal(Purpose.ROOTS, 0, 0, (100_000,))
        assert drawn.mean().abs() < 0.02
        assert drawn.std().item() == pytest.approx(1, abs=0.01)

    def test_the_first_hundred_of_a_hundred_and_fifty(self):
        model = toys.convolutional()
        hundred, more = (explain(model, X, "smooth_taylor", 0, samples=n).attribution for n in (100, 150))
        rest = (150 * more - 100 * hundred) / 50
        cloud = NoiseCloud(0.5, 0, 150)
        z = cloud.points(X, range(100, 150))
        _, g = ClassScore(model, 0).gradients(z)
        torch.testing.assert_close(rest, ((X - z) * g).mean(0))

    def test_the_numbers_are_these_on_every_machine(self):
        """Pinned, so that a link gives the same map tomorrow: a change here changes every published map."""
        assert normal(Purpose.ROOTS, 0, 0, (3,)).tolist() == pytest.approx([1.72910, -1.42845, 1.02774], abs=1e-4)
