"""Copies of a network with other weights: new random ones in some layers, or the old ones with noise.

The network is taken as it is used: batch-norms that were folded into their convolutions are part of these, and a weight
that `torch.nn.utils.parametrize` computes from others is a weight as any other. A network is never changed itself; its
copy is.
"""

import copy
from collections.abc import Callable, Collection, Hashable, Mapping
from inspect import signature
from threading import Lock, RLock
from weakref import WeakKeyDictionary, WeakValueDictionary

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from attribution.engine.random_numbers import Purpose, normal

_ALONE = Lock()
"""Layers draw from torch's only generator: two threads must not do so at the same time."""


def _copied(module: nn.Module) -> nn.Module:
    """A copy whose layers hold each weight as it is used, and not what `torch.nn.utils.parametrize` computes it from.

    New numbers there can break what the layer promises: an orthogonal weight became 0, and a spectral norm of 1 became
    100.
    """
    found = copy.deepcopy(module)
    with torch.inference_mode(False), torch.no_grad():
        for layer in [one for one in found.modules() if is_parametrized(one)]:
            sources = dict(layer.get_submodule("parametrizations").named_children())
            # Contiguous: a rule fills a tensor in the order in which it lies in memory.
            used = {name: getattr(layer, name).clone(memory_format=torch.contiguous_format) for name in sources}
            # `remove_parametrizations` would change the class of the layer, which is also that of the original.
            plain = type_before_parametrizations(layer)
            del layer.parametrizations
            layer.__class__ = plain
            for name, value in used.items():
                if list(sources[name].parameters(recurse=False)):
                    layer.register_parameter(name, nn.Parameter(value, requires_grad=False))
                else:
                    layer.register_buffer(name, value)
    return found


def layers(module: nn.Module, x: Tensor) -> tuple[str, ...]:
    """The names of the layers with parameters that the output for x, (c, h, w), depends on, from input to output.

    A layer owns the parameters that it holds directly; shared parameters belong to the first layer that holds them. The
    order is that of the forward pass. A layer that is not called, whose parameters its parent uses, has the place of
    that parent. Empty for a network without parameters.
    """
    network = _copied(module)
    for entry in network.parameters():
        entry.requires_grad_(entry.is_floating_point() or entry.is_complex())
    names = {layer: name for name, layer in network.named_modules()}
    begun = {"": 0}

    def begins(layer: nn.Module, given: object) -> None:
        begun.setdefault(names[layer], len(begun))

    for layer in names:
        if not isinstance(layer, torch.jit.ScriptModule):  # it allows no hooks: its layers have its place
            layer.register_forward_pre_hook(begins)
    with torch.inference_mode(False), torch.enable_grad():
        out = network(x.detach().clone()[None]).sum()
        entries = [(name, entry) for name, entry in network.named_parameters() if entry.requires_grad]
        reached: tuple[Tensor | None, ...] = (None,) * len(entries)
        if entries and out.requires_grad:
            reached = torch.autograd.grad(out, [entry for _, entry in entries], allow_unused=True)
    pairs = zip(entries, reached, strict=True)
    owners = dict.fromkeys(name.rpartition(".")[0] for (name, _), gradient in pairs if gradient is not None)
    return tuple(sorted(owners, key=lambda name: begun[_called(name, begun)]))


def _called(name: str, begun: Collection[str]) -> str:
    """The layer, or its nearest parent that was called."""
    while name not in begun:
        name = name.rpartition(".")[0]
    return name


def with_statistics(module: nn.Module) -> bool:
    """Whether a layer keeps running statistics: a batch-norm that was not folded."""
    return any(getattr(layer, "running_mean", None) is not None for layer in module.modules())


def renewed(module: nn.Module, seed: int, *, statistics: bool = False) -> nn.Module:
    """A copy of the network on the CPU in which every layer is new.

    Each layer draws its parameters by its own rule, `reset_parameters()`. Parameters of a layer without such a rule, or
    with one that needs arguments, and those that the rule leaves alone (as with `torch.nn.utils.weight_norm`), are
    drawn from a normal distribution around 0 with the standard deviation of the parameter; if that is 0, as for one
    element, with its mean absolute value, or 1 if that is 0 too. The numbers depend on the seed and on the place of the
    layer in the network, and on nothing else.

    The running statistics of batch-norms describe data and are no parameters: they stay, unless `statistics`.
    """
    found = _copied(module).cpu()
    for k, layer in enumerate(found.modules()):
        own = dict(layer.named_parameters(recurse=False))
        if not own and not (statistics and hasattr(layer, "running_mean")):
            continue
        kept = {name: entry.detach().clone() for name, entry in layer.named_buffers(recurse=False)}
        reset = _rule(layer)
        # torch seeds with 64 bits; seeds of layers and of networks do not meet.
        left = own if reset is None else _by_own_rule(reset, own, seed * (1 << 20) + k)
        _by_size(left, seed, k)
        if not statistics:
            with torch.no_grad():
                for name, entry in layer.named_buffers(recurse=False):
                    entry.copy_(kept[name])
    for entry in found.parameters():  # TorchScript has no `requires_grad_` of a whole network
        entry.requires_grad_(False)
    return found.eval()


def _rule(layer: nn.Module) -> Callable[[], object] | None:
    """What gives the layer new parameters, called without arguments; None if it has no such rule."""
    reset: Callable[[], object] | None = getattr(layer, "reset_parameters", None)
    if not callable(reset):
        return None
    try:
        signature(reset).bind()
    except (TypeError, ValueError):  # it needs arguments, or nobody can tell
        return None
    return reset


def _by_own_rule(reset: Callable[[], object], own: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Draws the layer's `own` parameters by its rule; returns those that the rule left alone."""
    before = {name: (entry._version, entry.detach().clone()) for name, entry in own.items()}
    with _ALONE, torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.no_grad():
        torch.default_generator.manual_seed(seed)  # `torch.manual_seed` would set those of all devices
        reset()
    # Some rules write to `.data`, which has no versions.
    left = [name for name, (version, old) in before.items() if own[name]._version == version and own[name].equal(old)]
    return {name: own[name] for name in left}


@torch.no_grad()
def _by_size(own: Mapping[str, Tensor], seed: int, k: int) -> None:
    for j, held in enumerate(own.values()):
        entry = torch.view_as_real(held) if held.is_complex() else held
        if not entry.is_floating_point() or not entry.numel():
            continue
        size = entry.double().std(correction=0).item() or entry.double().abs().mean().item() or 1.0
        entry.copy_(size * normal(Purpose.WEIGHTS, seed, (k << 8) + j, tuple(entry.shape)))


def mixed(module: nn.Module, new: nn.Module, names: Collection[str]) -> nn.Module:
    """A copy of the network whose layers of these names have the parameters and buffers that they have in `new`.

    What several layers share belongs to the first of them, as in `layers`.
    """
    found = _copied(module)
    sources = {**dict(new.named_parameters()), **dict(new.named_buffers())}
    with torch.inference_mode(False), torch.no_grad():
        for name, entry in (*found.named_parameters(), *found.named_buffers()):
            if name.rpartition(".")[0] in names:
                entry.copy_(sources[name])
    return found


class Networks:
    """Random networks, each made once for all who use it at the same time. The last two are kept longer.

    Threads can share it. Nobody may change a network that it gives.
    """

    def __init__(self) -> None:
        self._held: WeakKeyDictionary[nn.Module, WeakValueDictionary[Hashable, nn.Module]] = WeakKeyDictionary()
        self._last: list[nn.Module] = []
        self._lock = RLock()

    def random(self, module: nn.Module, names: Collection[str], seed: int, *, statistics: bool = False) -> nn.Module:
        """A copy of the network whose layers of these names are those of `renewed`."""
        kind = seed, statistics

        def made() -> nn.Module:
            new = self._once(module, kind, lambda: renewed(module, seed, statistics=statistics))
            return mixed(module, new, names)

        return self._once(module, (kind, *names), made)

    def _once(self, module: nn.Module, key: Hashable, make: Callable[[], nn.Module]) -> nn.Module:
        with self._lock:
            held = self._held.setdefault(module, WeakValueDictionary())
            found = held.get(key)
            if found is None:
                found = held[key] = make()
            self._last = [*[one for one in self._last if one is not found][-1:], found]
            return found


def has_numbers(entry: object) -> bool:
    """Whether an entry of a network's state is a tensor of floating-point numbers; a module can add anything to it."""
    return isinstance(entry, Tensor) and entry.is_floating_point()


def perturbed(module: nn.Module, share: float, seed: int) -> nn.Module:
    """A copy of the network with noise: each entry w of its state becomes w + share * std(w) * ε, ε from N(0, 1).

    Only floating-point entries change, and no running statistics. One element has no standard deviation, and stays. The
    draws ε depend on the seed alone, so that copies with other shares differ in the size of the noise only.
    """
    found = _copied(module)
    shared = set()
    with torch.inference_mode(False), torch.no_grad():
        for k, (name, entry) in enumerate(found.state_dict().items()):
            statistic = name.rpartition(".")[2].startswith("running_")
            if not has_numbers(entry) or statistic or entry.numel() < 2 or entry.data_ptr() in shared:
                continue
            shared.add(entry.data_ptr())
            noise = normal(Purpose.WEIGHTS, seed, k, tuple(entry.shape)).to(entry)
            entry.add_(noise, alpha=share * entry.cpu().double().std().item())
    return found
