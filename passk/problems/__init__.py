"""Problems: what is asked, and what an answer is judged by. One file a source, each yields Problem records.

A source is a module with its specification (a `Spec`, strict, light to import), `VERSION` (raised whenever
it would make other problems of the same specification) and `generate(spec, rng)`; passk/problems/sources.py
lists them. docs/problems.md tells how to add one.
"""

import hashlib
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from passk.base.errors import ConfigError, PasskError
from passk.problems import sources
from passk.problems.record import Problem, Spec, content_hash

if TYPE_CHECKING:
    import datasets

__all__ = ["Problem", "check", "fingerprint", "generate", "load", "save"]
check = sources.check


def fingerprint(spec: Spec, seed: int) -> str:
    """16 hex characters that name the problems `generate(spec, seed)` makes, without making them.

    Files of the user's own enter by their bytes. Raises ConfigError where one is not there.
    """
    # without the defaults: a field that is new to passk leaves the problems of before as they were
    chosen = spec.model_dump(mode="json", exclude_defaults=True)
    content = {"spec": chosen, "seed": seed, "version": sources.module(spec).VERSION}
    if given := spec.files():
        try:
            content["files"] = [hashlib.sha256(file.read_bytes()).hexdigest() for file in given]
        except OSError as error:
            raise ConfigError(f"file: {error.filename} cannot be read: {error.strerror}; mend it") from None
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def generate(spec: Spec, seed: int) -> list[Problem]:
    """The problems of a specification, the same in the same order for the same seed.

    The random stream starts from the fingerprint, not from the bare seed: two sets of one split whose specs
    differ in anything are independent draws and share a problem only by chance (likely where there are few
    different ones, as with small mazes). Train and test of a generated source never do: the problem itself
    decides its split. For the others `passk.problems.contamination` looks.

    Raises ConfigError, field first and mend last, where the specification cannot be met, and PasskError where
    what it names is out of reach.
    """
    check(spec)
    found = sources.module(spec).generate(spec, random.Random(fingerprint(spec, seed)))
    if twice := [name for name, count in Counter(problem.id for problem in found).items() if count > 1]:
        raise PasskError(f"source: {spec.source} has two problems named {twice[0]!r}; give each an id of its own")
    return [replace(problem, content=content_hash(problem)) for problem in found]


def save(problems: list[Problem], path: str | Path) -> None:
    """Write Parquet, whole or not at all: a row a problem, all columns text, metadata as a JSON object."""
    import datasets

    columns: dict[str, list[str]] = {field.name: [] for field in fields(Problem)}
    for problem in problems:
        row = asdict(problem) | {"metadata": json.dumps(problem.metadata, sort_keys=True)}
        for name, column in columns.items():
            column.append(row[name])
    schema = datasets.Features({name: datasets.Value("string") for name in columns})

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _without_progress_bars():
            datasets.Dataset.from_dict(columns, features=schema).to_parquet(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | Path) -> "datasets.Dataset":
    """Read what `save` wrote: a dataset in memory, the columns of Problem, metadata still JSON text.

    Neither the network nor Hugging Face's cache is touched. Raises PasskError where there is no such file,
    or where it holds no problems.
    """
    import datasets
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise PasskError(f"{path}: not readable as Parquet: {' '.join(str(error).split())}") from None
    needed = [field.name for field in fields(Problem) if field.default is MISSING]  # the others came later
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise PasskError(f"{path}: not a file of problems, the column {missing[0]} is missing")
    return datasets.Dataset(table)


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    import datasets

    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
