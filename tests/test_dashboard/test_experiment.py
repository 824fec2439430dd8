"""One experiment <-> one URL; whatever a URL says, what comes out can be computed."""

from dataclasses import dataclass, replace

import pytest

from attribution import METHODS, METRICS, controls
from dashboard.charts.looks import STYLES, style
from dashboard.controls import knobs
from dashboard.experiment.budget import equal_budget, fewer, spending_knob
from dashboard.experiment.choices import PAPER, PATCHES, further
from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.experiment.fields import SHARED, Control, shared
from dashboard.experiment.gallery import GALLERY, gallery_photo
from dashboard.experiment.knobs import KNOBS
from dashboard.experiment.own import COMPARED, own_knobs

MODEL_FREE = {name for name, method in METHODS.items() if not method.cost({}).gradients}
OTHER = Experiment(
    image="coffee",
    model="resnet18",
    target=504,
    sigma=0.35,
    samples=200,
    steps=100,
    baseline="uniform",
    draws=7,
    seed=42,
    evaluation="paper",
)


def test_there_and_back():
    assert Experiment.from_query(OTHER.to_query()) == OTHER
    assert Experiment.from_query({}) == Experiment()


def test_names_in_links_stay():
    assert OTHER.to_query() == {
        "img": "coffee",
        "model": "resnet18",
        "cls": "504",
        "sigma": "0.35",
        "r": "200",
        "m": "100",
        "base": "uniform",
        "n": "7",
        "seed": "42",
        "eval": "paper",
    }


def test_the_default_needs_no_url():
    assert Experiment().to_query() == {}


@pytest.mark.parametrize(
    ("query", "field", "value"),
    [
        ({"sigma": "99"}, "sigma", 2.0),
        ({"sigma": "-1"}, "sigma", 0.0),
        ({"sigma": "inf"}, "sigma", 2.0),
        ({"sigma": "nan"}, "sigma", 0.5),
        ({"sigma": "much"}, "sigma", 0.5),
        ({"sigma": "0.123456789"}, "sigma", 0.1235),
        ({"r": "1000000"}, "samples", 500),
        ({"r": "0"}, "samples", 1),
        ({"r": "12.7"}, "samples", 12),
        ({"m": "-5"}, "steps", 1),
        ({"m": "1e300"}, "steps", 500),
        ({"n": "99"}, "draws", 20),
        ({"seed": "-3"}, "seed", 0),
        ({"seed": "9" * 5000}, "seed", 2**31 - 1),
        ({"cls": "1000"}, "target", None),
        ({"cls": "-1"}, "target", None),
        ({"cls": "9" * 5000}, "target", None),
        ({"cls": "\u0661"}, "target", None),
        ({"cls": "999"}, "target", 999),
        ({"base": "pink"}, "baseline", "black"),
        ({"model": "../../etc/passwd"}, "model", "efficientnet_lite0"),
        ({"img": "<script>"}, "image", "cat"),
        ({"img": "upload"}, "image", "cat"),
        ({"eval": ""}, "evaluation", "quick"),
        ({"curves": "deletion,x,insertion,deletion"}, "curves", ("insertion", "deletion")),
        ({"curves": "perturbation"}, "curves", ()),
    ],
)
def test_what_a_url_says_is_clamped(query, field, value):
    assert getattr(Experiment.from_query({**query, "unknown": "x"}), field) == value


def test_the_core_accepts_whatever_comes_out():
    for extreme in ("-1e9", "1e9", "nan", ""):
        experiment = Experiment.from_query(
            dict.fromkeys(["sigma", "r", "m", "n", "seed"], extreme) | {"base": "uniform"}
        )
        for method in METHODS:
            METHODS[method].check(experiment.knobs(method))


class TestPanels:
    @staticmethod
    def changed(**change) -> set[str]:
        """The methods whose panels differ from the default experiment's."""
        before = Experiment().panels("photo", "model", 1)
        after = Experiment(**change).panels("photo", "model", 1)
        return {a.method for a, b in zip(after, before, strict=True) if a != b}

    def test_only_what_depends_on_a_change_is_computed_again(self):
        smooth = {"smoothgrad", "smooth_taylor"}
        assert self.changed(sigma=0.3) == smooth
        assert self.changed(samples=10) == smooth
        assert self.changed(seed=1) == smooth
        assert self.changed(seed=1, baseline="uniform") - self.changed(baseline="uniform") == smooth
        assert self.changed(steps=10) == {"integrated_gradients"}
        assert self.changed(baseline="white") == {"integrated_gradients"}
        assert self.changed(draws=9) == set(), "N is for uniform noise alone"
        assert self.changed(evaluation="paper") == set(), "P is for the curves alone"

    def test_another_photo_model_or_class_is_all_new(self):
        panels = set(Experiment().panels("photo", "model", 1))
        for other in (("other", "model", 1), ("photo", "other", 1), ("photo", "model", 2)):
            assert not panels & set(Experiment().panels(*other))

    def test_the_cost_told_is_the_cost(self):
        assert Experiment(random="off").cost.gradients == 50 + 150
        assert Experiment(random="off", baseline="uniform", draws=4, steps=10, samples=1).cost.gradients == 41
        assert Experiment().cost.gradients == 2 * (50 + 150), "the random network has the same maps"
        assert Experiment(output="probability").cost == Experiment().cost
        orders = controls.ORDERS
        assert Experiment().cost.passes == (3 + orders) * (1 + 30 * 10) + 2
        assert Experiment(evaluation="paper").cost.passes == (3 + orders) * (1 + 30 * 50) + 2
        left = Experiment(methods=("left_ig", "right_ig"), random="off")
        assert left.cost.gradients == 200, "both look at one path"
        assert left.cost.passes == (2 + orders) * (1 + 30 * 10) + 2 * 202, "and each looks for the cut"
        curved = Experiment(curves=("insertion",))
        assert curved.cost.passes == Experiment().cost.passes + (3 + orders) * 225


@pytest.mark.parametrize("name", KNOBS)
def test_a_knob_says_what_a_change_costs_as_it_is_declared(name):
    """Letters of settings, such as R and M, stay capital."""
    how = FIELDS[name].control
    assert knobs.explained(how).startswith(how.help)
    assert how.label.partition(" · ")[2][1:] in knobs.explained(how)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", KNOBS)
def test_a_knob_is_unused_where_it_changes_no_map_on_screen(name, method):
    """Some methods have such a setting to themselves."""
    now = Experiment(methods=(method,), baseline="uniform")
    allowed = FIELDS[name].allowed
    other = "white" if name == "baseline" else type(getattr(now, name))(allowed.high)
    same = now.panels("", now.model, 0) == now.changed(**{name: other}).panels("", now.model, 0)
    assert bool(knobs.unused(now, name)) == same
    beside = now.changed(methods=(method, "integrated_gradients", "smooth_taylor"))
    assert not knobs.unused(beside, name), "one method that uses it is enough"


def test_the_papers_settings():
    assert PAPER == {
        "sigma": 0.5,
        "samples": 150,
        "steps": 50,
        "baseline": "black",
        "rule": "right",
        "evaluation": "paper",
    }
    assert PATCHES["paper"] == 50


@pytest.mark.parametrize("name", GALLERY)
def test_the_gallery_needs_no_network(name, monkeypatch):
    import socket

    monkeypatch.setattr(socket, "socket", None)
    photo = gallery_photo(name)
    assert photo.mode == "RGB"
    assert min(photo.size) >= 256


class TestMethods:
    def test_a_link_holds_methods_and_what_each_has_to_itself(self):
        own = (("idg", "sampling", "uniform"), ("left_ig", "phi", 0.8), ("smoothgrad", "antithetic", True))
        there = Experiment(methods=("left_ig", "idg", "smoothgrad"), own=own)
        assert Experiment.from_query(there.to_query()) == there

    @pytest.mark.parametrize("place", ["left_ig.phi:9", "left_ig.phi:a", "idg.a:1", "a.phi:1", "idg.sampling:a", "x"])
    def test_what_makes_no_sense_in_a_link_is_left_out(self, place):
        assert Experiment.from_query({"own": place}).own == ()

    @pytest.mark.parametrize(
        ("text", "methods"), [("idg,nothing,idg", ("idg",)), ("", COMPARED), (",", COMPARED), ("none", ())]
    )
    def test_methods_are_those_that_exist_each_once(self, text, methods):
        assert Experiment.from_query({"methods": text}).methods == methods

    def test_all_or_none(self):
        for methods in (tuple(METHODS), ()):
            there = Experiment(methods=methods)
            assert Experiment.from_query(there.to_query()) == there

    def test_the_sliders_turn_the_three_and_the_others_keep_their_papers_defaults(self):
        turned = Experiment(steps=7, baseline="white", samples=3)
        assert turned.knobs("integrated_gradients")["steps"] == 7
        assert turned.knobs("smooth_taylor")["samples"] == 3
        assert turned.knobs("left_ig") == {"seed": 0}
        assert turned.knobs("expected_gradients") == {"seed": 0}

    def test_a_slider_also_turns_the_method_that_its_range_is_taken_from(self, monkeypatch):
        monkeypatch.setitem(SHARED, "fraction", None)

        @dataclass(frozen=True)
        class More(Experiment):
            fraction: float = shared(0.25, ("guided_ig", "fraction"), "frac", "f", Control("slider", "", "", ""))

        assert More(fraction=0.5).knobs("guided_ig")["fraction"] == 0.5
        assert "fraction" not in own_knobs("guided_ig"), "it is turned in one place"
        assert "steps" not in More(steps=7).knobs("guided_ig"), "it keeps all else to itself"

    def test_they_turn_every_mean_over_noise(self, monkeypatch):
        """The page Noise adds samples to each of them, up to the same R."""
        monkeypatch.setitem(METHODS, "another_mean", replace(METHODS["smoothgrad"], name="another_mean"))
        knobs = Experiment(sigma=0.2, samples=3, seed=7).knobs("another_mean")
        assert knobs == {"sigma": 0.2, "samples": 3, "seed": 7}

    def test_a_default_is_no_difference(self):
        assert Experiment().turned("left_ig", "phi", 0.9) == Experiment()
        assert Experiment().turned("left_ig", "phi", 0.8).own == (("left_ig", "phi", 0.8),)
        assert Experiment().turned("smoothgrad", "sigma", 0.2) == Experiment(sigma=0.2)

    @pytest.mark.parametrize("method", METHODS)
    def test_every_method_can_be_a_panel(self, method):
        first, control = Experiment(methods=(method,)).panels("photo", "toy", 1)
        assert first.method == method
        METHODS[method].check(dict(first.knobs))
        assert first.cost.gradients >= (0 if method in MODEL_FREE else 1)
        assert control.method == "random_order"

    @pytest.mark.parametrize("gradients", [20, 150, 500])
    def test_an_equal_budget(self, gradients):
        even = equal_budget(Experiment(methods=tuple(METHODS)), gradients)
        for method in METHODS:
            most = METHODS[method].cost(even.knobs(method)).gradients
            knob = spending_knob(method, even.every_knob(method))
            if not knob:
                assert most == (0 if method in MODEL_FREE else 1)
                continue
            value = even.every_knob(method)[knob]
            more = METHODS[method].cost({**even.every_knob(method), knob: value + 1}).gradients
            least, top = METHODS[method].knobs[knob].allowed.low, METHODS[method].knobs[knob].allowed.high
            assert most <= gradients or value == least, method
            assert more > gradients or value == top, method
        assert (even.steps, even.samples) == (gradients, gradients)

    def test_its_tooltip_says_who_can_use_fewer(self):
        assert "Left-IG can use fewer: it takes only its part of the path." in fewer()
        assert fewer().count(":") == sum(bool(method.fewer) for method in METHODS.values())

    def test_the_tooltip_of_curves_says_what_each_costs(self):
        told = FIELDS["curves"].control.help
        assert "Insertion 225," in told
        assert all(f" {METRICS[name].label} {METRICS[name].cost({}, 224 * 224).passes}" in told for name in further())
        assert "each of the 30 regions (15 × 15 pixels)" in FIELDS["evaluation"].control.help

    def test_an_equal_budget_counts_noise_baselines_and_nodes(self):
        even = equal_budget(Experiment(baseline="uniform", draws=4, rule="trapezoid", random="off"), 100)
        assert even.steps == 24
        assert even.cost.gradients == 100 + 100


def test_no_two_methods_look_alike_and_an_unknown_one_takes_what_is_free(monkeypatch):
    monkeypatch.setattr("dashboard.charts.looks.STYLES", dict(STYLES))
    names = [*METHODS, "random_order", "blank", "one of tomorrow", "another one"]
    looks = [style(name)[:2] for name in names]
    assert len(set(looks)) == len(looks)
    assert style("one of tomorrow") == style("one of tomorrow")
    markers = [(colour, marker) for colour, _, marker in map(style, names[:-2])]
    assert len(set(markers)) == len(markers), "points of a scatter have no dash"


OTHERS = {
    "image": "coffee",
    "model": "resnet18",
    "target": 7,
    "baseline": "white",
    "rule": "left",
    "evaluation": "paper",
    "methods": ("gradient",),
    "own": (("idg", "sampling", "uniform"),),
    "curves": ("deletion",),
    "output": "probability",
    "random": "off",
}


@pytest.mark.parametrize("name", FIELDS)
class TestEveryField:
    """One declaration is enough: whatever reads the fields finds each of them."""

    def other(self, name):
        """An experiment that differs in this field alone."""
        value = OTHERS.get(name)
        if value is None:
            allowed = FIELDS[name].allowed
            value = type(getattr(Experiment(), name))(allowed.high)
        return replace(Experiment(), **{name: value})

    def test_it_goes_into_the_address_and_back(self, name):
        query = self.other(name).to_query()
        assert list(query) == [FIELDS[name].url]
        assert Experiment.from_query(query) == self.other(name)

    def test_if_it_is_shared_it_turns_the_knob_of_the_method_that_its_range_is_taken_from(self, name):
        if name in SHARED:
            noisy = {"baseline": "uniform"} if name == "draws" else {}
            there, of = replace(self.other(name), **noisy), SHARED[name].of
            assert there.knobs(of)[name] == getattr(there, name) != Experiment().knobs(of)[name]

    def test_its_control_can_hold_it(self, name):
        value = getattr(self.other(name), name)
        assert FIELDS[name].from_widget(FIELDS[name].to_widget(value)) == value

    def test_a_pin_tells_it_by_its_letter(self, name):
        assert list(self.other(name).unlike(Experiment())) == [FIELDS[name].letter]

    def test_its_name_and_letter_are_its_own(self, name):
        assert [how.url for how in FIELDS.values()].count(FIELDS[name].url) == 1
        assert [how.letter for how in FIELDS.values()].count(FIELDS[name].letter) == 1


@pytest.mark.parametrize(
    ("query", "letters"),
    [
        ({}, ()),
        (OTHER.to_query(), ()),
        ({"sigma": "0.30", "r": "1e2", "base": "uniform", "methods": "smoothgrad,lrp,"}, ()),
        ({"methods": "none", "unknown": "x", "img": "gone"}, ()),
        ({"r": "99999", "sigma": "-3", "m": "many"}, ("σ", "R", "M")),
        ({"cls": "5000", "model": "own_net", "base": "purple"}, ("model", "class", "baseline")),
        ({"methods": "smoothgrad,foo"}, ("methods",)),
    ],
)
def test_what_a_link_says_and_is_not_used_is_known(query, letters):
    assert Experiment.from_query(query).unlike_link(query) == letters
