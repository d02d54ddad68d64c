"""Problems: prompts with the gold answers that responses are judged by. Each source has one module.

A source is a module with a specification (a strict `Spec` that is light to import), `generate(spec, rng)` and
`VERSION`. Raise `VERSION` if the same specification gives other problems. passk/problems/sources.py lists all sources.
docs/problems.md explains how to add one.
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from passk.base.errors import ConfigError, PasskError, one_line
from passk.files import durable
from passk.problems import sources
from passk.problems.record import Problem, Spec, content_hash

if TYPE_CHECKING:
    import datasets

__all__ = ["Problem", "check", "fingerprint", "generate", "load", "save"]
check = sources.check


def fingerprint(spec: Spec, seed: int) -> str:
    """Return 16 hex characters that identify the problems of `generate(spec, seed)`, without generating them.

    The bytes of the user's files are part of the hash. Raise ConfigError if one is not readable.
    """
    # without the defaults, so a new field with a default does not change existing fingerprints
    settings = spec.model_dump(mode="json", exclude_defaults=True)
    content = {"spec": settings, "seed": seed, "version": sources.module(spec).VERSION}
    if files := spec.files():
        try:
            content["files"] = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
        except OSError as error:
            raise ConfigError(
                "file", f"{error.filename} is not readable: {error.strerror}", "name a readable file"
            ) from None
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def generate(spec: Spec, seed: int) -> list[Problem]:
    """Return the problems of a specification; the same seed gives the same problems in the same order.

    The random stream starts from the fingerprint, not from the bare seed. Two sets of one split with different
    specifications are therefore independent draws and share problems only by chance (likely for small mazes). The train
    and test sets of a generated source are disjoint, since the problem itself decides its split. For other sources,
    `passk.problems.contamination` compares the sets.

    Raise ConfigError that begins with the field if the specification cannot be met, or if a data set or a package is
    not available.
    """
    check(spec)
    result = sources.module(spec).generate(spec, random.Random(fingerprint(spec, seed)))
    if repeated := [name for name, count in Counter(problem.id for problem in result).items() if count > 1]:
        raise ConfigError(
            "source", f"{spec.source} has two problems with the id {repeated[0]!r}", "make the ids unique"
        )
    return [replace(problem, content=content_hash(problem)) for problem in result]


def save(problems: list[Problem], path: str | Path) -> None:
    """Write problems as Parquet, completely or not at all: one row per problem, text columns, metadata as JSON."""
    import datasets

    columns: dict[str, list[str]] = {field.name: [] for field in fields(Problem)}
    for problem in problems:
        row = asdict(problem) | {"metadata": json.dumps(problem.metadata, sort_keys=True)}
        for name, column in columns.items():
            column.append(row[name])
    schema = datasets.Features({name: datasets.Value("string") for name in columns})

    with _without_progress_bars(), durable.written(Path(path)) as file:
        datasets.Dataset.from_dict(columns, features=schema).to_parquet(file)


def load(path: str | Path) -> "datasets.Dataset":
    """Return a file of `save` as a dataset in memory with the columns of Problem; metadata is JSON text.

    This uses neither the network nor Hugging Face's cache. Raise PasskError if the file is missing or has no problems.
    """
    import datasets
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        reason = one_line(error)
        raise PasskError(f"{path}: not readable as Parquet: {reason}; delete it, and the run makes it again") from None
    needed = [field.name for field in fields(Problem) if field.default is MISSING]  # older files lack the others
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise PasskError(
            f"{path}: not a file of problems, since the column {missing[0]} is missing; "
            "delete it, and the run makes it again"
        )
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
