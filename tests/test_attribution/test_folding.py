"""Folding: no rounding beyond that of float32 itself, only where it is exact, and a network it cannot read stays."""

import copy
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread

import pytest
import timm
import torch
import torchvision.models
from torch import fx, nn
from torch.nn.utils.parametrizations import weight_norm

from attribution.engine import folding
from attribution.engine.folding import folded
from attribution.models import build_model, load_model

NETWORKS = {
    "tf_efficientnet_lite0": 0,
    "tf_efficientnet_lite2": 0,
    "resnet18": 0,
    "vgg11_bn": 0,
    "inception_v3": 2,
    "mobilenet_v3_large": 0,
    "densenet121": 62,
}
"""Each network, and how many batch-norms stay: in Inception those of a head that only training uses, in DenseNet those
that come before a convolution."""


OPTIONS = {"inception_v3": {"init_weights": False}}


def network(name: str, seed: int = 0) -> nn.Module:
    """Random weights, and batch-norms as after training: none is the identity."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        make = timm.create_model if name.startswith("tf_") else torchvision.models.get_model
        made = without_a_large_head() if name == "vgg11_bn" else make(name, **OPTIONS.get(name, {}))
        for layer in made.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.normal_(layer.running_mean, std=0.2)
                nn.init.uniform_(layer.running_var, 0.5, 2)
                nn.init.uniform_(layer.weight, 0.5, 1.5)
                nn.init.normal_(layer.bias, std=0.2)
    return made.eval().requires_grad_(False)


def without_a_large_head() -> nn.Module:
    """VGG11 with batch-norms. Its three linear layers, which have none and most of the weights, are one small one."""
    with torch.device("meta"):
        made = torchvision.models.vgg11_bn()
    made.classifier = nn.Linear(512 * 7 * 7, 10)
    made.to_empty(device="cpu")
    for layer in made.modules():
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
            layer.reset_parameters()
    return made


def norms(module: nn.Module) -> int:
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in module.modules())


def scores_and_gradients(module: nn.Module, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    at = points.clone().requires_grad_(True)
    found = module(at)
    return found.detach(), torch.autograd.grad(found[:, 0].sum(), at)[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_no_rounding_beyond_that_of_float32(name):
    """Against the unfolded network in float64: scores, and gradients at points where no ReLU sits on its kink."""
    module = network(name)
    points = torch.randn(1, 3, 80, 80, generator=torch.Generator().manual_seed(1))
    exact_score, exact_gradient = scores_and_gradients(copy.deepcopy(module).double(), points.double())
    ours, plain = folded(module), module
    assert norms(ours) == NETWORKS[name] < norms(module)
    errors = {}
    for which, one in (("ours", ours), ("plain", plain)):
        score, gradient = scores_and_gradients(one, points)
        scale = (exact_score - exact_score.mean()).norm()
        errors[which] = (
            (score - exact_score).norm() / scale,
            (gradient - exact_gradient).norm() / exact_gradient.norm(),
        )
    assert errors["ours"][0] <= 3 * errors["plain"][0] + 1e-6
    assert errors["ours"][1] <= 3 * errors["plain"][1] + 1e-2


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "densenet121", "resnet18"])
def test_in_float64_it_is_the_same_function(name):
    module = network(name).double()
    points = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for ours, theirs in zip(*(scores_and_gradients(one, points) for one in (folded(module), module)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_the_network_itself_stays_as_it_is():
    module = network("resnet18")
    before = copy.deepcopy(module.state_dict())
    folded(module)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


class Uses(nn.Module):
    """A convolution and a batch-norm, used in some way."""

    def __init__(self, way) -> None:
        super().__init__()
        self.conv, self.norm, self.other = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)
        nn.init.uniform_(self.norm.running_var, 0.5, 2)
        nn.init.normal_(self.norm.running_mean)
        self.way = way

    def forward(self, x):
        return self.way(self, x)


def tied(net, x):
    return net.other(net.norm(net.conv(x)))


WAYS = {
    "the sum is used too": lambda net, x: net.norm(y := net.conv(x)) + y,
    "twice the same convolution": lambda net, x: net.norm(net.conv(x)) + net.conv(2 * x),
    "twice the same norm": lambda net, x: net.norm(net.conv(x)) + net.norm(net.other(x)),
    "its weight is used elsewhere": lambda net, x: net.norm(net.conv(x)) * net.conv.weight.sum(),
    "something in between": lambda net, x: net.norm(net.conv(x).relu()),
    "the norm comes first": lambda net, x: net.conv(net.norm(x)),
    "it branches on values": lambda net, x: net.norm(net.conv(x)) if x.sum() > 0 else x,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_cannot_be_folded_is_used_as_it_is(way):
    module = Uses(way).eval()
    assert folded(module) is module


def test_weights_that_are_shared_or_computed_are_left():
    module = Uses(tied).eval()
    module.other.weight = module.conv.weight
    assert folded(module) is module
    module = Uses(tied).eval()
    weight_norm(module.conv)
    assert folded(module) is module
    module = Uses(tied).eval()
    module.norm = nn.BatchNorm2d(3, track_running_stats=False).eval()
    assert folded(module) is module


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_a_pair_with_and_without_its_parameters(affine, bias):
    module = Uses(tied).double()
    module.conv, module.norm = nn.Conv2d(3, 3, 1, bias=bias), nn.BatchNorm2d(3, affine=affine)
    nn.init.normal_(module.norm.running_mean)
    nn.init.uniform_(module.norm.running_var, 0.5, 2)
    module = module.double().eval()
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = folded(module)
    assert norms(ours) == 0
    torch.testing.assert_close(ours(x), module(x))


def small_pair(way=lambda net, x: net.norm(net.conv(x))) -> Uses:
    return Uses(way).eval().requires_grad_(False)


def test_networks_of_other_threads_run_while_one_is_traced():
    """A model that is loaded changes no map that is being computed."""
    other, points = small_pair(), torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    expected, found = other(points), []

    def way(net, x):
        if isinstance(x, fx.Proxy):
            with ThreadPoolExecutor() as elsewhere:
                found.append(elsewhere.submit(other, points).result())
        return net.norm(net.conv(x))

    assert norms(folded(small_pair(way))) == 0
    assert torch.equal(found[0], expected)


def test_two_threads_trace_one_after_the_other(monkeypatch):
    at_the_door, found = Event(), []

    class Door:
        lock = Lock()

        def __enter__(self):
            if self.lock.locked():
                at_the_door.set()
            self.lock.acquire()

        def __exit__(self, *error):
            self.lock.release()

    monkeypatch.setattr(folding, "_ALONE", Door())
    second = Thread(target=lambda: found.append(norms(folded(small_pair()))))

    def way(net, x):
        if isinstance(x, fx.Proxy):
            second.start()
            assert at_the_door.wait(60)
            assert not found
        return net.norm(net.conv(x))

    call = nn.Module.__call__
    assert norms(folded(small_pair(way))) == 0
    second.join()
    assert found == [0]
    assert nn.Module.__call__ is call


def test_a_model_is_folded_and_its_digest_is_that_of_its_weights():
    state = torchvision.models.resnet18(weights=None).state_dict()
    model = build_model("resnet18", state, "cpu")
    assert norms(model.module) == 0
    assert not any(parameter.requires_grad for parameter in model.module.parameters())
    assert not any(layer.training for layer in model.module.modules())


def test_the_digest_of_the_embedded_weights_is_as_ever():
    """Results files name it."""
    assert load_model("efficientnet_lite0", "cpu").digest == "76a59067238fadb7fd23619ee911b2ca"
