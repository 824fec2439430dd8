"""Any network becomes a model: its maps are captum's, it stays as it was, and what is unfit is one line."""

import copy
import inspect
import io
from types import SimpleNamespace

import captum.attr
import numpy as np
import PIL.Image
import pytest
import torch
import torch.nn.utils.prune
import torchvision.models
import toys
from torch import nn

from attribution import METHODS, METRICS, Store, curve, explain, load_image
from attribution.engine.adapting import Logits
from attribution.engine.score import logits
from attribution.engine.space import channels, sides
from attribution.engine.weights import renewed
from attribution.images import to_pixels
from attribution.methods.lrp import canonised
from attribution.models import Model, load_model
from attribution.registry import curves
from attribution.studies.randomisation import randomisation

SIZE = 32
SPACE = {"size": SIZE, "mean": toys.MEAN, "std": toys.STD, "device": "cpu"}
IN_CHANNELS = {1: ((0.5,), (0.25,)), 3: (toys.MEAN, toys.STD), 4: ((0.5, 0.4, 0.3, 0.5), (0.2, 0.25, 0.3, 0.5))}


def layers(channels: int = 3, classes: int = 2, first: nn.Module | None = None) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        made = [nn.Conv2d(channels, 6, 5, stride=2), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(4)]
        head = [nn.Flatten(), nn.Linear(96, classes)]
        return nn.Sequential(*([first] if first else []), *made, *head)


def resnet() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return torchvision.models.resnet18(num_classes=5)


def photo(channels: int = 3) -> torch.Tensor:
    return toys.image(4, (channels, SIZE, SIZE)).float()


def logits_of(model: Model, x: torch.Tensor) -> torch.Tensor:
    return torch.cat(list(logits(model, x[None])))


def picture() -> PIL.Image.Image:
    values = np.random.default_rng(1).integers(0, 256, (50, 40, 3), dtype=np.uint8)
    return PIL.Image.fromarray(values)


class Around(nn.Module):
    """A network whose output is changed by a function."""

    def __init__(self, network: nn.Module, change) -> None:
        super().__init__()
        self.network, self.change = network, change

    def forward(self, points):
        return self.change(self.network(points))


def trained(module: nn.Module) -> nn.Module:
    """After a step of training: what its layers have computed can be differentiated."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        module.train()(torch.randn(4, 3, SIZE, SIZE)).sum().backward()
    return module


def changed(change) -> nn.Module:
    """Layers whose first one computes its weight."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        module = layers()
        change(module[0])
    return module


COPIED = {
    "scripted": lambda: torch.jit.script(layers().eval()),
    "traced": lambda: torch.jit.trace(layers().eval(), photo()[None]),
    "frozen": lambda: torch.jit.freeze(torch.jit.script(layers().eval())),
    "weight_norm": lambda: changed(nn.utils.weight_norm),
    "pruned": lambda: changed(lambda layer: nn.utils.prune.l1_unstructured(layer, "weight", 0.5)),
    "spectral_norm": lambda: trained(changed(nn.utils.spectral_norm)),
}
"""Networks that copy.deepcopy refuses, or whose copies refuse to be frozen."""


class Edges(nn.Module):
    """The logit of class 1 is high where neighbouring pixels differ much."""

    def forward(self, points):
        rough = (points[..., 1:] - points[..., :-1]).square().mean((1, 2, 3))
        return torch.stack([0.1 - rough, rough - 0.1], 1)


class TestMaps:
    @pytest.mark.parametrize("make", [layers, resnet])
    def test_they_are_captums(self, make):
        module = make()
        model = Model.wrap(module, **SPACE)
        found = explain(model, photo(), "gradient", 1).attribution
        expected = captum.attr.Saliency(module.eval()).attribute(photo()[None].requires_grad_(), target=1, abs=False)[0]
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5 * expected.abs().max().item())

    @pytest.mark.parametrize(
        "change",
        [
            lambda found: SimpleNamespace(logits=found),
            lambda found: (found, found * 0),
            lambda found: [found],
        ],
        ids=["logits", "tuple", "list"],
    )
    def test_logits_may_be_within_something(self, change):
        model, plain = Model.wrap(Around(layers(), change), **SPACE), Model.wrap(layers(), **SPACE)
        torch.testing.assert_close(model.module(photo()[None]), logits_of(plain, photo()))
        expected = explain(plain, photo(), "gradient", 0).attribution
        torch.testing.assert_close(explain(model, photo(), "gradient", 0).attribution, expected)

    @pytest.mark.parametrize("shape", [(-1, 1), (-1,)])
    def test_a_single_logit_is_two_classes_whose_softmax_is_its_sigmoid(self, shape):
        module = layers(classes=1)
        model = Model.wrap(Around(module, lambda z: z.reshape(shape)), categories=["no", "yes"], **SPACE)
        z = module.eval()(photo()[None]).item()
        found = {category: (probability, logit) for _, category, probability, logit in model.predict(photo())}
        assert found["yes"] == pytest.approx((torch.tensor(z).sigmoid().item(), z / 2), rel=1e-4)
        assert found["no"][1] == pytest.approx(-z / 2, rel=1e-4)
        expected = captum.attr.Saliency(module).attribute(photo()[None].requires_grad_(), target=0, abs=False)[0] / 2
        torch.testing.assert_close(explain(model, photo(), "gradient", 1).attribution, expected, rtol=1e-3, atol=1e-6)

    @pytest.mark.parametrize("first", [nn.ReLU, nn.Hardtanh])
    def test_a_first_layer_in_place_changes_nothing(self, first):
        model = Model.wrap(layers(first=first(inplace=True)), **SPACE)
        plain = Model.wrap(layers(first=first()), **SPACE)
        x = photo()
        expected = explain(plain, x, "smooth_taylor", 0, samples=3).attribution
        torch.testing.assert_close(explain(model, x, "smooth_taylor", 0, samples=3).attribution, expected)
        torch.testing.assert_close(model.module(x.clone()[None]), logits_of(plain, x))
        model.predict(x)
        assert torch.equal(x, photo())

    def test_one_in_place_on_what_is_already_positive(self):
        """It changes no value of the batch that it is tried on, but it would of others."""
        space = SPACE | {"mean": (0.0,) * 3, "std": (1.0,) * 3}
        model, x = Model.wrap(layers(first=nn.ReLU(inplace=True)), **space), photo()
        assert isinstance(model.module, Logits)
        assert explain(model, x, "gradient", 0).attribution.any()
        assert torch.equal(x, photo())

    def test_a_network_that_views_its_activations_as_they_lie(self):
        class Views(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4 * 30 * 30, 3)

            def forward(self, points):
                return self.last(self.first(points).view(len(points), -1))

        module = Views()
        found = explain(Model.wrap(module, **SPACE), photo(), "gradient", 2).attribution
        expected = captum.attr.Saliency(module).attribute(photo()[None].requires_grad_(), target=2, abs=False)[0]
        torch.testing.assert_close(found, expected)

    @pytest.mark.parametrize(
        "change", [lambda z: 2 * z, lambda z: z + (z - z.detach())], ids=["other answers", "another gradient"]
    )
    def test_one_that_would_compute_something_else_when_it_is_made_quick(self, change):
        """Here, something else where its input lies in memory as quick networks have it."""

        class Looks(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = layers()

            def forward(self, points):
                last = points.is_contiguous(memory_format=torch.channels_last)
                return change(self.layers(points)) if last else self.layers(points)

        module = Looks()
        found = explain(Model.wrap(module, **SPACE), photo(), "gradient", 1).attribution
        expected = captum.attr.Saliency(module).attribute(photo()[None].requires_grad_(), target=1, abs=False)[0]
        torch.testing.assert_close(found, expected)

    @pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # torch has newer ways
    @pytest.mark.parametrize("kind", COPIED)
    def test_they_are_literal_where_a_plain_copy_is_refused(self, kind):
        module = COPIED[kind]()
        model = Model.wrap(module, **SPACE)
        at = photo()[None].requires_grad_()
        (expected,) = torch.autograd.grad(COPIED[kind]().eval()(at)[0, 1], at)
        found = explain(model, photo(), "gradient", 1).attribution
        torch.testing.assert_close(found, expected[0], rtol=1e-3, atol=1e-5 * expected.abs().max().item())
        again = explain(model.on("cpu"), photo(), "gradient", 1).attribution
        torch.testing.assert_close(again, expected[0], rtol=1e-3, atol=1e-5 * expected.abs().max().item())

    def test_a_hook_sees_what_it_saw(self):
        """A batch-norm that is folded would change what the hook of the convolution before it gets."""
        module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(3600, 2)).eval()
        nn.init.uniform_(module[1].weight, 2, 3)
        module[0].register_forward_hook(lambda layer, given, out: out.clamp(-0.1, 0.1))
        found = Model.wrap(module, **SPACE).module(photo()[None])
        torch.testing.assert_close(found, module(photo()[None]))

    def test_so_does_a_hook_of_the_gradient_which_changes_no_map(self):
        module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(3600, 2)).eval()
        nn.init.uniform_(module[1].weight, 2, 3)
        plain, seen = copy.deepcopy(module), []
        module[0].register_full_backward_hook(lambda layer, given, out: seen.append(out[0].clone()))
        module(photo()[None].requires_grad_())[0, 1].backward()
        expected = seen.pop()
        found = explain(Model.wrap(module, **SPACE), photo(), "gradient", 1).attribution
        torch.testing.assert_close(seen[-1], expected)
        torch.testing.assert_close(found, explain(Model.wrap(plain, **SPACE), photo(), "gradient", 1).attribution)

    @pytest.mark.parametrize("kind", [torch.float64, torch.float16])
    def test_it_computes_in_float32(self, kind):
        model = Model.wrap(layers().to(kind), **SPACE)
        assert {p.dtype for p in model.module.parameters()} == {torch.float32}
        assert explain(model, photo(), "gradient", 0).attribution.dtype == torch.float32

    def test_on_a_device_it_is_the_same(self):
        model = Model.wrap(layers(first=nn.ReLU(inplace=True)), **SPACE)
        other = model.on("cpu")
        assert other.module is not model.module
        assert other.gradient_batch is not model.gradient_batch
        assert (other.digest, other.identity, other.categories) == (model.digest, model.identity, model.categories)
        torch.testing.assert_close(other.module(photo()[None]), model.module(photo()[None]))


def test_the_network_itself_stays_as_it_was():
    module = layers(first=nn.BatchNorm2d(3))
    module[1].weight.requires_grad_(False)
    module[2].eval()
    seen = []
    module[4].register_forward_hook(lambda *given: seen.append(1))
    before = copy.deepcopy(module.state_dict())
    modes = [layer.training for layer in module.modules()]
    model = Model.wrap(module, **SPACE)
    explain(model, photo(), "smooth_taylor", 0, samples=2)
    assert modes == [layer.training for layer in module.modules()]
    assert [p.requires_grad for p in module.parameters()][2:4] == [False, True]
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())
    assert [len(layer._forward_hooks) for layer in module] == [0, 0, 0, 0, 1, 0, 0, 0]
    held = {id(p) for p in module.parameters()}
    assert held.isdisjoint(id(p) for p in model.module.parameters())
    with torch.no_grad():
        expected = model.module(photo()[None])
        module[-1].weight.zero_()  # training goes on
        assert torch.equal(model.module(photo()[None]), expected)


class TestChannels:
    @pytest.mark.parametrize("channels", IN_CHANNELS)
    def test_photos_fill_them(self, channels):
        mean, std = IN_CHANNELS[channels]
        model = Model.wrap(layers(channels), size=SIZE, mean=mean, std=std, device="cpu")
        pixels = model.pixels(model.prepare(picture()))
        assert pixels.shape == (channels, SIZE, SIZE)
        shown = np.asarray(picture().resize((SIZE, 40), PIL.Image.Resampling.BILINEAR))[4:36].astype(np.float32) / 255
        grey = shown @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
        expected = torch.from_numpy(grey[None] if channels == 1 else shown.transpose(2, 0, 1))
        torch.testing.assert_close(pixels[:3], expected, atol=2e-3, rtol=0)
        if channels == 4:
            torch.testing.assert_close(pixels[3], torch.ones(SIZE, SIZE))

    def test_other_numbers_take_tensors_only(self):
        model = Model.wrap(layers(7), size=SIZE, mean=(0.5,) * 7, std=(0.5,) * 7, device="cpu", name="seven")
        assert explain(model, photo(7), "integrated_gradients", 0, steps=3).attribution.shape == (7, SIZE, SIZE)
        with pytest.raises(ValueError, match="seven: a photo cannot fill 7 channels; make the input yourself"):
            model.prepare(picture())

    def test_squash_keeps_all_of_the_photo(self):
        model = Model.wrap(layers(), squash=True, **SPACE)
        whole = np.asarray(picture().resize((SIZE, SIZE), PIL.Image.Resampling.BILINEAR)).transpose(2, 0, 1) / 255
        found = model.pixels(model.prepare(picture()))
        torch.testing.assert_close(found, torch.from_numpy(whole).float(), atol=1e-2, rtol=0)

    @pytest.mark.parametrize("channels", [1, 4])
    @pytest.mark.parametrize("name", METHODS)
    def test_every_method_works(self, channels, name):
        mean, std = IN_CHANNELS[channels]
        model = Model.wrap(layers(channels, classes=1), size=SIZE, mean=mean, std=std, device="cpu")
        few = {knob: 2 for knob in ("samples", "steps", "images", "classes") if knob in METHODS[name].knobs}
        try:
            found = explain(model, photo(channels), name, 0, **few).attribution
        except ValueError:  # left IG needs a score that rises along the path; that of the other class is its negative
            found = explain(model, photo(channels), name, 1, **few).attribution
        assert found.shape == (channels, SIZE, SIZE)
        assert found.isfinite().all()

    @pytest.mark.parametrize("channels", [1, 4])
    @pytest.mark.parametrize("name", curves())
    def test_every_curve_works(self, channels, name):
        mean, std = IN_CHANNELS[channels]
        # Some curves are defined where the photo has a higher score than a blurred or grey one.
        model = Model.wrap(Edges(), size=SIZE, mean=mean, std=std, device="cpu")
        x = model.prepare(load_image(_bytes()))
        made = explain(model, x, "gradient", 1).attribution
        few = {"draws": 2} if "draws" in METRICS[name].knobs else {}
        found = curve(model, x, made, name, 1, **few)
        assert np.isfinite(found.area)
        assert np.isfinite(found.y).all()


def _bytes() -> bytes:
    import io

    held = io.BytesIO()
    picture().save(held, "PNG")
    return held.getvalue()


class TestRemembering:
    def test_the_digest_is_that_of_weights_layers_and_input(self):
        digest = Model.wrap(layers(), **SPACE).digest
        assert digest == Model.wrap(layers(), name="other", **SPACE).digest
        others = layers()
        nn.init.ones_(others[0].bias)
        tighter = layers()
        tighter[1] = nn.ReLU6()
        unlike = [Model.wrap(others, **SPACE), Model.wrap(tighter, **SPACE)]
        unlike.append(Model.wrap(layers(), **SPACE | {"std": (0.5,) * 3}))
        assert len({digest, *(model.digest for model in unlike)}) == 4

    def test_networks_with_the_same_weights_share_no_points(self):
        """What differs may be a function that is no layer."""
        store = Store()
        one, two = (Model.wrap(Around(layers(), change), **SPACE) for change in (lambda z: z, lambda z: 3 * z))
        first, second = (explain(model, photo(), "gradient", 0, store=store) for model in (one, two))
        assert second.evaluations == 1
        torch.testing.assert_close(second.attribution, 3 * first.attribution)


def noisy(z):
    return z + torch.rand_like(z)


class Stubborn(nn.Module):
    """Stays in training mode."""

    def __init__(self):
        super().__init__()
        self.inner = layers(first=nn.BatchNorm2d(3))

    def train(self, mode=True):
        return self

    def forward(self, points):
        return self.inner(points)


class Words(nn.Module):
    """Takes whole numbers."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Embedding(9, 2)

    def forward(self, points):
        return self.inner(points).mean((1, 2, 3))


class Fixed(nn.Module):
    def train(self, mode=True):
        raise NotImplementedError("no modes")


class Uncopied(nn.Module):
    def __deepcopy__(self, memo):
        raise TypeError("no copies of this")


def rounded(points):
    return points.round()


REFUSED = [
    ("a function", lambda: len, "a builtin_function_or_method is no torch.nn.Module; give the network itself"),
    ("a state", lambda: layers().state_dict(), "a OrderedDict is no torch.nn.Module"),
    ("a class", lambda: Words, r"Words is a class; give an instance of it, such as Words\(\)"),
    ("no copy", Uncopied, r"it cannot be copied \(no copies of this\)"),
    ("no modes", Fixed, r"it refuses float32 or eval mode \(no modes\); give the network that it was made of"),
    ("lazy", lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(2)), "lazy layers without weights; call it on a batch"),
    ("training", Stubborn, "the network stays in training mode after .eval()"),
    ("whole numbers", Words, r"it fails on a batch of 3 x 3 x 32 x 32 float32 values \(.*; give the size that it exp"),
    ("channels", lambda: layers(4), "it fails on a batch .*a mean and std with a value for each of its input channels"),
    ("small", lambda: nn.Sequential(nn.Conv2d(3, 2, 64)), "it fails on a batch of 3 x 3 x 32 x 32"),
    (
        "a map of classes",
        lambda: layers()[:3],
        r"it returns \(3, 6, 12, 12\) for 3 images; a classifier returns \(3, cl",
    ),
    (
        "a dictionary",
        lambda: Around(layers(), lambda z: {"out": z}),
        "it returns a dict; return the logits as a tensor",
    ),
    ("an answer", lambda: Around(layers(), lambda z: z.argmax(1)), "it returns torch.int64 values; return the logits"),
    ("infinite", lambda: Around(layers(), lambda z: z / 0), "its logits are NaN or infinite for ordinary images"),
    ("random", lambda: Around(layers(), noisy), "it answers the same images differently each time"),
    (
        "mixed",
        lambda: Around(layers(), lambda z: z - z.mean(0)),
        "it answers an image differently in a batch than alone",
    ),
    (
        "batch norm",
        lambda: layers(first=nn.BatchNorm2d(3, track_running_stats=False)),
        "in a batch than alone; let no layer mix images, such as a batch norm without running statistics",
    ),
    (
        "only batches",
        lambda: Around(layers(), lambda z: z[:3] if len(z) == 3 else z[:0]),
        "differently in a batch than",
    ),
    (
        "squeezed",
        lambda: Around(layers(), torch.squeeze),
        r"for one image it returns \(2,\), without the first dimension; use flatten\(1\) instead of squeeze\(\)",
    ),
    (
        "one logit, squeezed",
        lambda: Around(layers(classes=1), torch.squeeze),
        r"for one image it returns \(\), without the first dimension",
    ),
    (
        "detached",
        lambda: Around(layers(), torch.Tensor.detach),
        "no gradient reaches its input; remove no_grad, detach",
    ),
    ("a root", lambda: Around(layers(), lambda z: (z * 0).abs().sqrt() + z), "its gradient at the input is NaN"),
    ("rounded", lambda: Around(layers(), rounded), "its gradient at the input is 0 everywhere; remove rounding"),
]


@pytest.mark.parametrize(("make", "line"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
def test_what_cannot_be_explained_is_refused_in_a_line(make, line):
    before = torch.get_rng_state()
    module = make()
    with pytest.raises(ValueError, match=f"^mine cannot be explained: .*{line}") as caught:
        Model.wrap(module, name="mine", **SPACE)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    if not isinstance(module, nn.Module):
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"size": 0}, "size=0 must be the side of its square input"),
        ({"resize": -3}, "resize=-3 must be the short side of a photo in pixels, a whole number from 1"),
        ({"mean": (0.5,)}, "mean has 1 values and std 3; give both one for each input channel"),
        ({"std": (0.2, 0.0, 0.3)}, "must be finite, and std above 0"),
        ({"mean": (float("nan"), 0.0, 0.3)}, "must be finite"),
        (
            {"categories": ["a", "b", "c"]},
            "3 categories are given, but it has 2 logits; give 2, in the order of the log",
        ),
        ({"categories": "ab"}, "categories must be a list of names"),
        ({"precision": "half"}, "precision 'half' is unknown"),
    ],
)
def test_so_is_a_wrong_description(change, line):
    with pytest.raises(ValueError, match=line):
        Model.wrap(layers(), **SPACE | change)


@pytest.mark.parametrize("given", [0.13, None, ("a", "b", "c"), [[0.1, 0.2], [0.3, 0.4]]])
def test_mean_and_std_are_numbers(given):
    with pytest.raises(ValueError, match=r"mean=.* must be numbers, one for each input channel, as \(0.5, 0.5, 0.5\)"):
        channels("mean", given)


@pytest.mark.parametrize("kind", [np.array, torch.tensor, list])
def test_mean_and_std_may_be_arrays(kind):
    model = Model.wrap(layers(), **SPACE | {"mean": kind([0.5, 0.4, 0.3]), "std": kind([0.25, 0.5, 0.125])})
    assert all(isinstance(value, float) for value in (*model.mean, *model.std))
    assert model.pixels(model.prepare(picture())).max() <= 1 + 1e-6


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "LA", "CMYK", "1", "I;16", "HSV", "RGB"])
def test_a_photo_of_any_mode_is_prepared_as_when_it_is_opened(mode):
    model = Model.wrap(layers(), **SPACE)
    image = PIL.Image.fromarray(np.arange(1600, dtype=np.uint16).reshape(40, 40) * 40) if mode == "I;16" else picture()
    image = image if mode == "I;16" else image.convert("L").convert(mode) if mode == "LA" else image.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "TIFF") if mode != "HSV" else image.convert("RGB").save(buffer, "TIFF")
    torch.testing.assert_close(model.prepare(image), model.prepare(load_image(buffer.getvalue())))


@pytest.mark.parametrize("other", ["photo.jpg", np.zeros((40, 40, 3), np.uint8), torch.zeros(3, 40, 40)])
def test_what_is_no_photo(other):
    unchecked = inspect.unwrap(to_pixels)  # without the tests' own check of types
    with pytest.raises(ValueError, match=f"a PIL image, and this is a {type(other).__name__}; open it with load"):
        unchecked(other, 32, 32, PIL.Image.Resampling.BILINEAR)


def test_sides_are_whole_numbers_also_those_of_numpy():
    unchecked = inspect.unwrap(sides)
    found = [*unchecked(np.int64(32), np.int16(40)), *unchecked(32, None)]
    assert found == [32, 40, 32, 32]
    assert {type(side) for side in found} == {int}
    for size, resize, line in (
        (32.0, None, "size=32.0 must"),
        (True, None, "size=True"),
        (32, 40.5, "resize=40.5 must"),
    ):
        with pytest.raises(ValueError, match=line):
            unchecked(size, resize)


class Noted(nn.Sequential):
    """A module that adds to its state what is no tensor."""

    made = "today"

    def get_extra_state(self):
        return {"made": self.made}

    def set_extra_state(self, state):
        self.made = state["made"]


def test_a_state_can_hold_anything():
    network = Noted(*layers())
    before = Model.wrap(network, **SPACE).digest
    assert Model.wrap(network, **SPACE).digest == before
    network.made = "tomorrow"
    assert Model.wrap(network, **SPACE).digest != before


@pytest.mark.parametrize(
    "make", [lambda: Model.wrap(layers(), **SPACE), lambda: load_model("efficientnet_lite0", "cpu")]
)
def test_a_model_that_is_loaded_in_inference_mode_can_be_explained(make):
    with torch.inference_mode():
        inside = make()
        moved = inside.on("cpu")
    for model in (inside, moved):
        x = torch.zeros(3, model.size, model.size)
        assert explain(model, x, "gradient", 0).attribution.isfinite().all()


def test_two_names_for_a_single_logit():
    with pytest.raises(ValueError, match="1 categories are given, but its single logit is two classes; give 2"):
        Model.wrap(layers(classes=1), categories=["cat"], **SPACE)


class OtherNumbers(nn.Module):
    """A parameter of whole numbers, and one of complex numbers."""

    def __init__(self):
        super().__init__()
        self.network = layers()
        self.order = nn.Parameter(torch.tensor([1, 0]), requires_grad=False)
        self.turned = nn.Parameter(torch.tensor([1j, 2 + 1j]))

    def forward(self, points):
        return (self.network(points) * self.turned).imag[:, self.order]


class Within(nn.Module):
    """A compiled network within another one."""

    def __init__(self):
        super().__init__()
        self.first, self.last = torch.compile(layers()[:-1], backend="eager"), layers()[-1]

    def forward(self, points):
        return self.last(self.first(points))


LAYERS = {
    "whole and complex numbers": (OtherNumbers, ("network.6", "network.2", "network.0", "")),
    "compiled": (lambda: torch.compile(layers(), backend="eager"), ("6", "2", "0")),
    "compiled in part": (Within, ("last", "first.2", "first.0")),
    "scripted": (COPIED["scripted"], ("6", "2", "0")),
    "weight_norm": (COPIED["weight_norm"], ("6", "2", "0")),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("make", "names"), LAYERS.values(), ids=LAYERS)
def test_layers_of_any_network_can_be_random(make, names):
    model = Model.wrap(make(), **SPACE)
    before = explain(model, photo(), "gradient", 1).attribution
    *_, found = randomisation(model, photo(), {"Gradient": ("gradient", {})}, 1)
    assert found.layers == names
    assert not found.verdict("Gradient").flagged
    assert torch.equal(explain(model, photo(), "gradient", 1).attribution, before)


def test_complex_weights_can_be_random():
    old = OtherNumbers()
    new = renewed(old, 0).turned
    assert (new.real != old.turned.real).all()
    assert (new.imag != old.turned.imag).all()


class TestLRP:
    """LRP knows rules for some networks, also within an adapter, and says for which."""

    @pytest.mark.parametrize("first", [None, nn.ReLU(inplace=True)])
    def test_within_an_adapter(self, first):
        model = Model.wrap(layers(classes=1, first=first), **SPACE)
        bare, _ = canonised(model.module, "mine")
        torch.testing.assert_close(bare(photo()[None]), model.module(photo()[None]))
        found = [explain(model, photo(), "lrp", target).attribution for target in (0, 1)]
        torch.testing.assert_close(found[0], -found[1])
        assert found[0].any()

    @pytest.mark.parametrize("target", [0, 1])
    def test_relevance_of_a_single_logit_sums_to_its_half(self, target):
        module = layers(classes=1)
        for layer in (module[0], module[2], module[-1]):
            nn.init.zeros_(layer.bias)
        model = Model.wrap(module, **SPACE)
        half = module.eval()(photo()[None]).item() / 2
        relevance = explain(model, photo(), "lrp", target).attribution.sum().item()
        assert relevance == pytest.approx((-half, half)[target], rel=1e-3)

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Around(layers(), lambda z: z),
            lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(3600, 2)),
            lambda: type("Mine", (torchvision.models.ResNet,), {})(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1]),
        ],
        ids=["own", "GELU", "subclass"],
    )
    def test_others_are_refused(self, make):
        model = Model.wrap(make(), name="mine", **SPACE)
        with pytest.raises(
            ValueError, match=r"LRP does not support mine: use .*of other networks it has rules for torchv"
        ):
            explain(model, photo(), "lrp", 0)

    def test_a_changed_layer_has_no_rule(self):
        changed = torchvision.models.resnet18(num_classes=2)
        changed.relu = nn.SiLU()
        with pytest.raises(ValueError, match="LRP does not support mine"):
            explain(Model.wrap(changed, name="mine", **SPACE), photo(), "lrp", 0)
