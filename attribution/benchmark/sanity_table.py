"""`python -m attribution.benchmark sanity PHOTOS --out FILE`: the sanity checks over a folder, and their table."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from attribution.benchmark.cases import Case, parse
from attribution.benchmark.run import digest_of, photos, seed_of
from attribution.benchmark.sanity import DEFAULT, KEY, VALUES, Setting, check, labelled, read, row, write
from attribution.benchmark.tables import interval
from attribution.images import load_image
from attribution.models import Model, load_model
from attribution.named import NAMES
from attribution.registry import METHODS
from attribution.studies.other_class import OTHERS

Row = Mapping[str, str]


def sanity_options() -> argparse.ArgumentParser:
    """The options of the command, without the word `sanity`."""
    made = argparse.ArgumentParser(
        "python -m attribution.benchmark sanity",
        description="Checks methods on the photos of a folder: random layers, noise in the weights, another class. "
        "Results that the file already holds are not computed again.",
    )
    made.add_argument("photos", type=Path, metavar="PHOTOS", help="a folder with photos; its subfolders count too")
    made.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="a .csv file; an existing one is continued"
    )
    methods = f"methods and their knobs, such as smoothgrad:samples=20; default: {', '.join(DEFAULT)}"
    made.add_argument("--methods", nargs="+", default=list(DEFAULT), metavar="METHOD", help=methods)
    made.add_argument("--first", type=int, metavar="N", help="only the first N photos by name; default: all")
    made.add_argument("--device", help="cuda, mps or cpu; default: the first of these that this machine has")
    check_options(made)
    return made


def check_options(made: argparse.ArgumentParser) -> None:
    """Adds the options of the checks themselves."""
    usual = Setting()
    made.add_argument("--model", metavar="NAME", default="efficientnet_lite0", help=NAMES)
    made.add_argument(
        "--stages", type=int, default=usual.stages, help=f"stages of the randomisation; default: {usual.stages}"
    )
    levels = "noise in the weights, as shares of their standard deviations; default: ten from 0.01 to 1"
    made.add_argument("--levels", type=float, nargs="+", default=list(usual.levels), metavar="SHARE", help=levels)
    made.add_argument("--seeds", type=int, default=usual.seeds, help=f"draws of each level; default: {usual.seeds}")
    made.add_argument("--other", choices=OTHERS, default=usual.other, help=f"the other class; default: {usual.other}")
    made.add_argument("--seed", type=int, default=0, help="of random layers and noise; default: 0")


def setting_of(given: argparse.Namespace) -> Setting:
    """The checks that the options ask for. Raises ValueError for numbers that cannot be."""
    for name in ("stages", "seeds"):
        if getattr(given, name) < 1:
            raise ValueError(f"--{name} {getattr(given, name)} must be at least 1")
    if min(given.levels) <= 0 or given.seed < 0:
        raise ValueError("--levels must be above 0, and --seed at least 0")
    return Setting(given.stages, tuple(given.levels), given.seeds, given.other)


def survey(given: argparse.Namespace) -> int:
    """Checks what the file lacks, prints the table, and returns 1 if a photo could not be checked, else 0."""
    cases, setting = labelled(parse(given.methods, METHODS)), setting_of(given)
    files = photos(given.photos)[: given.first]
    rows, failed = read(given.out), []
    model = load_model(given.model, given.device)
    for file in tqdm(files, disable=not sys.stderr.isatty(), unit="photo"):
        name = file.relative_to(given.photos).as_posix()
        try:
            found = list(_photo(model, file, name, cases, setting, given.seed, rows))
        except (ValueError, OSError) as error:
            failed.append(f"{name}: {str(error).partition(chr(10))[0]}")
            continue
        if found:
            rows = [*rows, *found]
            write(given.out, rows)
    print(table(rows, model, setting, given.seed, cases), end="")
    for line in failed:
        print(line, file=sys.stderr)
    return 1 if failed else 0


def _photo(
    model: Model, file: Path, name: str, cases: Mapping[str, Case], setting: Setting, seed: int, rows: Sequence[Row]
) -> Iterator[dict[str, str]]:
    """The rows of a photo that are not there yet. All of them see the same random networks."""
    data = file.read_bytes()
    digest = digest_of(data)
    known = {"photo": name, "digest": digest, "setting": _text(setting), "base_seed": str(seed)}
    there = {tuple(one[key] for key in KEY) for one in rows}

    def key(case: Case) -> tuple[str, ...]:
        whole = {**known, "model": model.name, "weights": model.digest, "method": case.name, "knobs": case.text}
        return tuple(whole[name] for name in KEY)

    missing = {label: case for label, case in cases.items() if key(case) not in there}
    if missing:
        own = seed_of(seed, digest)
        checked = check(model, model.prepare(load_image(data)), missing, setting, own)
        for label in missing:
            yield {**known, "seed": str(own), **row(checked, label)}


def _text(setting: Setting) -> str:
    return json.dumps(asdict(setting))


def table(rows: Sequence[Row], model: Model, setting: Setting, seed: int, cases: Mapping[str, Case]) -> str:
    """The mean of each number over the photos, with its 95 % t interval, for each of the cases."""
    same = {"model": model.name, "weights": model.digest, "setting": _text(setting), "base_seed": str(seed)}
    alike = [one for one in rows if all(one[name] == value for name, value in same.items())]
    by_case = {
        label: [one for one in alike if (one["method"], one["knobs"]) == (case.name, case.text)]
        for label, case in cases.items()
    }
    counted = sorted({len(found) for found in by_case.values()})
    many = "photos" if counted != [1] else "photo"
    lines = [
        f"{model.name}, {' or '.join(map(str, counted))} {many}; means with 95 % t intervals over photos. 1 means that "
        "the map did not change.",
        "",
    ]
    for name, words in VALUES.items():
        lines.append(words)
        lines += [f"  {label}: {_cell(name, found)}" for label, found in by_case.items()]
    return "\n".join([*lines, ""])


def _cell(name: str, rows: Sequence[Row]) -> str:
    """The mean with its interval, or why there is none."""
    known = [float(one[name]) for one in rows if one[name]]
    lacking = [one["why"] for one in rows if not one[name]]
    why = f"not defined on {len(lacking)} of {len(rows)} ({lacking[0]})" if lacking else ""
    if not known:
        return why or "not measured"
    (low,), (high,) = interval(np.array([known]))
    ends = f"[{low:.3f}, {high:.3f}]" if len(known) > 1 else "(one photo: no interval)"
    return f"{np.mean(known):.3f} {ends}{'; ' + why if why else ''}"
