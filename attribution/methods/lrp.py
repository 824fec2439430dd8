"""Layer-wise relevance propagation: a backward pass by other rules. Bach et al. 2015, doi:10.1371/journal.pone.0130140;
the rules by layer are EpsilonPlusFlat of zennit (Anders et al. 2021, arXiv:2106.13200), which computes it.

It is no sum of gradients: the rules are hooks on layers, so it works on a copy of the network, whose batch-norms are
folded into the convolutions before them and whose additions and other functions are modules. That is known for some
networks only.
"""

import copy
from collections.abc import Callable
from types import MethodType
from typing import Any

import timm.models.efficientnet
import torch
import torchvision.models
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from attribution.engine.devices import full_precision
from attribution.engine.score import ClassScore
from attribution.registry import Cost, method
from attribution.types import Image, Partial, Run

PLAIN = (nn.Conv2d, nn.Linear, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Dropout)
"""Layers that need nothing done to them."""


@method(
    "LRP",
    gloss="relevance, layer by layer",
    paper="Bach et al. 2015, doi:10.1371/journal.pone.0130140",
    cost=lambda knobs: Cost(1),
)
def lrp(score: ClassScore, x: Image) -> Run:
    r"""$R_i = \sum_j \frac{a_i \rho(w_{ij})}{\sum_k a_k \rho(w_{kj})} R_j$ from the logit back to the pixels: $\rho$
    keeps what adds (convolutions), all (the last layer), or spreads evenly (the first convolution).

    In units of the logit, whatever the score's output is. Without biases it sums to the logit; what biases add is lost
    on the way, which in EfficientNet, whose folded norms leave large ones, is nearly all. One backward pass. Raises
    ValueError for a network of which it is not known how to fold it.
    """
    try:
        from zennit.attribution import Gradient
        from zennit.composites import EpsilonPlusFlat
    except ImportError:
        raise ValueError("LRP needs zennit; run pip install zennit") from None
    with torch.inference_mode(False):
        network, folds = canonised(score.model.module, score.model.name)

    def only_target(out: Tensor) -> Tensor:
        kept = torch.zeros_like(out)
        kept[:, score.target] = out[:, score.target]
        return kept

    composite = EpsilonPlusFlat(canonizers=folds)
    with torch.inference_mode(False), torch.enable_grad(), full_precision(), Gradient(network, composite) as attributor:
        _, relevance = attributor(x.detach().clone()[None], only_target)
    yield Partial(relevance[0].detach().contiguous(), 1, 1, 1, score.target)


def canonised(module: nn.Module, name: str) -> tuple[nn.Module, list[Any]]:
    """A copy of the network that computes the same, and the canonizers that zennit has to apply to it.

    Raises ValueError for a network that is none of those known here.
    """
    from zennit.torchvision import ResNetCanonizer, VGGCanonizer

    found = copy.deepcopy(module)
    if isinstance(found, timm.models.efficientnet.EfficientNet) and not _squeezes(found):
        return _efficientnet(found), []
    if isinstance(found, torchvision.models.ResNet):
        return found, [ResNetCanonizer()]
    if isinstance(found, torchvision.models.VGG):
        return found, [VGGCanonizer()]
    if isinstance(found, torchvision.models.DenseNet):
        return _densenet(found), [_densenet_norms()]
    if isinstance(found, nn.Sequential) and all(isinstance(layer, PLAIN) for layer in found):
        return found, []
    raise ValueError(
        f"LRP is not known for {name}: use efficientnet_lite0, a ResNet, densenet121 or vgg16, or another method"
    )


def _squeezes(network: nn.Module) -> bool:
    """Whether channels are weighed by one another: a product of two activations has no rule here."""
    return any(type(layer).__name__ == "SqueezeExcite" for layer in network.modules())


def _efficientnet(network: nn.Module) -> nn.Module:
    from zennit.layer import Sum

    _fold(network)
    for block in network.modules():
        if getattr(block, "has_skip", False):
            block.add = Sum()
            block.forward = MethodType(_with_a_sum(block), block)
    return network


def _fold(parent: nn.Module) -> None:
    """Folds every batch-norm into the convolution before it, in the order in which a block has them."""
    before: nn.Conv2d | None = None
    for name, layer in list(parent.named_children()):
        if isinstance(layer, nn.Conv2d):
            before = layer
        elif isinstance(layer, BatchNormAct2d):
            assert before is not None
            norm: Any = layer
            before.weight, before.bias = fuse_conv_bn_weights(
                *(before.weight, before.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
            )
            setattr(parent, name, layer.act)
        else:
            _fold(layer)


def _with_a_sum(block: nn.Module) -> Callable[[Any, Tensor], Tensor]:
    """The block's pass, layer by layer, with its residual addition as a module."""
    layers = [layer for name, layer in block.named_children() if name not in ("add", "drop_path")]

    def forward(self: Any, x: Tensor) -> Tensor:
        out = x
        for layer in layers:
            out = layer(out)
        added: Tensor = self.add(torch.stack([x, out], dim=-1))
        return added

    return forward


def _densenet(network: nn.Module) -> nn.Module:
    """Its last activation and pooling are functions, which no rule would see: here they are modules."""
    network.last, network.pool = nn.ReLU(), nn.AdaptiveAvgPool2d(1)

    def forward(self: Any, x: Tensor) -> Tensor:
        pooled: Tensor = self.pool(self.last(self.features(x)))
        said: Tensor = self.classifier(pooled.flatten(1))
        return said

    network.forward = MethodType(forward, network)
    return network


def _densenet_norms() -> Any:
    """DenseNet norms its inputs: only the norms that come after a convolution can be folded, the others let pass."""
    from zennit.canonizers import CompositeCanonizer, NamedMergeBatchNorm

    blocks = [
        ([f"features.denseblock{b}.denselayer{k}.conv1"], f"features.denseblock{b}.denselayer{k}.norm2")
        for b, count in enumerate((6, 12, 24, 16), 1)
        for k in range(1, count + 1)
    ]
    return CompositeCanonizer([NamedMergeBatchNorm([(["features.conv0"], "features.norm0"), *blocks])])
