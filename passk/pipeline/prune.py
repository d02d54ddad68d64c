"""Find and delete what no experiment of a directory of runs stands on.

An experiment's record names the keys of its stages and evaluations, and its report stands on these alone. Another key
is of an earlier configuration: it is superseded, unless another experiment names it. Problem sets belong to the stages
and evaluations that name them. Nothing is superseded in an experiment that runs, or that has no readable record.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passk.base.errors import PasskError
from passk.files import file_lock, layout
from passk.files.layout import REHEARSALS, SERVE, STORE

_RECORDS = {layout.stages: layout.stage_record, layout.evaluations: layout.evaluation_record}


@dataclass(frozen=True)
class Superseded:
    """A file or directory that no experiment stands on."""

    path: Path
    what: str
    size: int
    """Bytes."""


def superseded(runs: Path) -> list[Superseded]:
    """Return what no experiment under `runs` stands on. Raise PasskError if a record cannot be read."""
    records = {directory: _record(layout.experiment_record(directory)) for directory in _experiments(runs)}
    known = {directory: record for directory, record in records.items() if record is not None}
    keys = {str(key) for record in known.values() for key in (*record["stages"].values(), *record["evaluations"])}
    leftovers = [
        each
        for directory, record in known.items()
        if not file_lock.is_held(layout.experiment_lock(runs, directory.name))
        for each in (*_keyed(runs, directory, keys), *_problem_sets(directory, record, keys))
    ]
    older = sorted(runs.glob(f"{STORE}.version-*"))
    return [*leftovers, *(Superseded(path, "database of an earlier passk", _size(path)) for path in older)]


def delete(runs: Path, items: list[Superseded]) -> list[Superseded]:
    """Delete items that are still superseded, and return them."""
    still = {each.path for each in superseded(runs)}
    deleted = [each for each in items if each.path in still]
    for each in deleted:
        if each.path.is_dir() and not each.path.is_symlink():
            # Without its manifest a directory is no finished result, should the deletion be interrupted.
            layout.manifest(each.path).unlink(missing_ok=True)
            shutil.rmtree(each.path)
        else:
            each.path.unlink()
    return deleted


def _experiments(runs: Path) -> list[Path]:
    reserved = {SERVE, REHEARSALS}
    return sorted(
        path for path in runs.iterdir() if path.is_dir() and path.name[0] != "." and path.name not in reserved
    )


def _record(file: Path) -> dict[str, Any] | None:
    """Return an experiment's record; None without one. A record that cannot be read may name anything."""
    try:
        record = json.loads(file.read_text())
        if not (isinstance(record["stages"], dict) and isinstance(record["evaluations"], list)):
            raise TypeError
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise PasskError(f"{file}: damaged, so nothing is pruned; restore it from a copy, or delete it") from None
    return record


def _keyed(runs: Path, directory: Path, keys: set[str]) -> Iterator[Superseded]:
    for folder, record in _RECORDS.items():
        for path in sorted(folder(directory).glob("*")):
            if not path.is_dir() or path.name in keys or file_lock.is_held(layout.locks(runs) / path.name):
                continue
            yield Superseded(path, f"{_name(record(path))} of an earlier configuration", _size(path))


def _problem_sets(directory: Path, record: dict[str, Any], keys: set[str]) -> Iterator[Superseded]:
    """Yield the problem sets that only superseded stages and evaluations of the experiment name.

    Without a directory for each key of its record, the experiment is not finished and may still need them all.
    """
    wanted = {layout.stages: record["stages"].values(), layout.evaluations: record["evaluations"]}
    for folder, names in wanted.items():
        present = {path.name for experiment in directory.parent.iterdir() for path in folder(experiment).glob("*")}
        if not set(map(str, names)) <= present:
            return
    named: dict[bool, set[str]] = {True: set(), False: set()}
    for folder, record_of in _RECORDS.items():
        for path in folder(directory).glob("*"):
            named[path.name in keys].add(str((_content(record_of(path)) or {}).get("problems")))
    for path in layout.problem_files(directory):
        if path.stem in named[False] - named[True]:
            yield Superseded(path, "problems of an earlier configuration", _size(path))


def _name(record: Path) -> str:
    content = _content(record) or {}
    if "benchmark" in content:
        return f"evaluation of {content.get('checkpoint')} on {content['benchmark']}"
    return f"stage {content.get('name', '?')}"


def _content(record: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(record.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())
