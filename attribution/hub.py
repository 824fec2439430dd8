"""Where the weights of a network of timm are: on the Hugging Face hub, in its cache, or in a folder."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import huggingface_hub
import timm.models
from huggingface_hub.errors import EntryNotFoundError

from attribution.cards import Card, downloaded
from attribution.described import architecture_of_timm, described
from attribution.engine.downloads import reason_of

SAFE, PICKLED = "model.safetensors", "pytorch_model.bin"
"""The usual files of weights on the hub; the second is read as plain tensors."""
WEIGHTS = (SAFE, PICKLED, "pytorch_model.pth", "model.pth", "*.safetensors", "*.pth", "*.bin")
"""The files of weights in a folder, the first that is there, in the order of timm."""
HUB, FOLDER = "hf-hub:", "local-dir:"


def from_timm(name: str) -> Card:
    """A network of timm with its published weights; what follows a dot names them, as in resnet18.a1_in1k.

    Raises ValueError for an unknown name, and for a network without published weights or classes.
    """
    found, known = architecture_of_timm(name)
    if known.get("hf_hub_id"):
        return _on_hub(found, known["hf_hub_id"], known.get("hf_hub_filename") or SAFE)
    if known.get("url"):
        return replace(found, url=known["url"])
    raise ValueError(f"timm/{name} has no published weights; give a file of them: timm/{name}=FILE")


def from_hub(name: str) -> Card:
    """A network of timm on the Hugging Face hub, OWNER/NAME or OWNER/NAME@REVISION. Reads its config.json there.

    Raises ValueError if that cannot be read, or does not describe a network of timm.
    """
    repository, _, revision = name.partition("@")
    try:
        known, network, _ = timm.models.load_model_config_from_hf(name)
    except Exception as error:  # the hub, its cache and the parser raise many types of errors
        raise ValueError(_no_config(f"{HUB}{name}", error)) from error
    found = _described(f"{HUB}{name}", known | {"architecture": network}, f"{name} of the hub")
    return _on_hub(found, name, _published(repository, revision))


def _published(repository: str, revision: str) -> str:
    """The file of weights that the hub has, or that was downloaded before."""
    for file in (SAFE, PICKLED):
        if isinstance(huggingface_hub.try_to_load_from_cache(repository, file, revision=revision or None), str):
            return file
    try:
        huggingface_hub.get_hf_file_metadata(huggingface_hub.hf_hub_url(repository, SAFE, revision=revision or None))
    except EntryNotFoundError:
        return PICKLED
    except Exception:  # the download will say what is wrong
        return SAFE
    return SAFE


def _on_hub(found: Card, name: str, file: str) -> Card:
    """The card with its weights on the hub, or in the cache of the hub if they are there."""
    repository, _, revision = name.partition("@")
    held = huggingface_hub.try_to_load_from_cache(repository, file, revision=revision or None)
    if isinstance(held, str):
        return replace(found, place=Path(held))
    url = huggingface_hub.hf_hub_url(repository, file, revision=revision or None)
    place = downloaded(f"{name.replace('/', '--')}--{file}")
    return replace(found, url=url, place=place, stated=partial(_stated, url))


def _stated(url: str) -> tuple[float, str]:
    """The size in bytes and the SHA-256 that the hub states for a large file. Raises ValueError if it states none."""
    told = huggingface_hub.get_hf_file_metadata(url)
    if not re.fullmatch("[0-9a-f]{64}", told.etag or ""):
        raise ValueError("the hub states no SHA-256 for it")
    return float(told.size or 0), str(told.etag)


def from_folder(folder: str) -> Card:
    """A network in a folder with a config.json of timm and a file of weights.

    Raises ValueError if one of them is not there, or does not describe a network of timm.
    """
    where = Path(folder)
    try:
        known, network, _ = _config_in(where)
    except Exception as error:
        raise ValueError(_no_config(f"{FOLDER}{folder}", error)) from error
    found = _described(f"{FOLDER}{folder}", known | {"architecture": network}, f"{where.name} in a folder")
    files = [file for pattern in WEIGHTS for file in sorted(where.glob(pattern))]
    if not files:
        raise ValueError(f"{FOLDER}{folder}: there is no file of weights in it; put {SAFE} there")
    return replace(found, place=files[0])


def _config_in(folder: Path) -> tuple[dict[str, Any], str, dict[str, Any]]:
    from timm.models._hub import load_model_config_from_path  # timm does not export it

    if not folder.is_dir():
        raise ValueError("there is no such folder")
    if not (folder / "config.json").is_file():
        raise ValueError("there is no config.json in it")
    found: tuple[dict[str, Any], str, dict[str, Any]] = load_model_config_from_path(folder)
    return found


def _described(name: str, known: dict[str, Any], title: str) -> Card:
    try:
        return described(name, known, title)
    except (TypeError, AttributeError) as error:
        wrong = f"its config.json has a value of a wrong kind ({reason_of(error)})"
        raise ValueError(f"{name}: {wrong}; use a network that timm has saved") from error


def _no_config(name: str, error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{name}: its config.json names no architecture of timm; use a network that timm has saved"
    if isinstance(error, json.JSONDecodeError):
        return f"{name}: its config.json is damaged ({error}); use a network that timm has saved"
    return f"{name} cannot be read ({reason_of(error)}); check the name and the connection"
