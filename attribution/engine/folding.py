"""Batch-norms folded into the convolutions before them: the same outputs but for rounding, in less time."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from threading import Lock, get_ident
from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.norm_act import BatchNormAct2d
from torch import fx, nn

CONVOLUTIONS, NORMS = (nn.Conv2d, Conv2dSame), (nn.BatchNorm2d, BatchNormAct2d)
"""Exactly these types. Other subclasses may compute something else."""
_ALONE = Lock()
"""Two threads that trace at the same time would undo each other's changes of torch."""


def folded(module: nn.Module) -> nn.Module:
    """A copy of a network in eval mode, with each batch-norm folded into the convolution before it where that is exact.

    It is exact where the batch-norm is the only one that uses the output of the convolution. The network itself is
    returned if there is no such pair, or if torch.fx cannot trace the network, so that its pairs are unknown.
    """
    pairs = list(_pairs(module))
    if not pairs:
        return module
    found = copy.deepcopy(module)
    for convolution, norm in pairs:
        _fold(found.get_submodule(convolution), found.get_submodule(norm))
        parent, _, name = norm.rpartition(".")
        setattr(found.get_submodule(parent), name, getattr(found.get_submodule(norm), "act", nn.Identity().eval()))
    return found


def hooked(module: nn.Module) -> bool:
    """Whether a layer has a hook: it would get other values in a folded network."""
    return hooked_backward(module) or any(x._forward_hooks or x._forward_pre_hooks for x in module.modules())


def hooked_backward(module: nn.Module) -> bool:
    """Whether a layer has a hook of its gradient. With one, torch 2.14 can compute a wrong gradient for a single image
    in channels last, as where a batch-norm follows that layer.
    """
    return any(x._backward_hooks or x._backward_pre_hooks for x in module.modules())


class _Layers(fx.Tracer):
    """Traces down to single layers.

    While torch.fx traces, it changes how every module of the process is called: calls in other threads come here too.
    Those run as usual.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = get_ident()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, NORMS) or next(m.children(), None) is None

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)


def _pairs(module: nn.Module) -> Iterator[tuple[str, str]]:
    """The names of each convolution and the batch-norm to fold into it."""
    if not any(isinstance(layer, NORMS) for layer in module.modules()):
        return
    try:
        with _ALONE:
            graph = _Layers().trace(module)
    except Exception:  # a network can do anything in its forward pass, so tracing can raise anything
        return
    layers = dict(module.named_modules())
    calls = Counter(str(node.target) for node in graph.nodes if node.op == "call_module")
    read = {str(node.target).rpartition(".")[0] for node in graph.nodes if node.op == "get_attr"}
    tied = _shared(module) | read
    for node in graph.nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        pair = (str(before.target), str(node.target))
        convolution, norm = (layers[name] for name in pair)
        if type(convolution) not in CONVOLUTIONS or type(norm) not in NORMS or norm.running_mean is None:
            continue
        if all(calls[name] == 1 for name in pair) and tied.isdisjoint(pair):
            yield pair


def _shared(module: nn.Module) -> set[str]:
    """The names of the layers that share a parameter with another layer."""
    named = [(name.rpartition(".")[0], id(p)) for name, p in module.named_parameters(remove_duplicate=False)]
    uses = Counter(address for _, address in named)
    return {layer for layer, address in named if uses[address] > 1}


@torch.no_grad()
def _fold(convolution: Any, norm: Any) -> None:
    """conv -> norm becomes one convolution. In float64, so that each weight is rounded once."""
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.double()
    shift = -norm.running_mean.double() if convolution.bias is None else convolution.bias.double() - norm.running_mean
    bias = scale * shift
    if norm.bias is not None:
        bias = bias + norm.bias.double()
    weight = convolution.weight
    convolution.weight = nn.Parameter((weight.double() * scale[:, None, None, None]).to(weight), weight.requires_grad)
    convolution.bias = nn.Parameter(bias.to(weight), weight.requires_grad)
