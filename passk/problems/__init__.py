"""Problems: what is asked, and what an answer is judged by. One file a source, each yields Problem records.

A source is a module with `VERSION` (raised whenever it would make other problems of the same spec),
`check(spec)` and `generate(spec, rng)`.
"""

import hashlib
import importlib
import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from passk.config import Problems
from passk.errors import PasskError

if TYPE_CHECKING:
    import datasets

_SOURCES = {"maze": "passk.problems.maze"}


@dataclass(frozen=True)
class Problem:
    """A row of a problems file. `answer` is what the verifier needs, not necessarily a model answer."""

    id: str
    prompt: str
    answer: str
    verifier: str
    """a name of passk.verifiers"""
    split: str
    """train or test, decided by the problem itself"""
    difficulty: str
    demonstration: str
    """a right response, for supervised fine-tuning"""
    metadata: dict[str, Any]


def check(spec: Problems) -> None:
    """Raise ConfigError (field first) for a spec that contradicts itself; generates nothing."""
    _source(spec).check(spec)


def fingerprint(spec: Problems, seed: int) -> str:
    """16 hex characters that name the problems `generate(spec, seed)` makes, without making them."""
    # without the defaults: a field that is new to passk leaves the problems of before as they were
    chosen = spec.model_dump(mode="json", exclude_defaults=True)
    content = {"spec": chosen, "seed": seed, "version": _source(spec).VERSION}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def generate(spec: Problems, seed: int) -> list[Problem]:
    """The problems of a spec: `spec.count` different ones, the same in the same order for the same seed.

    The random stream starts from the fingerprint, not from the bare seed: two sets of one split whose specs
    differ in anything are independent draws and share a problem only by chance (likely where there are few
    different ones, as with small mazes). Train and test never do: the problem itself decides its split.

    Raises ConfigError, field first and mend last, where the spec cannot be met.
    """
    check(spec)
    return _source(spec).generate(spec, random.Random(fingerprint(spec, seed)))


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
    missing = [field.name for field in fields(Problem) if field.name not in table.column_names]
    if missing:
        raise PasskError(f"{path}: not a file of problems, the column {missing[0]} is missing")
    return datasets.Dataset(table)


def _source(spec: Problems) -> ModuleType:
    # imported when asked for: a source may need packages that the others do without
    return importlib.import_module(_SOURCES[spec.source])


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
