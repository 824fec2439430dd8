"""Reads the name of a network: a built-in one, or one that timm, torchvision, a file or a function has.

Whoever gives a name can run code with it, by MODULE:FUNCTION. A name must never come from a link or a page.
"""

import importlib
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from torch import nn

from attribution.cards import MODELS, Card
from attribution.described import architecture_of_timm, from_torchvision, last_layer, timm_network
from attribution.engine.downloads import reason_of
from attribution.engine.states import UnreadableState, filled, read_state
from attribution.hub import FOLDER, HUB, from_folder, from_hub, from_timm
from attribution.model import Model

TIMM, TORCHVISION = "timm/", "torchvision/"
WAYS = "timm/NAME, torchvision/NAME, hf-hub:OWNER/NAME, local-dir:FOLDER, NAME=FILE or MODULE:FUNCTION"
"""How a network is named that is not built in."""
NAMES = f"one that `python -m attribution models` lists, or {WAYS}; default: efficientnet_lite0"
"""What `--model` takes on a command line."""
FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def card(name: str) -> Card:
    """The card of the network called `name`. Raises ValueError if there is none; its message says what is possible."""
    if name in MODELS:
        return MODELS[name]
    if name.startswith(HUB):
        return from_hub(name.removeprefix(HUB))
    if name.startswith(FOLDER):
        return from_folder(name.removeprefix(FOLDER))
    if "=" in name:
        return _from_file(*name.split("=", 1))
    if name.startswith(TIMM):
        return from_timm(name.removeprefix(TIMM))
    if name.startswith(TORCHVISION):
        return from_torchvision(name.removeprefix(TORCHVISION))
    if FUNCTION.fullmatch(name):
        return _from_function(*name.split(":"))
    raise ValueError(f"model {name!r} is unknown; use one of {', '.join(MODELS)}, or {WAYS}")


def _from_file(name: str, given: str) -> Card:
    """An architecture, with the weights in a file. It has as many classes as these have.

    Their names are the lines of the text file beside it, if there is one with the same stem.
    """
    file = Path(given)
    if not file.is_file():
        raise ValueError(f"{name}={given}: there is no file {given}; give a .safetensors file or a state of torch.save")
    known, layer = _architecture(name)
    try:
        state = read_state(file)
    except UnreadableState as error:
        raise ValueError(f"{given} cannot be read ({error}); give a file that holds only the weights") from error
    weight = state.get(f"{layer}.weight")
    count = len(known.categories) if weight is None else len(weight)
    if name.startswith(TIMM):
        fill = partial(timm_network, name.removeprefix(TIMM), {"num_classes": count})
    else:
        fill = partial(_filled, known, name.removeprefix(TORCHVISION), count)
    return replace(
        known,
        title=f"{file.name} ({known.title})",
        categories=_categories(file.with_suffix(".txt"), count, known),
        url="",
        place=file,
        fill=fill,
    )


def _filled(known: Card, network: str, count: int, file: Path) -> nn.Module:
    return filled(known.build(num_classes=count), network, read_state(file))


def _architecture(name: str) -> tuple[Card, str]:
    """The card of an architecture, and the name of its last layer."""
    if name.startswith(TIMM):
        known, configured = architecture_of_timm(name.removeprefix(TIMM))
        layer = configured.get("classifier") or ""
        return known, layer if isinstance(layer, str) else layer[0]
    if name in MODELS:
        known = MODELS[name]
    elif name.startswith(TORCHVISION):
        known = from_torchvision(name.removeprefix(TORCHVISION))
    else:
        raise ValueError(
            f"network {name!r} is unknown; before = use one of {', '.join(MODELS)}, timm/NAME or torchvision/NAME"
        )
    return known, last_layer(known.build)


def _categories(beside: Path, count: int, known: Card) -> Sequence[str]:
    """The names in the text file, one a line; without it, those of the architecture if it has as many, or numbers."""
    if not beside.is_file():
        fit = len(known.categories) == count
        return known.categories if fit else tuple(f"class {index}" for index in range(count))
    try:
        lines = beside.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{beside} cannot be read ({reason_of(error)}); save the names of the classes in UTF-8"
        ) from error
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != count:
        raise ValueError(f"{beside} names {len(names)} classes, but the weights have {count}; write one name a line")
    return names


def _from_function(module: str, function: str) -> Card:
    """What a function without arguments returns: a model made by `Model.wrap`. It is called once, here."""
    name = f"{module}:{function}"
    made = _called(name, _found(module, function))
    if not isinstance(made, Model):
        raise ValueError(f"{name} returns a {type(made).__name__}; let it return Model.wrap(network, size=...)")
    return Card(
        made.name,
        lambda: made.module,
        size=made.size,
        resize=made.resize,
        mean=made.mean,
        std=made.std,
        interpolation=made.interpolation,
        categories=made.categories,
        squash=made.squash,
        ready=replace(made, name=name),
    )


def _found(module: str, function: str) -> object:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # an installed command does not look in its own folder
    try:
        held = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # a module can raise anything
        raise ValueError(f"the module {module} cannot be imported ({_told(error)}); start in its folder") from error
    found: object = getattr(held, function, None)
    if found is None:
        place = getattr(held, "__file__", None) or module  # not every module is a file: sys, or a bare folder
        raise ValueError(f"the module {module} has no {function}; give the name of a function in {place}")
    return found


def _called(name: str, function: object) -> object:
    if not callable(function):
        raise ValueError(f"{name} is a {type(function).__name__}; give a function without arguments")
    try:
        return function()
    except (Exception, SystemExit) as error:  # so can a function
        raise ValueError(f"{name} raised {_told(error)}; call it in Python to see where") from error


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {reason_of(error)}"
