"""LRP: the copy computes the same, relevance is conserved where nothing takes it, and zennit is the oracle."""

import copy
import functools
from dataclasses import replace

import pytest
import timm.layers
import torch
import torchvision.models
import toys
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm
from zennit.attribution import Gradient
from zennit.composites import EpsilonPlusFlat
from zennit.torchvision import ResNetCanonizer

from attribution import explain
from attribution.methods.lrp import canonised
from attribution.models import Model, load_model


def network(name: str) -> nn.Module:
    """A copy of a network of torchvision with random weights and batch-norms that do something."""
    return copy.deepcopy(built(name))


@functools.cache
def built(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        made = torchvision.models.get_model(name, weights=None)
        for layer in made.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.uniform_(layer.running_mean, -0.5, 0.5)
                nn.init.uniform_(layer.running_var, 0.5, 2)
                nn.init.uniform_(layer.bias, -0.5, 0.5)
    return made.eval().requires_grad_(False)


def photo(side: int = 96) -> torch.Tensor:
    return toys.image(2, (3, side, side)).float()


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite2", "resnet18", "densenet121"])
def test_the_copy_computes_the_same_and_the_model_is_untouched(name):
    model = load_model(name, "cpu") if name.startswith("efficientnet_lite") else Model(name, network(name))
    before = {key: value.clone() for key, value in model.module.state_dict().items()}
    forwards = {type(module).forward for module in model.module.modules()}
    x = photo()
    copied, folds = canonised(model.module, name)
    handles = [handle for fold in folds for handle in fold.apply(copied)]
    with torch.no_grad():
        expected = model.module(x[None])
        torch.testing.assert_close(copied(x[None]), expected, rtol=1e-3, atol=1e-4)
    assert bool(handles) == (name == "resnet18")
    relevance = explain(model, x, "lrp").attribution
    assert relevance.isfinite().all()
    assert relevance.any()
    assert all(torch.equal(value, before[key]) for key, value in model.module.state_dict().items())
    assert {type(module).forward for module in model.module.modules()} == forwards
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.module.modules())
    assert not any("forward" in vars(module) for module in model.module.modules())
    with torch.no_grad():
        assert torch.equal(model.module(x[None]), expected)


def test_every_batch_norm_of_the_embedded_model_is_folded_and_every_addition_is_a_module(lite0):
    copied, _ = canonised(lite0.module, lite0.name)
    kinds = [type(module).__name__ for module in copied.modules()]
    skips = sum(getattr(block, "has_skip", False) for block in lite0.module.modules())
    assert "BatchNormAct2d" not in kinds
    assert kinds.count("Sum") == skips > 5


def bias_free(seed: int) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Conv2d(3, 8, 3, bias=False), nn.ReLU(), nn.Conv2d(8, 8, 2, bias=False), nn.ReLU()]
        made = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * 25, 2, bias=False)).double()
    return toys.model(made)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("target", [0, 1])
def test_without_biases_relevance_is_conserved(seed, target):
    model, x = bias_free(seed), toys.image(3, (3, 8, 8))
    logit = model.module(x[None])[0, target].item()
    assert explain(model, x, "lrp", target).attribution.sum().item() == pytest.approx(logit, rel=1e-3)


@pytest.mark.parametrize(("name", "share"), [("resnet18", 1e-3), ("efficientnet_lite0", 1e-3), ("densenet121", 0.1)])
def test_so_it_is_in_whole_networks(name, share, lite0):
    """Without biases, those of batch-norms included. DenseNet's norms before an activation cannot be folded: they are
    passed by as they are, and scale what goes through them.
    """
    model = replace(lite0, module=copy.deepcopy(lite0.module)) if name == lite0.name else Model(name, network(name))
    for layer in model.module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.bias.zero_()
            layer.running_mean.zero_()
        elif isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.bias is not None:
            layer.bias.zero_()
    (target, _, _, logit), *_ = model.predict(photo(), k=1)
    assert explain(model, photo(), "lrp", target).attribution.sum().item() == pytest.approx(logit, rel=share)


def test_the_head_of_densenet_has_rules():
    """Its pooling hands relevance on in proportion to what was pooled, and so none to what its last activation cut."""
    module, x = network("densenet121"), photo()
    copied, folds = canonised(module, "densenet121")
    arrived = []
    with Gradient(copied, EpsilonPlusFlat(canonizers=folds)) as attributor:
        copied.features.register_forward_hook(lambda layer, given, out: out.register_hook(arrived.append) and None)
        only = torch.zeros(1, 1000)
        only[0, 5] = 1
        logits, _ = attributor(x[None].clone(), lambda out: only * out)
    with torch.no_grad():
        active = module.features(x[None]).relu()
    (relevance,) = arrived
    weight = module.classifier.weight[5]
    share = active.mean((2, 3)) * weight
    expected = active / active.sum((2, 3), keepdim=True).clamp(min=1e-12) * share[..., None, None]
    torch.testing.assert_close(relevance, expected * logits[0, 5] / (share.sum() + module.classifier.bias[5]))


def test_biases_take_their_share():
    model, x = bias_free(1), toys.image(3, (3, 8, 8))
    model.module[2].bias = nn.Parameter(torch.full((8,), 3.0).double(), requires_grad=False)
    logit = model.module(x[None])[0, 0].item()
    assert abs(explain(model, x, "lrp", 0).attribution.sum().item()) < 0.9 * abs(logit)


def test_the_oracle():
    module, x = network("resnet18"), photo(64)
    start = torch.zeros(1, 1000)
    start[0, 5] = module(x[None])[0, 5]
    with Gradient(network("resnet18"), EpsilonPlusFlat(canonizers=[ResNetCanonizer()])) as attributor:
        _, expected = attributor(x[None].clone(), start)
    ours = explain(Model("resnet18", module), x, "lrp", 5).attribution
    torch.testing.assert_close(ours, expected[0], rtol=1e-3, atol=1e-7)


def transformer() -> nn.Module:
    """Of the class of ViT-B/16, but small."""
    made = torchvision.models.VisionTransformer(32, 16, num_layers=1, num_heads=1, hidden_dim=8, mlp_dim=8)
    return made.eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("name", "make"), [("mobilenet_v3_large", lambda: network("mobilenet_v3_large")), ("vit_b_16", transformer)]
)
def test_other_networks_are_refused_in_a_line(name, make):
    with pytest.raises(ValueError, match=f"LRP does not support {name}: use efficientnet_lite0 or") as caught:
        explain(Model(name, make()), photo(32), "lrp", 0)
    assert "\n" not in str(caught.value)


def plain(change) -> nn.Module:
    """A network of layers with rules, with its convolutions changed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, second = change(3), change(8)
        return nn.Sequential(
            first, nn.ReLU(), second, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda width: timm.layers.StdConv2d(width, 8, 3, padding=1),
        lambda width: weight_norm(nn.Conv2d(width, 8, 3, padding=1)),
    ],
    ids=["standardised weights", "normalised weights"],
)
def test_a_layer_that_computes_its_weights_has_no_rule(change):
    """A rule changes the weights for a moment; here that would change other ones, and the map would be wrong."""
    space = {"size": 32, "name": "mine", "device": "cpu"}
    explain(Model.wrap(plain(lambda width: nn.Conv2d(width, 8, 3, padding=1)), **space), photo(32), "lrp", 0)
    with pytest.raises(ValueError, match="LRP does not support mine"):
        explain(Model.wrap(plain(change), **space), photo(32), "lrp", 0)


def test_so_it_is_within_a_known_network():
    changed = torchvision.models.resnet18(num_classes=2)
    changed.conv1 = timm.layers.StdConv2d(3, 64, 7, stride=2, padding=3, bias=False)
    with pytest.raises(ValueError, match="LRP does not support mine"):
        explain(Model.wrap(changed, size=32, name="mine", device="cpu"), photo(32), "lrp", 0)


class Head(nn.Module):
    """Two linear layers, and a function between them."""

    def __init__(self, act=functional.gelu):
        super().__init__()
        self.first, self.last, self.act = nn.Linear(8 * 49, 16, bias=False), nn.Linear(16, 5, bias=False), act

    def forward(self, x):
        return self.last(self.act(self.first(x)))


class Gate(nn.Module):
    """Multiplies two activations."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(8, 8, 1)

    def forward(self, x):
        return x * self.layer(x).sigmoid()


class Own(nn.Sequential):
    """Computes more than its layers do."""

    def forward(self, x):
        return functional.gelu(super().forward(x))


class Named(nn.Sequential):
    """Computes what its layers do."""


def vgg(*features: nn.Module, classifier: nn.Module | None = None) -> nn.Module:
    """Of the class of VGG16, but small, and without biases."""
    first = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    made = torchvision.models.VGG(nn.Sequential(first, nn.ReLU(), *features), num_classes=5, init_weights=False)
    made.classifier = classifier or nn.Linear(8 * 49, 5, bias=False)
    return made


def turning(layer: nn.Module) -> nn.Module:
    """A layer whose forward pass was replaced."""
    forward = layer.forward
    layer.forward = lambda x: functional.gelu(forward(x))
    return layer


def seen(layer: nn.Module, register: str = "register_forward_hook") -> nn.Module:
    """A layer with a hook."""
    getattr(layer, register)(lambda *given: None)
    return layer


def small_resnet() -> nn.Module:
    return torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=5)


class BlockOfMine(torchvision.models.resnet.BasicBlock):
    def forward(self, x):
        return functional.gelu(super().forward(x))


def twice(layer: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), layer, nn.ReLU(), layer, nn.Flatten(), nn.LazyLinear(5))


@pytest.mark.parametrize(
    "make",
    [
        lambda: vgg(classifier=Head()),
        lambda: vgg(Gate()),
        lambda: vgg(nn.Sequential(nn.Conv2d(8, 8, 1), nn.GELU())),
        lambda: vgg(Own(nn.Conv2d(8, 8, 1))),
        lambda: vgg(turning(nn.Conv2d(8, 8, 1))),
        lambda: torchvision.models.ResNet(BlockOfMine, [1, 1, 1, 1], num_classes=5),
        lambda: Own(nn.Flatten(), nn.Linear(3072, 5)),
        lambda: twice(nn.Conv2d(8, 8, 3, padding=1)),
        lambda: twice(nn.AvgPool2d(2)),
        lambda: vgg(*[nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU())] * 2),
        lambda: nn.Sequential(seen(nn.Conv2d(3, 8, 3)), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5)),
        lambda: vgg(seen(nn.Conv2d(8, 8, 1), "register_forward_pre_hook")),
        lambda: vgg(seen(nn.Conv2d(8, 8, 1), "register_full_backward_hook")),
        lambda: seen(small_resnet()),
    ],
    ids=[
        *("function in a head", "product", "layer without a rule", "own forward of a Sequential", "replaced forward"),
        *("own forward of a block", "own forward of the network"),
        *("convolution twice", "pooling twice", "block twice"),
        *("hook", "hook before", "hook of the gradient", "hook of the network"),
    ],
)
def test_what_no_rule_covers_is_refused(make):
    """Its map would be wrong, without a word."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = make()
    made.eval()(photo(32)[None])  # lazy layers get their sizes
    with pytest.raises(ValueError, match="LRP does not support mine"):
        explain(Model.wrap(made, size=32, name="mine", device="cpu"), photo(32), "lrp", 0)


@pytest.mark.parametrize("wrap", [nn.Sequential, Named])
def test_layers_within_sequences_have_the_rules_that_they_have_alone(wrap):
    """An activation may be used several times: its rule keeps no input."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        one, other, relu = vgg(), nn.Conv2d(8, 8, 3, bias=False), nn.ReLU()
        head = nn.Linear(288, 16, bias=False), nn.Linear(16, 5, bias=False)
    one.features.append(wrap(other, relu))
    one.avgpool, one.classifier = nn.AdaptiveAvgPool2d(6), wrap(head[0], relu, head[1])
    flat = [nn.ReLU() if layer is relu else copy.deepcopy(layer) for layer in (other, relu, head[0], relu, head[1])]
    start = copy.deepcopy(one.features[:2])
    two = nn.Sequential(*start, *flat[:2], nn.AdaptiveAvgPool2d(6), nn.Flatten(), *flat[2:])
    models = [Model.wrap(made, size=32, device="cpu") for made in (one, two, wrap(two[:3], two[3:]))]
    maps = [explain(model, photo(32), "lrp", 1).attribution for model in models]
    logit = models[0].module(photo(32)[None])[0, 1].item()
    for found in maps:
        torch.testing.assert_close(found, maps[0])
        assert found.sum().item() == pytest.approx(logit, rel=1e-3)
