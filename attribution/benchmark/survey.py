"""A check of methods on the photos of a folder: its CSV file, which is continued, and its table.

The commands `sanity`, `robustness` and `agreement` are surveys.
"""

import argparse
import csv
import io
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from attribution.benchmark.cases import Case, labelled, parse
from attribution.benchmark.intervals import interval
from attribution.benchmark.run import digest_of, photos, read_photo, seed_of, spelled
from attribution.commands import Parser, to_write
from attribution.engine.score import OUTPUTS
from attribution.images import load_image
from attribution.models import Model, load_model
from attribution.named import NAMES
from attribution.registry import METHODS
from attribution.similarity import Alike

Row = Mapping[str, str]
DEFAULT = ("integrated_gradients", "smoothgrad", "smooth_taylor", "edges", "centre")
KEY = ("photo", "digest", "model", "weights", "setting", "base_seed", "method", "knobs")
"""The columns that tell a row from all others."""


@dataclass(frozen=True)
class Survey:
    """One check with its setting. `columns` are those of its file; `values` are those with numbers, and what they are.

    `rows` checks some methods on one photo with a seed, and returns for each its columns but for those of the photo and
    of the run. `note` stands above the table. `counts` are the columns of numbers that are shown without decimals.
    """

    title: str
    columns: tuple[str, ...]
    values: Mapping[str, str]
    note: str
    setting: str
    rows: Callable[[Model, Tensor, Mapping[str, Case], int], Mapping[str, dict[str, str]]]
    counts: Collection[str] = ()


def method_options(made: argparse.ArgumentParser, usual: Sequence[str] = DEFAULT) -> None:
    """Adds the options that the checks of one photo and of a folder share. `usual`: the methods, if none are given."""
    methods = f"methods and their knobs, such as smoothgrad:sigma=0.3,samples=20; default: {', '.join(usual)}"
    made.add_argument("--methods", nargs="+", default=list(usual), metavar="METHOD", help=methods)
    made.add_argument("--model", metavar="NAME", default="efficientnet_lite0", help=NAMES)
    made.add_argument("--output", choices=OUTPUTS, default=OUTPUTS[0], help="the score to explain; default: logit")
    made.add_argument("--device", help="cuda, mps or cpu; default: the first of these that this machine has")


def photo_options(made: argparse.ArgumentParser) -> None:
    """Adds the options of a check of one photo."""
    made.add_argument("photo", type=Path, help="a photo, as for explain")
    made.add_argument("--target", type=int, metavar="CLASS", help="default: the most likely class")
    method_options(made)


def folder_options(name: str, description: str, usual: Sequence[str] = DEFAULT) -> Parser:
    """The options of a check over a folder. `usual`: the methods, if none are given."""
    told = f"{description} Results that the file already holds are not computed again."
    made = Parser(f"python -m attribution.benchmark {name}", description=told)
    made.add_argument("photos", type=Path, metavar="PHOTOS", help="a folder with photos; its subfolders count too")
    made.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="a .csv file; an existing one is continued"
    )
    made.add_argument("--first", type=int, metavar="N", help="only the first N photos by name; default: all")
    method_options(made, usual)
    return made


def opened(given: argparse.Namespace) -> tuple[Model, Tensor, dict[str, Case]]:
    """The model, the photo, and the methods by label that the options of one photo name."""
    cases = labelled(parse(given.methods, METHODS))
    model = load_model(given.model, given.device)
    return model, model.prepare(load_image(given.photo)), cases


def told(done: int, total: int) -> None:
    """Shows on a terminal how many maps there are."""
    if sys.stderr.isatty():
        print(f"\r{done}/{total} maps ", end="\n" if done == total else "", file=sys.stderr, flush=True)


def run(given: argparse.Namespace, survey: Survey) -> int:
    """Checks what the file lacks, prints the table, and returns 1 if a photo could not be checked, else 0."""
    cases = labelled(parse(given.methods, METHODS))
    if given.first is not None and given.first < 1:
        raise ValueError(f"--first {given.first} must be at least 1")
    _writable(given.out)
    files = photos(given.photos)[: given.first]
    rows, failed = read(given.out, survey), []
    model = load_model(given.model, given.device)
    for file in tqdm(files, disable=not sys.stderr.isatty(), unit="photo"):
        name = file.relative_to(given.photos).as_posix()
        try:
            data = read_photo(given.photos, name)
            found = list(_photo(survey, model, data, name, cases, given.seed, rows))
        except (ValueError, OSError) as error:
            failed.append(f"{spelled(name)}: {str(error).partition(chr(10))[0]}")
            continue
        if found:
            rows = [*read(given.out, survey), *found]  # another run may have added some meanwhile
            write(given.out, survey.columns, rows)
    print(table(rows, survey, model, given.seed, cases), end="")
    for line in failed:
        print(line, file=sys.stderr)
    return 1 if failed else 0


def _writable(file: Path) -> None:
    """Raises ValueError for a file that cannot be made or continued."""
    to_write(file, *(() if file.exists() else (".csv",)))
    if not os.access(file.parent, os.W_OK):  # each photo replaces the file by one that is written beside it
        raise ValueError(f"{file} cannot be written: its folder cannot be changed; choose another folder")


def _photo(
    survey: Survey,
    model: Model,
    data: bytes,
    name: str,
    cases: Mapping[str, Case],
    seed: int,
    rows: Sequence[Row],
) -> Iterator[dict[str, str]]:
    """The rows of a photo that are not there yet."""
    digest = digest_of(data)
    known = {"photo": name, "digest": digest, "setting": survey.setting, "base_seed": str(seed)}
    there = {tuple(one[key] for key in KEY) for one in rows}

    def key(case: Case) -> tuple[str, ...]:
        whole = {**known, **_of_case(model, case)}
        return tuple(whole[name] for name in KEY)

    missing = {label: case for label, case in cases.items() if key(case) not in there}
    if missing:
        own = seed_of(seed, digest)
        found = survey.rows(model, model.prepare(load_image(data)), missing, own)
        for label, case in missing.items():
            yield {**known, "seed": str(own), **_of_case(model, case), **found[label]}


def _of_case(model: Model, case: Case) -> dict[str, str]:
    return {"model": model.name, "weights": model.digest, "method": case.name, "knobs": case.text}


def numbers(found: Mapping[str, Alike], digits: str = ".6f") -> dict[str, str]:
    """The numbers as columns, empty where one is not defined, and the column `why`, which says why."""
    reasons = {one.why: None for one in found.values() if not one.defined}
    cells = {name: format(one.value, digits) if one.defined else "" for name, one in found.items()}
    return {**cells, "why": "; ".join(reasons)}


def read(file: Path, survey: Survey) -> list[dict[str, str]]:
    """The rows of a file; none where there is no file. A line that was not written to its end is left out.

    Raises ValueError for a file of another kind.
    """
    if not file.exists():
        return []
    other = ValueError(f"{file} is no table of {survey.title}; choose another name")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise other from None
    if text and not text.startswith(",".join(survey.columns) + "\n"):
        raise other
    return list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1])))


def write(file: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Replaces the file by one with these rows, at once. What ends it before leaves the file as it was."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    beside = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        beside.write_text(buffer.getvalue(), encoding="utf-8")
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_photo(
    given: argparse.Namespace,
    columns: Sequence[str],
    model: Model,
    setting: str,
    cases: Mapping[str, Case],
    measured: Callable[[str], Row],
) -> None:
    """Writes the file for one photo, a row for each method, and says so. `measured(label)`: the columns of numbers."""
    known = {"photo": spelled(given.photo.name), "model": model.name, "weights": model.digest, "setting": setting}
    rows = [
        {**known, "seed": str(given.seed), "method": case.name, "knobs": case.text, **measured(label)}
        for label, case in cases.items()
    ]
    write(given.out, columns, rows)
    print(f"written: {given.out}")


def table(rows: Sequence[Row], survey: Survey, model: Model, seed: int, cases: Mapping[str, Case]) -> str:
    """The mean of each number over the photos, with its 95 % t interval, for each of the cases.

    One file under two names is one photo, as in the tables of the benchmark.
    """
    same = {"setting": survey.setting, "base_seed": str(seed)}
    by_case = {}
    for label, case in cases.items():
        wanted = {**same, **_of_case(model, case)}
        found = {one["digest"]: one for one in rows if all(one[name] == value for name, value in wanted.items())}
        by_case[label] = list(found.values())
    counted = sorted({len(found) for found in by_case.values()})
    many = "photos" if counted != [1] else "photo"
    photos_of = f"{' or '.join(map(str, counted))} {many}"
    lines = [f"{model.name}, {photos_of}; means with 95 % t intervals over photos. {survey.note}", ""]
    for name, words in survey.values.items():
        lines.append(words)
        digits = 0 if name in survey.counts else 3
        lines += [f"  {label}: {_cell(name, found, digits)}" for label, found in by_case.items()]
    return "\n".join([*lines, ""])


def _cell(name: str, rows: Sequence[Row], digits: int) -> str:
    """The mean with its interval, or why there is none."""
    known = [float(one[name]) for one in rows if one[name]]
    lacking = [one["why"] for one in rows if not one[name]]
    why = f"not defined on {len(lacking)} of {len(rows)} ({lacking[0]})" if lacking else ""
    if not known:
        return why or "not measured"
    (low,), (high,) = interval(np.array([known]))
    ends = f"[{low:.{digits}f}, {high:.{digits}f}]" if len(known) > 1 else "(one photo: no interval)"
    return f"{np.mean(known):.{digits}f} {ends}{'; ' + why if why else ''}"
