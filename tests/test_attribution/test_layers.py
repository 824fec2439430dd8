"""Quicker layers: the same numbers, to the last bit."""

import copy

import pytest
import torch
import torchvision.models
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from attribution.engine import layers
from attribution.engine.layers import quicken

CPU = torch.device("cpu")


def both(layer: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The layer, and its replacement."""
    module = nn.Sequential(copy.deepcopy(layer)).requires_grad_(False)
    quicken(module, CPU)
    assert type(module[0]) is not type(layer)
    return layer.requires_grad_(False), module[0]


def gradient(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    at = x.clone(memory_format=torch.preserve_format).requires_grad_(True)
    out = layer(1 * at)  # an in-place layer may not change a leaf
    return torch.autograd.grad((out * torch.linspace(0, 1, out[0].numel()).view(out[0].shape)).sum(), at)[0]


@pytest.mark.parametrize("kind", [nn.ReLU6, nn.Hardswish, nn.SiLU])
def test_an_activation(kind):
    theirs, ours = both(kind(inplace=True))
    x = 8 * torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(ours(x.clone()), theirs(x.clone()))
    assert torch.equal(gradient(ours, x), gradient(theirs, x))
    given = x.clone()
    assert ours(given).data_ptr() == given.data_ptr(), "without a gradient it is in place"
    given = (1 * x).requires_grad_(True) * 1
    assert ours(given).data_ptr() != given.data_ptr(), "with one it is not: that would cost a copy"


def test_one_that_was_not_in_place_stays():
    module = nn.Sequential(nn.ReLU6(), nn.SiLU(), nn.ReLU(inplace=True))
    quicken(module, CPU)
    assert [type(layer) for layer in module] == [nn.ReLU6, nn.SiLU, nn.ReLU]


@pytest.mark.parametrize("size", [(8, 8), (9, 8), (7, 9), (1, 1)])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 2, 1), (5, 2, 1), (4, 3, 1), (3, 1, 2), (1, 2, 1)])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_a_convolution_that_pads_its_input(size, kernel, stride, dilation, layout):
    theirs, ours = both(Conv2dSame(4, 6, kernel, stride=stride, dilation=dilation, groups=2))
    x = torch.randn(2, 4, *size, generator=torch.Generator().manual_seed(0)).to(memory_format=layout)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
    torch.testing.assert_close(gradient(ours, x), gradient(theirs, x), rtol=0, atol=0)


def test_a_second_derivative_goes_through_the_padding():
    x = torch.randn(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda z: layers._Pad.apply(z, (0, 1), (1, 2)) ** 2, x)


def test_other_devices_keep_their_own_padding():
    module = nn.Sequential(Conv2dSame(3, 3, 3, stride=2))
    quicken(module, torch.device("cuda"))
    assert type(module[0]) is Conv2dSame


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "efficientnet_b0"])
def test_a_whole_network(name):
    """Squeeze-and-excite layers included: they use one activation twice."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torchvision.models.get_model(name, weights=None).eval().requires_grad_(False)
    quick = copy.deepcopy(module)
    quicken(quick, CPU)
    assert {type(layer) for layer in quick.modules()} & set(layers.ACTIVATIONS.values())
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(quick(x), module(x))
    gradients = []
    for one in (quick, module):
        at = x.clone().requires_grad_(True)
        gradients.append(torch.autograd.grad(one(at)[0, 0], at)[0])
    assert torch.equal(*gradients)
