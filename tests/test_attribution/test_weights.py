"""Copies of networks with other weights: the original stays, and the numbers follow from the seed alone."""

import copy
import gc
import weakref
from collections.abc import Callable
from threading import Thread

import pytest
import torch
import torchvision.models
import toys
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.resnet import Bottleneck

from attribution.engine import weights
from attribution.engine.folding import folded
from attribution.engine.random_numbers import Purpose, normal
from attribution.engine.score import ClassScore
from attribution.engine.weights import Networks, layers, mixed, perturbed, renewed
from attribution.models import MODELS, Model, build_model

X = toys.image()


class Scaled(nn.Module):
    """A parameter without a rule, one of a single element, one that is constant, one that is zero, and one that is not
    used."""

    def __init__(self):
        super().__init__()
        self.before = nn.Linear(60, 4, dtype=torch.float64)
        self.wide = nn.Parameter(torch.tensor([1.0, 2.0, 3.0, 8.0], dtype=torch.float64))
        self.single = nn.Parameter(torch.tensor([-5.0], dtype=torch.float64))
        self.constant = nn.Parameter(torch.full((4,), 3.0, dtype=torch.float64))
        self.zero = nn.Parameter(torch.zeros(4, dtype=torch.float64))
        self.unused = nn.Linear(4, 4, dtype=torch.float64)
        self.last = nn.Linear(4, 2, dtype=torch.float64)

    def forward(self, points):
        hidden = self.before(points.flatten(1))
        return self.last(torch.sin(hidden) * self.wide * self.single * self.constant + self.zero)


class Normed(nn.Module):
    """A batch-norm before its convolution, which cannot be folded. Each channel has its own running statistics, because
    the noise of equal entries would be 0."""

    def __init__(self):
        super().__init__()
        self.norm, self.convolution = nn.BatchNorm2d(3), nn.Conv2d(3, 2, 3)
        with torch.no_grad():
            self.norm.running_mean += torch.tensor([1.0, 2.0, 4.0])
            self.norm.running_var *= torch.tensor([2.0, 3.0, 5.0])
            self.norm.weight *= torch.tensor([5.0, 6.0, 8.0])

    def forward(self, points):
        return self.convolution(self.norm(points)).mean((2, 3))


def state(module):
    return {name: entry.clone() for name, entry in module.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_layers_are_in_the_order_of_the_forward_pass():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.first = nn.Linear(4, 2).double(), nn.Linear(60, 4).double()

        def forward(self, points):
            return self.last(self.first(points.flatten(1)).relu())

    assert layers(Backwards(), X) == ("first", "last")


def test_a_layer_that_the_output_does_not_depend_on_is_none():
    assert layers(Scaled(), X) == ("", "before", "last")


def test_a_network_without_parameters_has_no_layers():
    assert layers(toys.linear().module, X) == ()


def test_shared_parameters_belong_to_the_first_layer():
    network = nn.Sequential(nn.Flatten(), nn.Linear(60, 60), nn.Linear(60, 60), nn.Linear(60, 2)).double()
    network[2].weight, network[2].bias = network[1].weight, network[1].bias
    assert layers(network, X) == ("1", "3")


def test_layers_leave_the_network_as_it_was():
    network = toys.convolutional().module
    before = state(network)
    layers(network, X)
    assert same(before, network.state_dict())
    assert not any(p.requires_grad or p.grad is not None for p in network.parameters())
    assert not any(layer._forward_pre_hooks for layer in network.modules())


def test_each_layer_follows_its_own_rule():
    """Literally: each layer alone, after its own seed."""
    network = toys.convolutional().module
    found = renewed(network, 7)
    for k, layer in enumerate(copy.deepcopy(network).modules()):
        if list(layer.parameters(recurse=False)):
            with torch.random.fork_rng():
                torch.manual_seed(7 * 2**20 + k)
                layer.reset_parameters()
            assert same(state(layer), state([*found.modules()][k]))


@pytest.mark.parametrize("wrapped", [nn.utils.weight_norm, nn.utils.spectral_norm])
def test_parameters_that_the_rule_leaves_alone_are_new_too(wrapped):
    """These wrappers keep what was learned under other names, which the rule of the layer does not know."""
    network = nn.Sequential(nn.Flatten(), wrapped(nn.Linear(60, 4))).double().eval().requires_grad_(False)
    network(X[None])
    found = dict(renewed(network, 3).named_parameters())
    assert not any(torch.equal(found[name], entry) for name, entry in network.named_parameters())
    assert same(dict(renewed(network, 3).named_parameters()), found)


def computing(wrapped) -> nn.Sequential:
    """Layers of which one computes its weight."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return nn.Sequential(nn.Flatten(), wrapped(nn.Linear(60, 50)), nn.ReLU(), nn.Linear(50, 2)).double().eval()


COMPUTED = [parametrizations.weight_norm, parametrizations.orthogonal, parametrizations.spectral_norm]


@pytest.mark.parametrize("wrapped", COMPUTED)
def test_a_weight_that_a_layer_computes_is_a_weight_as_any_other(wrapped):
    """New numbers in what it is computed from made an orthogonal weight 0, and a spectral norm of 1 more than 10."""
    network = computing(wrapped)
    used = network[1].weight.detach().clone()
    plain = nn.Sequential(nn.Flatten(), nn.Linear(60, 50), nn.ReLU(), nn.Linear(50, 2)).double()
    with torch.no_grad():
        for k, name in ((1, "weight"), (1, "bias"), (3, "weight"), (3, "bias")):
            getattr(plain[k], name).copy_(getattr(network[k], name))
    assert layers(network, X) == ("1", "3")
    assert same(renewed(network, 4).state_dict(), renewed(plain, 4).state_dict())
    assert same(
        mixed(network, renewed(network, 4), ["1"]).state_dict(), mixed(plain, renewed(plain, 4), ["1"]).state_dict()
    )
    noisy = perturbed(network, 0.25, 9)[1].weight
    assert torch.equal(perturbed(network, 0.0, 9)[1].weight, used)
    assert (noisy - used).std() == pytest.approx(0.25 * used.std().item(), rel=0.1)
    assert torch.equal(network[1].weight, used), "the network itself still computes it"
    assert len(network[1].parametrizations) == 1


def test_a_computed_buffer_is_no_weight():
    class Half(nn.Module):
        def forward(self, given):
            return given / 2

    layer = Normed().norm
    parametrize.register_parametrization(layer, "running_mean", Half())
    found = renewed(layer.eval(), 0)
    assert torch.equal(found.running_mean, torch.tensor([0.5, 1.0, 2.0]))
    assert "running_mean" in dict(found.named_buffers())


def test_a_rule_that_needs_arguments_is_none():
    class Asking(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0, 8.0], dtype=torch.float64))

        def reset_parameters(self, std):
            raise AssertionError

    layer = Asking()
    found = renewed(layer, 3).weight
    draw = normal(Purpose.WEIGHTS, 3, 0, (4,))
    torch.testing.assert_close(found.data, layer.weight.std(correction=0).detach() * draw, check_dtype=False)


def test_a_parameter_without_a_rule_keeps_its_size():
    found = renewed(Scaled(), 3)
    draws = {name: normal(Purpose.WEIGHTS, 3, j, (4,)) for j, name in ((0, "wide"), (2, "constant"), (3, "zero"))}
    spread = torch.tensor([1.0, 2, 3, 8], dtype=torch.float64).std(correction=0)
    torch.testing.assert_close(found.wide, nn.Parameter(spread * draws["wide"]), check_dtype=False)
    torch.testing.assert_close(found.constant, nn.Parameter(3 * draws["constant"]), check_dtype=False)
    torch.testing.assert_close(found.zero, nn.Parameter(draws["zero"]), check_dtype=False)
    single = 5 * normal(Purpose.WEIGHTS, 3, 1, (1,))
    torch.testing.assert_close(found.single, nn.Parameter(single), check_dtype=False)


def test_statistics_stay_unless_they_are_to_go():
    network = Normed().eval()
    kept, gone = renewed(network, 0), renewed(network, 0, statistics=True)
    assert torch.equal(kept.norm.running_mean, network.norm.running_mean)
    assert torch.equal(kept.norm.running_var, network.norm.running_var)
    assert kept.norm.num_batches_tracked == network.norm.num_batches_tracked
    assert torch.equal(gone.norm.running_mean, torch.zeros(3))
    assert torch.equal(gone.norm.running_var, torch.ones(3))
    for found in (kept, gone):
        assert torch.equal(found.norm.weight, torch.ones(3))
        assert not any(layer.training for layer in found.modules())


def test_only_the_seed_decides():
    network = toys.convolutional().module
    with torch.random.fork_rng():
        torch.manual_seed(1)
        once = renewed(network, 5).state_dict()
        torch.manual_seed(2)
        assert same(once, renewed(network, 5).state_dict())
    assert not same(once, renewed(network, 6).state_dict())


def test_threads_do_not_disturb_each_other():
    network, expected, found = toys.convolutional().module, {}, {}
    for seed in range(8):
        expected[seed] = state(renewed(network, seed))
    threads = [Thread(target=lambda s=seed: found.update({s: state(renewed(network, s))})) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(expected[seed], found[seed]) for seed in range(8))


@pytest.mark.parametrize("make", [lambda m: renewed(m, 0), lambda m: perturbed(m, 0.5, 0), lambda m: mixed(m, m, [])])
def test_torchs_generator_and_the_network_stay(make):
    network = toys.convolutional().module
    before, generator = state(network), torch.get_rng_state()
    found = make(network)
    assert torch.equal(generator, torch.get_rng_state())
    assert same(before, network.state_dict())
    assert not {p.data_ptr() for p in found.parameters()} & {p.data_ptr() for p in network.parameters()}


def test_a_mix_has_the_named_layers_of_the_other():
    network = toys.convolutional().module
    new = renewed(network, 1)
    found = mixed(network, new, ["2"]).state_dict()
    for name, entry in found.items():
        assert torch.equal(entry, (new if name.startswith("2.") else network).state_dict()[name])
    assert same(mixed(network, new, []).state_dict(), network.state_dict())
    assert same(mixed(network, new, layers(network, X)).state_dict(), new.state_dict())


def test_in_a_mix_shared_parameters_belong_to_the_first_layer():
    """As in the list of layers: a later layer that holds them too would change the first one."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(60, 60), nn.Linear(60, 60), nn.Linear(60, 2)).double()
    network[2].weight = network[1].weight
    new = renewed(network, 1)
    assert layers(network, X) == ("1", "2", "3")
    later, first = mixed(network, new, ["2"]), mixed(network, new, ["1"])
    assert torch.equal(later[1].weight, network[1].weight)
    assert torch.equal(later[1].bias, network[1].bias)
    assert torch.equal(later[2].bias, new[2].bias)
    assert torch.equal(first[2].weight, new[1].weight)
    assert torch.equal(first[2].bias, network[2].bias)


def test_a_random_network_is_made_once_for_all_who_hold_it(monkeypatch):
    """And for who comes soon. It is given up when nobody holds it and others were made."""
    made = []
    monkeypatch.setattr(weights, "mixed", lambda module, new, names: made.append(names) or mixed(module, new, names))
    monkeypatch.setattr(weights, "renewed", lambda *given, **more: made.append("all") or renewed(*given, **more))
    module, networks = toys.of_photos().module, Networks()
    order = layers(module, torch.rand(3, 48, 48))
    held = networks.random(module, order[:1], 3)
    others = [networks.random(module, order[:k], 3) for k in (2, 3)]
    assert networks.random(module, order[:1], 3) is held
    assert made == ["all", order[:1], order[:2], order[:3]]
    assert networks.random(module, order[:3], 3) is others[1]
    gone = weakref.ref(others[0])
    del others
    gc.collect()
    assert gone() is None
    networks.random(module, order[:3], 3)
    assert len(made) == 4, "the last one was kept"
    networks.random(copy.deepcopy(module), order[:1], 3)
    networks.random(module, order[:1], 4)
    assert len(made) == 8, "of another network, and of another seed"
    for name, entry in networks.random(module, order, 4).named_parameters():
        assert entry.equal(dict(renewed(module, 4).named_parameters())[name])


def test_a_random_network_that_keeps_its_statistics_is_another_one():
    network, networks = Normed().eval(), Networks()
    names = layers(network, X.float())
    kept, gone = (networks.random(network, names, 0, statistics=lost) for lost in (False, True))
    assert kept.norm.running_var.equal(network.norm.running_var)
    assert not gone.norm.running_var.equal(network.norm.running_var)


def test_noise_is_that_share_of_the_standard_deviation():
    network = nn.Sequential(Normed(), nn.Linear(2, 3))
    before = network.state_dict()
    found = perturbed(network, 0.25, 9).state_dict()
    assert all(before[f"0.norm.running_{one}"].std() > 0 for one in ("mean", "var"))
    for k, (name, entry) in enumerate(before.items()):
        if "running" in name or "num_batches" in name:
            expected = entry
        else:
            expected = entry + 0.25 * entry.std() * normal(Purpose.WEIGHTS, 9, k, tuple(entry.shape))
        torch.testing.assert_close(found[name], expected)
    assert same(perturbed(network, 0.0, 9).state_dict(), before)


def test_weights_of_a_layer_with_any_name_get_noise():
    class Runner(nn.Module):
        def __init__(self):
            super().__init__()
            self.running = nn.Linear(3, 3)

    runner = Runner()
    assert not torch.equal(perturbed(runner, 1.0, 0).running.weight, runner.running.weight)


def test_one_element_has_no_standard_deviation_and_stays():
    found = perturbed(Scaled(), 1.0, 0)
    assert found.single.item() == -5
    assert not torch.equal(found.wide, Scaled().wide)
    assert all(entry.isfinite().all() for entry in found.state_dict().values())


def test_what_a_layer_adds_to_its_state_stays():
    class Noted(nn.Linear):
        def get_extra_state(self):
            return {"version": 1}

        def set_extra_state(self, state):
            pass

    found = perturbed(Noted(3, 2), 0.5, 0)
    assert found.state_dict()["_extra_state"] == {"version": 1}
    assert not torch.equal(found.weight, perturbed(found, 0.5, 0).weight)


def test_shared_parameters_get_noise_once():
    network = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5)).double()
    network[1].weight = network[0].weight
    weight = network[0].weight
    found = perturbed(network, 0.5, 2)
    expected = weight + 0.5 * weight.std() * normal(Purpose.WEIGHTS, 2, 0, (5, 5))
    torch.testing.assert_close(found[1].weight.data, expected.data)


NARROW: dict[str, Callable[[], nn.Module]] = {
    "resnet50": lambda: torchvision.models.ResNet(Bottleneck, [3, 4, 6, 3], width_per_group=8),
    "convnext_tiny": lambda: torchvision.models.ConvNeXt(
        [CNBlockConfig(12, 24, 3), CNBlockConfig(24, 48, 3), CNBlockConfig(48, 96, 9), CNBlockConfig(96, None, 3)]
    ),
    "swin_t": lambda: torchvision.models.SwinTransformer([4, 4], 12, [2, 2, 6, 2], [1, 2, 4, 8], [7, 7]),
    "vit_b_16": lambda: torchvision.models.VisionTransformer(
        image_size=96, patch_size=16, num_layers=12, num_heads=2, hidden_dim=32, mlp_dim=64
    ),
}
"""Networks as deep as those of these names, but narrower."""


def renewable(name: str) -> Model:
    if name not in NARROW:
        return build_model(name, None, "cpu")
    made = NARROW[name]().eval().requires_grad_(False)
    with torch.device("meta"):
        wide = MODELS[name].build()
    assert [type(layer) for layer in made.modules()] == [type(layer) for layer in wide.modules()]
    return Model(name, folded(made), size=96, resize=96)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("vgg16", "resnet101", "resnet152")])
def test_every_kind_of_network_can_be_renewed(name):
    """Its last layers get other numbers, and with all layers random the score is finite and its gradient not zero."""
    model = renewable(name)
    side = min(model.size, 96)  # convolutions take any size
    x = 0.1 * torch.randn(3, side, side, generator=torch.Generator().manual_seed(0))
    order = layers(model.module, x)
    assert len(order) > 10
    new = renewed(model.module, 0)
    found = mixed(model.module, new, order[-3:])
    for layer in order[-3:]:
        own = dict(model.module.get_submodule(layer).named_parameters(recurse=False))
        theirs = dict(found.get_submodule(layer).named_parameters(recurse=False))
        untrained = isinstance(model.module.get_submodule(layer), nn.LayerNorm | nn.BatchNorm2d)
        assert untrained or any(not torch.equal(own[key], theirs[key]) for key in own)
    random = model.with_weights(mixed(model.module, new, order), "random")
    values, gradients = ClassScore(random, 0).gradients(x[None])
    assert values.isfinite().all()
    assert gradients.isfinite().all()
    assert gradients.abs().max() > 0


def test_new_weights_leave_the_generators_of_other_devices_alone(monkeypatch):
    """They are drawn on the CPU."""
    asked = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", asked.append)
    renewed(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), 5)
    assert not asked
