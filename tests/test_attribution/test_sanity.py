"""Laws of the sanity checks: random layers, noise in the weights, another class."""

import math
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import PIL.Image
import pytest
import torch
import toys
from scipy import stats
from skimage import data
from torch import nn
from toys import of_photos

from attribution import Store, explain
from attribution.engine.batches import BatchSize
from attribution.engine.graphs import Graphs
from attribution.engine.score import ClassScore
from attribution.engine.states import digest_of
from attribution.engine.weights import layers, mixed, perturbed, renewed
from attribution.explain import together
from attribution.similarity import LITTLE, Alike, Finding
from attribution.studies.other_class import other_class
from attribution.studies.perturbed import LEVELS, Level, Perturbed, model_perturbation
from attribution.studies.randomisation import Randomised, Stage, counts, randomisation

METHODS = {
    "Gradient": ("gradient", {}),
    "IG": ("integrated_gradients", {"steps": 4}),
    "SmoothGrad": ("smoothgrad", {"samples": 4, "sigma": 0.2}),
    "SmoothTaylor": ("smooth_taylor", {"samples": 4, "sigma": 0.2}),
    "Edges": ("edges", {}),
    "Centre": ("centre", {}),
}
SQUARES = {
    "SmoothGrad squared": ("smoothgrad_squared", {"samples": 4, "sigma": 2.0}),
    "SmoothGrad variance": ("smoothgrad", {"samples": 4, "sigma": 2.0, "form": "variance"}),
    "IDG": ("idg", {"steps": 4}),
}
SURE = toys.model(lambda z: z @ toys.WEIGHTS + 25)
"""At the image its probability is 1, and the gradient of that is zero."""


@pytest.fixture(scope="module")
def model():
    """With fixed batches: a result then depends on its point alone, bit for bit."""
    return replace(of_photos(), gradient_batch=BatchSize(4, fixed=True), value_batch=BatchSize(4, fixed=True))


@pytest.fixture(scope="module")
def x(model):
    return model.prepare(PIL.Image.fromarray(data.cat()))


def last(run):
    *_, found = run
    return found


@pytest.fixture(scope="module")
def cascade(model, x):
    return last(randomisation(model, x, METHODS))


class TestRandomisation:
    def test_nothing_random_is_the_map_itself(self, cascade):
        for label in METHODS:
            for measure in ("spearman", "ssim", "hog", "top"):
                assert cascade.stages[0].similarity(label, measure).value == pytest.approx(1)

    @pytest.mark.parametrize("mode", ["cascading", "independent"])
    def test_controls_stay_and_are_flagged(self, model, x, mode):
        found = last(randomisation(model, x, METHODS, mode=mode))
        for label in ("Edges", "Centre"):
            assert [one.value for _, one in found.curve(label)] == pytest.approx([1] * len(found.counts))
            assert found.verdict(label).flagged
            assert found.verdict(label).words.startswith("changed little")

    def test_a_gradient_depends_on_the_layers_and_is_not_flagged(self, cascade):
        for label in ("Gradient", "SmoothGrad"):
            assert cascade.curve(label)[-1][1].value < LITTLE
            assert not cascade.verdict(label).flagged

    def test_stages_by_their_definition(self, model, x, cascade):
        """Literally: the network of each stage, and its maps without any store."""
        order = layers(model.module, x)[::-1]
        new = renewed(model.module, 0)
        assert cascade.layers == order == ("6", "2", "0")
        assert cascade.counts == (0, 1, 2, 3)
        target = model.predict(x, 1)[0][0]
        for stage in cascade.stages:
            there = replace(model, module=mixed(model.module, new, order[: stage.count]), digest="own")
            for label, (method, knobs) in METHODS.items():
                here = explain(model, x, method, target, **knobs).attribution.sum(0)
                made = explain(there, x, method, target, **knobs).attribution.sum(0)
                torch.testing.assert_close(stage.maps[label].float(), made, rtol=1e-4, atol=1e-9)
                ranked = stats.spearmanr(here.abs().flatten(), made.abs().flatten()).statistic
                assert stage.similarity(label, "spearman").value == pytest.approx(ranked, abs=1e-4)

    def test_one_layer_at_a_time(self, model, x):
        found = last(randomisation(model, x, {"Gradient": METHODS["Gradient"]}, mode="independent"))
        new = renewed(model.module, 0)
        for stage, layer in zip(found.stages[1:], ("6", "2", "0"), strict=True):
            there = replace(model, module=mixed(model.module, new, [layer]), digest="own")
            made = explain(there, x, "gradient", stage.target).attribution.sum(0)
            torch.testing.assert_close(stage.maps["Gradient"].float(), made)
        assert "all layers random" in str(found.entropy_rise("Gradient"))

    def test_the_last_layers_bias_matters_to_no_gradient(self, x):
        """A linear score whose only layer is random has another map; its own class is then what is explained."""
        linear = toys.layered(toys.WEIGHTS)
        point = toys.image()
        found = last(randomisation(linear, point, {"Gradient": METHODS["Gradient"]}, 0))
        new = renewed(linear.module, 0)
        torch.testing.assert_close(found.stages[-1].maps["Gradient"], new[1].weight[0].view(toys.SHAPE).sum(0))

    @pytest.mark.parametrize("statistics", [False, True])
    def test_running_statistics_of_a_batch_norm_that_is_not_folded_go_when_they_are_to(self, statistics):
        """The map of a linear score by hand: its weights, divided by the standard deviation of the channel."""
        norm, layer = nn.BatchNorm2d(3, eps=0), nn.Linear(60, 2)
        norm.running_var = torch.tensor([1.0, 4.0, 16.0])
        network = toys.model(nn.Sequential(norm, nn.Flatten(), layer).double())
        found = last(randomisation(network, toys.image(), {"Gradient": METHODS["Gradient"]}, 0, statistics=statistics))
        drawn = renewed(network.module, 0)[2].weight[0].view(toys.SHAPE)
        sizes = torch.ones(3) if statistics else torch.tensor([1.0, 2.0, 4.0])
        assert found.stages[-1].layer == "0", "the batch-norm is random too"
        torch.testing.assert_close(found.stages[-1].maps["Gradient"], (drawn / sizes[:, None, None]).sum(0))

    def test_the_seed_decides_and_nothing_else(self, model, x, cascade):
        again = last(randomisation(model, x, METHODS))
        other = last(randomisation(model, x, METHODS, seed=1))
        for one, two, three in zip(cascade.stages, again.stages, other.stages, strict=True):
            assert all(torch.equal(one.maps[label], two.maps[label]) for label in METHODS)
            assert torch.equal(one.maps["Gradient"], three.maps["Gradient"]) == (one.count == 0)

    def test_the_model_and_torchs_generator_stay(self, model, x):
        before, generator = digest_of(model.module), torch.get_rng_state()
        last(randomisation(model, x, METHODS, statistics=True))
        last(model_perturbation(model, x, METHODS, shares=(0.5,), seeds=1))
        assert digest_of(model.module) == before
        assert torch.equal(torch.get_rng_state(), generator)
        assert not any(entry.requires_grad for entry in model.module.parameters())

    def test_methods_share_their_points(self, x):
        model, counter = toys.counted(of_photos())
        last(randomisation(model, x, {"SmoothGrad": METHODS["SmoothGrad"], "SmoothTaylor": METHODS["SmoothTaylor"]}))
        alone, counter_of_one = toys.counted(of_photos())
        last(randomisation(alone, x, {"SmoothGrad": METHODS["SmoothGrad"]}))
        assert counter.gradients == counter_of_one.gradients > 0

    def test_stages_fill_as_they_are_computed(self, model, x):
        snapshots = list(randomisation(model, x, METHODS))
        assert sorted({one.done for one in snapshots} - {0}) == list(range(1, snapshots[-1].total + 1))
        assert all(set(a.stages[0].maps) <= set(b.stages[0].maps) for a, b in pairwise(snapshots))
        assert snapshots[0].verdict("Gradient") is None
        assert len(snapshots[0].stages) == 1

    def test_a_long_map_is_made_in_several_steps(self, model, x):
        """Who waits for one can do something else in the meantime, and has the same maps in the end."""
        small = toys.in_batches_of(2, model)
        methods = {"SmoothGrad": METHODS["SmoothGrad"]}
        for run in (randomisation, partial(model_perturbation, shares=(0.5,), seeds=1), other_class):
            snapshots = list(run(small, x, methods))
            done = [one.done for one in snapshots]
            assert done == sorted(done)
            assert len(snapshots) > len(set(done))
        torch.testing.assert_close(snapshots[-1].maps, last(other_class(model, x, methods)).maps)

    def test_the_maps_of_the_model_come_from_the_store(self, x):
        model, counter = toys.counted(of_photos())
        store = Store()
        target = model.predict(x, 1)[0][0]
        explain(model, x, "gradient", target, store=store)
        before = counter.gradients
        next(randomisation(model, x, {"Gradient": METHODS["Gradient"]}, target, store=store))
        assert counter.gradients == before

    def test_its_own_class_is_the_likeliest_of_each_network(self, model, x):
        found = last(randomisation(model, x, {"Gradient": METHODS["Gradient"]}, 1, own_class=True))
        new, order = renewed(model.module, 0), layers(model.module, x)[::-1]
        for stage in found.stages[1:]:
            with torch.no_grad():
                expected = mixed(model.module, new, order[: stage.count])(x[None]).argmax().item()
            assert stage.target == expected
        assert {stage.target for stage in last(randomisation(model, x, METHODS, 1)).stages} == {1}

    def test_recorded_graphs_of_the_model_are_not_used(self, model):
        recorded = replace(model, graphs=Graphs())
        assert recorded.with_weights(model.module, "other").graphs is None
        assert recorded.with_weights(model.module, "other").digest != model.digest

    def test_entropy_rises_by_its_definition(self, cascade):
        def of(values):
            counted, _ = np.histogram(values.abs().numpy(), 100)
            return stats.entropy(counted)

        first, end = (of(stage.maps["Gradient"]) for stage in (cascade.stages[0], cascade.stages[-1]))
        assert cascade.entropy_rise("Gradient").value == pytest.approx((end - first) / first)
        assert cascade.entropy_rise("Edges").value == 0

    def test_a_model_without_parameters_is_one_line(self):
        with pytest.raises(ValueError, match=r"^toy has no parameters that could be random; choose another model$"):
            next(randomisation(toys.linear(), toys.image(), METHODS, 0))
        with pytest.raises(ValueError, match=r"^toy has no weights that could be perturbed; choose another model$"):
            next(model_perturbation(toys.linear(), toys.image(), METHODS, 0))

    def test_a_method_that_the_model_does_not_allow_is_told_and_the_others_go_on(self):
        model, _ = toys.counted(toys.convolutional())
        found = last(randomisation(model, toys.image(), {"LRP": ("lrp", {}), "Gradient": METHODS["Gradient"]}, 0))
        assert "LRP does not support toy" in found.verdict("LRP").words
        assert not found.verdict("LRP").flagged
        assert found.verdict("Gradient").words.startswith("changed")

    def test_a_blank_map_is_told(self, model, x):
        flat = replace(model, module=torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 48 * 48, 2)).eval())
        torch.nn.init.zeros_(flat.module[1].weight)
        flat.module.requires_grad_(False)
        words = last(randomisation(flat, x, {"Gradient": METHODS["Gradient"]}, 0)).verdict("Gradient").words
        assert words.startswith("cannot be told: the similarity is not defined (the map is blank")

    @pytest.mark.parametrize(
        ("wrong", "line"),
        [
            ({"mode": "sideways"}, "mode 'sideways' is unknown; use one of cascading, independent"),
            ({"stages": 0}, "use at least one stage"),
            ({"seed": -1}, "a seed of at least 0"),
            ({"target": 9}, "class 9 does not exist"),
        ],
    )
    def test_what_cannot_be_is_one_line(self, model, x, wrong, line):
        with pytest.raises(ValueError, match=line):
            next(randomisation(model, x, METHODS, **wrong))

    def test_random_networks_can_share_their_points(self, model, x, cascade):
        """The second run computes no gradient of the random network, and its maps are the same to the last bit."""
        kept, store = Store(), Store()
        first = last(randomisation(model, x, METHODS, stages=1, store=store, kept=kept))
        size = len(kept)
        again = last(randomisation(model, x, METHODS, stages=1, store=store, kept=kept))
        assert 0 < size == len(kept)
        for label in METHODS:
            assert torch.equal(first.stages[-1].maps[label], cascade.stages[-1].maps[label])
            assert torch.equal(again.stages[-1].maps[label], cascade.stages[-1].maps[label])

    @pytest.mark.parametrize("other", [{"seed": 1}, {"mode": "independent"}, {"statistics": True}])
    def test_points_of_another_random_network_are_not_taken(self, other):
        norm, kept = nn.BatchNorm2d(3), Store()
        norm.running_var = torch.tensor([1.0, 4.0, 16.0])
        network = toys.model(nn.Sequential(norm, nn.Flatten(), nn.Linear(60, 2)).double())
        run = partial(randomisation, network, toys.image(), {"Gradient": METHODS["Gradient"]}, 0)
        last(run(kept=kept))
        for one, alone in zip(last(run(kept=kept, **other)).stages, last(run(**other)).stages, strict=True):
            torch.testing.assert_close(one.maps["Gradient"], alone.maps["Gradient"])

    def test_stages_begin_at_the_output_and_end_with_all_layers(self):
        assert counts(50, 8, "cascading") == (0, 1, 2, 3, 5, 9, 16, 29, 50)
        assert counts(50, 8, "independent") == (0, 1, 8, 15, 22, 29, 36, 43, 50)
        assert counts(3, 8, "cascading") == (0, 1, 2, 3)
        assert counts(50, 1, "cascading") == (0, 50)


def told(*values, total=50, mode="cascading"):
    """The verdict on these rank correlations, of stages that end with all layers."""
    counted = (0, *range(total - len(values) + 1, total + 1))
    maps = torch.zeros(2, 2)
    stages = tuple(
        Stage(count, "", 0, {"A": maps}, {"A": {"spearman": Alike(value)}}, {"A": 1.0}, {})
        for count, value in zip(counted, (1.0, *values), strict=True)
    )
    names = tuple(f"layer{k}" for k in range(total))
    return Randomised(mode, ("A",), names, counted, stages).verdict("A")


class TestVerdicts:
    @pytest.mark.parametrize(
        ("values", "flagged", "words"),
        [
            ((1.0, 0.9), True, "changed little when all 50 layers were random (rank correlation 0.90)"),
            ((0.8, 0.2), True, "changed little when the last 49 layers were random; its rank correlation is 0.20"),
            ((0.2, 0.1), False, "changed when the last layer was random (rank correlation 0.20); its rank"),
        ],
    )
    def test_random_layers(self, values, flagged, words):
        found = told(*values)
        assert found.flagged == flagged
        assert found.words.startswith(words)

    def test_what_changed_has_no_rank_correlation_of_a_map_that_changed_little(self):
        assert told(0.746).words == "changed when all 50 layers were random (rank correlation 0.746)"
        assert told(0.7504).words == "changed little when all 50 layers were random (rank correlation 0.7504)"

    def test_what_was_not_looked_at_is_not_told(self):
        """With one stage nothing is known of the last layer alone, unless it is the only one."""
        random = Randomised("cascading", ("A",), ("a", "b", "c"), (0, 3), ())
        maps = torch.zeros(2, 2)
        stages = tuple(
            Stage(count, "", 0, {"A": maps}, {"A": {"spearman": Alike(value)}}, {"A": 1.0}, {})
            for count, value in ((0, 1.0), (3, 0.2))
        )
        found = replace(random, stages=stages).verdict("A")
        assert found.words == "changed when all 3 layers were random (rank correlation 0.20)"
        assert told(0.2, total=1).words == "changed when the last layer was random (rank correlation 0.20)"

    def test_few_layers_are_no_flag(self):
        found = told(0.9, 0.3, 0.1, 0.1, total=4)
        assert not found.flagged
        assert found.words.startswith("changed little when the last layer was random; ")

    @pytest.mark.parametrize(("kept", "total", "flagged"), [(1, 4, False), (2, 4, True), (2, 5, False), (3, 5, True)])
    def test_it_is_flagged_if_it_stays_while_half_of_the_layers_are_random(self, kept, total, flagged):
        values = [0.1] * total
        values[kept - 1] = 0.9
        assert told(*values, total=total).flagged == flagged

    @pytest.mark.parametrize(("value", "little"), [(0.7499, False), (0.75, True)])
    def test_a_map_changed_little_from_a_rank_correlation_of_three_quarters_on(self, value, little):
        assert told(0.2, value).words.startswith("changed little when all 50 layers") == little
        assert told(0.2, value).flagged == little

    def test_one_at_a_time(self):
        found = told(0.9, 0.2, total=2, mode="independent")
        assert found.words == (
            "changed little with 1 of 2 layers random, one at a time; most with layer1 (rank correlation 0.20)"
        )

    def test_one_at_a_time_of_some_layers(self):
        """The one with which the map changed most may be among those that were not looked at."""
        found = told(0.9, 0.2, total=50, mode="independent")
        assert found.words == (
            "changed little with 1 of 2 layers random, one at a time; most with layer49 (rank correlation 0.20); "
            "48 other layers were not looked at"
        )

    def test_words_are_careful(self, cascade):
        for label in METHODS:
            assert not {"wrong", "best", "bad", "good", "nan"} & set(cascade.verdict(label).words.split())


@pytest.fixture(scope="module")
def noise(model, x):
    return last(model_perturbation(model, x, METHODS, seeds=2))


class Rooted(nn.Module):
    """A linear score, times the square root of a weight: NaN if the noise makes that one negative."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(1, 9, 60, dtype=torch.float64))

    def forward(self, points):
        score = 0.1 * points.flatten(1) @ toys.WEIGHTS * self.weight[30].sqrt()
        return torch.stack([score, -score], 1)

    @classmethod
    def model(cls):
        return toys.model(cls())


LOST = 2
"""A seed whose large noise makes a weight of it negative."""


class TestPerturbation:
    def test_levels_by_their_definition(self, model, x, noise):
        target = model.predict(x, 1)[0][0]
        whole = ClassScore(model, target, "probability").values(x[None]).item()
        assert [(one.seed, one.share) for one in noise.levels] == [(seed, t) for seed in (0, 1) for t in LEVELS]
        for one in noise.levels:
            there = replace(model, module=perturbed(model.module, one.share, one.seed), digest="own")
            score = ClassScore(there, target, "probability").values(x[None]).item()
            assert one.score == pytest.approx(min(1, score / whole))
            made = explain(there, x, "gradient", target).attribution.sum(0)
            here = explain(model, x, "gradient", target).attribution.sum(0)
            ranked = stats.spearmanr(here.abs().flatten(), made.abs().flatten()).statistic
            assert one.alike["Gradient"]["spearman"].value == pytest.approx(ranked, abs=1e-4)

    def test_hardly_any_noise_changes_hardly_anything(self, model, x):
        found = last(model_perturbation(model, x, {"Gradient": METHODS["Gradient"]}, shares=(1e-6,), seeds=1))
        assert found.levels[0].score == pytest.approx(1, abs=1e-4)
        assert found.curve("Gradient")[0].mean == pytest.approx(1, abs=1e-3)

    def test_a_layer_can_add_anything_to_its_state(self, model, x):
        class Noted(nn.Sequential):
            def get_extra_state(self):
                return {"version": 1}

            def set_extra_state(self, state):
                pass

        noted = replace(model, module=Noted(*model.module).eval())
        found = last(model_perturbation(noted, x, {"Gradient": METHODS["Gradient"]}, shares=(0.5,), seeds=1))
        assert not found.levels[0].failed
        assert found.levels[0].alike["Gradient"]["spearman"].value < 1

    def test_the_band_is_over_seeds(self, noise):
        for band in noise.curve("SmoothGrad", "ssim"):
            values = [one.alike["SmoothGrad"]["ssim"].value for one in noise.levels if one.share == band.share]
            assert len(values) == 2
            assert (band.low, band.mean, band.high) == pytest.approx((min(values), sum(values) / 2, max(values)))
        assert [band.share for band in noise.scores()] == list(LEVELS)

    def test_controls_stay(self, noise):
        for label in ("Edges", "Centre"):
            assert all(band.low == pytest.approx(1) for band in noise.curve(label))

    def test_it_fills_as_it_is_computed_and_keeps_the_maps_of_one_seed(self, model, x, noise):
        snapshots = list(model_perturbation(model, x, METHODS, shares=(0.1, 0.5), seeds=2))
        assert sorted({one.done for one in snapshots} - {0}) == list(range(1, snapshots[-1].total + 1))
        assert [len(one.maps) for one in snapshots[-1].levels] == [len(METHODS), len(METHODS), 0, 0]

    def told(self, *pairs):
        levels = [(share, score, value) for share, (score, value) in zip((0.1, 0.5), pairs, strict=True)]
        made = tuple(Level(t, 0, s, {}, {"A": {"spearman": Alike(v)}}, {}) for t, s, v in levels)
        return Perturbed(0, ("A",), (0.1, 0.5), 1, {"A": torch.zeros(2, 2)}, {}, made).verdict("A")

    def test_verdicts(self):
        assert self.told((0.9, 0.9), (0.05, 0.9)) == replace(
            self.told((0.9, 0.9), (0.05, 0.9)),
            flagged=True,
            words="changed little when the probability kept 5% of its value with 50% noise (rank correlation 0.90)",
        )
        assert not self.told((0.9, 0.9), (0.05, 0.2)).flagged
        assert "(rank correlation 0.746)" in self.told((0.9, 0.9), (0.05, 0.746)).words
        assert "kept 40% of its value, whatever the noise" in self.told((0.9, 0.9), (0.4, 0.9)).words

    @pytest.mark.parametrize(("score", "gone"), [(0.1, True), (0.1001, False)])
    def test_the_probability_is_gone_if_at_most_a_tenth_of_it_is_left(self, score, gone):
        assert self.told((0.9, 0.9), (score, 0.9)).flagged == gone

    def test_a_network_without_a_finite_score_is_left_out_and_told(self):
        """Its probability is not 1, and nothing is said of it."""
        point = toys.image()
        found = last(model_perturbation(Rooted.model(), point, {"Edges": METHODS["Edges"]}, shares=(0.1, 3.0), seeds=4))
        lost = [one for one in found.levels if math.isnan(one.score)]
        assert 0 < len(lost) < 4
        assert {one.share for one in lost} == {3.0}
        known = [one.score for one in found.levels if one.share == 3 and one not in lost]
        at = found.scores()[1]
        assert (at.low, at.mean, at.high) == pytest.approx((min(known), sum(known) / len(known), max(known)))
        told = f"{len(lost)} of 8 networks with noise have no finite score and are left out"
        assert found.verdict("Edges").words.endswith(f"; {told}")
        assert "nan" not in found.verdict("Edges").words

    def test_where_no_network_has_a_finite_score_there_is_no_mean(self):
        given = {"Gradient": METHODS["Gradient"]}
        found = last(model_perturbation(Rooted.model(), toys.image(), given, 0, shares=(0.1, 3.0), seeds=1, seed=LOST))
        assert [band.share for band in found.scores()] == [0.1]
        assert [band.share for band in found.curve("Gradient")] == [0.1]
        assert "whatever the noise; 1 of 2 networks" in found.verdict("Gradient").words
        alone = last(model_perturbation(Rooted.model(), toys.image(), given, 0, shares=(3.0,), seeds=1, seed=LOST))
        assert alone.scores() == []
        assert alone.verdict("Gradient") == Finding(
            False, "cannot be told; 1 of 1 networks with noise have no finite score and are left out"
        )

    def test_of_a_class_with_probability_0_no_share_can_be_left(self, model, x):
        certain = toys.model(nn.Sequential(nn.Flatten(), nn.Linear(60, 2).double()))
        certain.module[1].bias = nn.Parameter(torch.tensor([0.0, 1e4], dtype=torch.float64))
        with pytest.raises(ValueError, match="the probability of class 0 is 0: no share of it can be left"):
            last(model_perturbation(certain, toys.image(), METHODS, 0))

    @pytest.mark.parametrize("wrong", [{"shares": (0.0,)}, {"shares": ()}, {"seeds": 0}, {"seed": -1}])
    def test_what_cannot_be_is_said(self, model, x, wrong):
        with pytest.raises(ValueError, match="use shares above 0"):
            next(model_perturbation(model, x, METHODS, **wrong))


class TestOtherClass:
    @pytest.mark.parametrize("output", ["logit", "probability"])
    def test_the_opposite_of_a_score_is_no_other_class(self, output):
        """The probability of two classes: each map is the other one with its signs turned, for every method."""
        methods = {label: METHODS[label] for label in ("Gradient", "IG", "SmoothGrad", "SmoothTaylor")}
        found = last(other_class(of_photos(), toys.image(1, (3, 48, 48)).float(), methods, output=output))
        told = [found.verdict(label) for label in methods]
        assert not any(one.flagged for one in told)
        turned = "this one with its signs turned (-1.00)"
        assert [turned in one.words for one in told] == [output == "probability"] * 4

    @pytest.mark.parametrize(
        ("network", "output"),
        [(toys.convolutional(), "probability"), (toys.quadratic(), "logit"), (SURE, "probability")],
        ids=["two classes", "a single logit", "one that is sure"],
    )
    def test_squares_of_opposite_scores_are_not_told_apart(self, network, output):
        """Their maps are equal whatever the model is: for want of another class, not for want of looking at it."""
        found = last(other_class(network, toys.image(), {**SQUARES, "Edges": METHODS["Edges"]}, 0, output=output))
        for label in SQUARES:
            torch.testing.assert_close(found.others[label], found.maps[label])
            assert not found.verdict(label).flagged
            assert found.verdict(label).words.startswith("cannot be told: ")
        assert found.verdict("Edges").flagged

    def test_squares_of_scores_that_are_not_opposite_can_be_flagged(self):
        """The second score has twice the weights of the first one, and so twice its gradients."""
        alike = toys.convolutional()
        weight = alike.module[-1].weight[0].detach()
        alike.module[-1].weight = nn.Parameter(torch.stack([weight, 2 * weight]))
        found = last(other_class(alike, toys.image(), SQUARES, 0))
        assert [found.verdict(label).flagged for label in SQUARES] == [True] * len(SQUARES)

    def test_it_is_the_map_of_the_other_class(self, model, x):
        found = last(other_class(model, x, METHODS))
        first, second = (index for index, *_ in model.predict(x, 2))
        assert (found.target, found.other) == (first, second)
        for label, (method, knobs) in METHODS.items():
            one, other = (explain(model, x, method, c, **knobs).attribution.sum(0) for c in (first, second))
            ranked = stats.spearmanr(one.abs().flatten(), other.abs().flatten()).statistic
            assert found.absolute[label].value == pytest.approx(ranked, abs=1e-4)
            assert found.signed[label].value == pytest.approx(
                np.corrcoef(one.flatten(), other.flatten())[0, 1], abs=1e-4
            )

    def test_controls_are_flagged(self, model, x):
        found = last(other_class(model, x, METHODS))
        for label in ("Edges", "Centre"):
            assert found.verdict(label).flagged
            assert found.verdict(label).words == (
                "changed little for another class: rank correlation 1.00, with signs 1.00"
            )

    def test_the_opposite_class_has_the_opposite_map(self):
        found = last(other_class(toys.quadratic(), toys.image(), {"Gradient": METHODS["Gradient"]}, 0, other=1))
        assert found.absolute["Gradient"].value == pytest.approx(1)
        assert found.signed["Gradient"].value == pytest.approx(-1)

    def test_a_class_with_a_gradient_of_its_own_is_not_flagged(self, x):
        points = toys.image(seed=1, shape=(2, 60))
        network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(60, 2, bias=False).double())
        network[1].weight = torch.nn.Parameter(points)
        found = last(other_class(toys.model(network), toys.image(), {"Gradient": METHODS["Gradient"]}, 0, other=1))
        assert not found.verdict("Gradient").flagged

    def test_the_least_likely_class(self, lite0):
        x = lite0.prepare(PIL.Image.fromarray(data.cat()))
        found = next(other_class(lite0, x, {"Edges": METHODS["Edges"]}, other="least"))
        with torch.no_grad():
            assert found.other == lite0.module(x[None]).argmin().item()

    @pytest.mark.parametrize(
        ("other", "line"),
        [(0, "class 0 is the explained class itself"), (7, "class 7 does not exist"), ("third", "'third' is unknown")],
    )
    def test_what_cannot_be_is_said(self, model, x, other, line):
        with pytest.raises(ValueError, match=line):
            next(other_class(model, x, METHODS, 0, other=other))

    @pytest.mark.parametrize("wrong", [("magic", {}), ("smoothgrad", {"sigmaa": 1})])
    def test_a_method_that_cannot_be_is_said_before_anything_is_computed(self, wrong):
        network, counter = toys.counted(toys.quadratic())
        with pytest.raises(ValueError, match=r"'magic' is unknown|no knob 'sigmaa'"):
            next(other_class(network, toys.image(), {"Gradient": METHODS["Gradient"], "A": wrong}, 0))
        assert counter.gradients == counter.values == 0

    def test_one_class_has_no_other(self):
        alone = replace(toys.layered(toys.WEIGHTS), categories=("yes",))
        alone.module[1].weight = torch.nn.Parameter(alone.module[1].weight[:1])
        with pytest.raises(ValueError, match="has one class only"):
            next(other_class(alone, toys.image(), METHODS, 0))


def test_together_refuses_before_any_gradient(model, x):
    with pytest.raises(ValueError, match="'magic' is unknown"):
        together(model, x, {"A": ("gradient", {}), "B": ("magic", {})}, 0)
    with pytest.raises(ValueError, match="has no knob 'sigma'"):
        together(model, x, {"A": ("gradient", {"sigma": 1.0})}, 0)
