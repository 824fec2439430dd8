"""Layer-wise relevance propagation: a backward pass with modified rules. Bach et al. 2015,
doi:10.1371/journal.pone.0130140. zennit computes it, with its rules EpsilonPlusFlat (Anders et al. 2021,
arXiv:2106.13200).

It is not a sum of gradients. The rules are hooks on layers, so it runs on a copy of the network. In the copy,
batch-norms are folded into the convolutions before them, and additions and other functions are modules. Only some
networks are supported.
"""

import copy
from collections.abc import Callable, Collection, Sequence
from types import MethodType
from typing import Any

import timm.models._efficientnet_blocks as blocks
import torch
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.drop import DropPath
from timm.layers.norm_act import BatchNormAct2d
from timm.models.efficientnet import EfficientNet
from torch import Tensor, nn
from torchvision.models import VGG, DenseNet, ResNet, densenet, resnet

from attribution.engine.adapting import Logits
from attribution.engine.devices import precision
from attribution.engine.folding import folded, hooked
from attribution.engine.layers import PaddedConv2d, ReLU6
from attribution.engine.score import ClassScore
from attribution.registry import Cost, method
from attribution.types import Image, Partial, Run

PLAIN = (nn.Conv2d, nn.Linear, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Dropout)
"""Layers that need no change in the copy."""
KNOWN = (*PLAIN, nn.ReLU6, ReLU6, Conv2dSame, PaddedConv2d, nn.BatchNorm2d, nn.Identity, DropPath)
"""Layers that have a rule within the networks below; a batch-norm passes relevance on unchanged, and is folded first
where it can be."""
BLOCKS = (blocks.ConvBnAct, blocks.DepthwiseSeparableConv, blocks.InvertedResidual)
"""The blocks of timm's EfficientNet whose layers stand in the order in which they are called."""
PARTS: dict[type[nn.Module], tuple[type[nn.Module], ...]] = {
    EfficientNet: (*BLOCKS, SelectAdaptivePool2d, BatchNormAct2d),
    ResNet: (resnet.BasicBlock, resnet.Bottleneck),
    VGG: (),
    DenseNet: (densenet._DenseLayer, densenet._DenseBlock),
}
"""The networks with rules, and the modules within them that may call layers, besides nn.Sequential: what these compute
by functions is known."""
ONCE = (nn.Conv2d, nn.Linear, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
"""The rule of such a layer keeps the input of its last call, and so is right for one call."""


@method(
    "LRP",
    gloss="relevance, layer by layer",
    paper="Bach et al. 2015, doi:10.1371/journal.pone.0130140",
    cost=lambda knobs: Cost(1),
    output="logit",
)
def lrp(score: ClassScore, x: Image) -> Run:
    r"""$R_i = \sum_j \frac{a_i \rho(w_{ij})}{\sum_k a_k \rho(w_{kj})} R_j$ from the logit back to the pixels: $\rho$
    keeps positive contributions (convolutions), keeps all (linear layers), or is constant (the first convolution).

    Unit: logit, for both outputs of the score. Without biases it sums to the logit. Biases absorb relevance: in
    EfficientNet, whose folded batch-norms leave large biases, nearly all of it. One backward pass. Raises ValueError
    for a network that is not supported.
    """
    try:
        from zennit.attribution import Gradient
        from zennit.composites import EpsilonPlusFlat
    except ImportError:
        raise ValueError("LRP needs zennit; run pip install zennit") from None
    # Half of a single logit, or minus half: here the gradient passes relevance on, and it takes this factor of it.
    single = isinstance(score.model.module, Logits) and score.model.module.single
    passed = (-2.0, 2.0)[score.target] if single else 1.0
    with torch.inference_mode(False):
        network, folds = canonised(score.model.module, score.model.name)

    def only_target(out: Tensor) -> Tensor:
        kept = torch.zeros_like(out)
        kept[:, score.target] = passed * out[:, score.target]
        return kept

    composite = EpsilonPlusFlat(canonizers=folds)
    chosen = precision(score.model.precision, x.device)
    with torch.inference_mode(False), torch.enable_grad(), chosen, Gradient(network, composite) as attributor:
        _, relevance = attributor(x.detach().clone()[None], only_target)
    yield Partial(relevance[0].detach().contiguous(), 1, 1, 1, score.target)


def canonised(module: nn.Module, name: str) -> tuple[nn.Module, list[Any]]:
    """A copy of the network with the same outputs, and the canonizers that zennit must apply to it.

    Raises ValueError for a network that is not supported.
    """
    from zennit.torchvision import ResNetCanonizer

    if isinstance(module, Logits):
        inner, folds = canonised(module.network, name)
        return Logits(inner, module.fresh, module.single), folds
    found = folded(module)
    found = copy.deepcopy(module) if found is module else found
    kind = type(found)  # exactly: a subclass can compute something else
    if kind in PARTS and _has_rules(found, KNOWN, (kind, nn.Sequential, *PARTS[kind])):
        if kind is EfficientNet:
            return _efficientnet(found), []
        if kind is DenseNet:
            return _densenet(found), []
        return found, [ResNetCanonizer()] if kind is ResNet else []
    if isinstance(found, nn.Sequential) and _has_rules(found, PLAIN, (nn.Sequential,)):
        return found, []
    raise ValueError(
        f"LRP does not support {name}: use efficientnet_lite0 or efficientnet_lite2, a ResNet, densenet121 or vgg16, "
        "or another method; of other networks it has rules for torchvision's ResNet, VGG and DenseNet, for timm's "
        "EfficientNet with ReLU and without squeeze-and-excite, and for nn.Sequential of convolutions, linear layers, "
        "ReLU and pooling; parts of your own within these must be such an nn.Sequential too, without hooks, and with "
        "each layer used once"
    )


def _has_rules(network: nn.Module, known: Collection[type], callers: Sequence[type[nn.Module]]) -> bool:
    """Whether the rules cover all that the network computes.

    Every layer must be of a type in `known`, and be called by a module with the forward pass of one of `callers`: for
    what another one computes by functions there is no rule. Nor is there one for what a hook does.
    """
    forwards = {caller.forward for caller in callers}
    for layer in network.modules():
        single = next(layer.children(), None) is None
        if "forward" in vars(layer) or not (type(layer) in known if single else type(layer).forward in forwards):
            return False
    held = [layer for _, layer in network.named_modules(remove_duplicate=False) if isinstance(layer, ONCE)]
    return len(held) == len(set(held)) and not hooked(network)


def _efficientnet(network: nn.Module) -> nn.Module:
    from zennit.layer import Sum

    for block in network.modules():
        if getattr(block, "has_skip", False):
            block.add = Sum()
            block.forward = MethodType(_with_a_sum(block), block)
    return network


def _with_a_sum(block: nn.Module) -> Callable[[Any, Tensor], Tensor]:
    """The forward pass of the block, with a module for its residual addition."""
    layers = [layer for name, layer in block.named_children() if name not in ("add", "drop_path")]

    def forward(self: Any, x: Tensor) -> Tensor:
        out = x
        for layer in layers:
            out = layer(out)
        added: Tensor = self.add(torch.stack([x, out], dim=-1))
        return added

    return forward


def _densenet(network: nn.Module) -> nn.Module:
    """Replaces its last activation and pooling by modules: they are functions, and rules apply only to modules.

    Its batch-norms before a convolution stay; they pass relevance unchanged.
    """
    network.last, network.pool = nn.ReLU(), nn.AdaptiveAvgPool2d(1)

    def forward(self: Any, x: Tensor) -> Tensor:
        pooled: Tensor = self.pool(self.last(self.features(x)))
        logits: Tensor = self.classifier(pooled.flatten(1))
        return logits

    network.forward = MethodType(forward, network)
    return network
