"""Problems from a user's file, JSON or Parquet, whose columns the specification names."""

import os
import random
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from passk import verifiers
from passk.base.errors import ConfigError, nearest
from passk.problems import tables, text_problems
from passk.problems.record import Problem
from passk.problems.text_problems import Item, Worded

VERSION = 2


class FileSpec(Worded):
    """Specification of problems in a file."""

    judged_by: ClassVar = "any"

    file: str = Field(min_length=1, description="path, relative to the directory in which passk is started")
    verifier: str = Field(min_length=1, description="verifier of responses; `passk verifiers list` lists them")
    problem: str = Field("problem", min_length=1, description="column with the problem's text")
    answer: str = Field("answer", min_length=1, description="column with the gold answer")
    id: str | None = Field(None, min_length=1, description="column with a unique id (default: the number of the row)")
    solution: str | None = Field(
        None, min_length=1, description="column with correct responses for sft (default: none)"
    )
    difficulty: str | None = Field(
        None, min_length=1, description="column by which the report groups problems (default: none)"
    )

    def files(self) -> list[Path]:
        file = Path(self.file).expanduser()
        try:
            exists = file.is_file()
        except OSError as error:  # a name that is too long
            problem = f"{self.file[:60]!r} is not a path ({error.strerror})"
            raise ConfigError("file", problem, "write a shorter one") from None
        if not exists:
            problem = f"{self.file} {'is not a file' if os.path.lexists(file) else 'does not exist'}"
            raise ConfigError("file", problem, "write a path from the directory that passk starts in")
        return [file]


class JsonlProblems(FileSpec):
    """Specification of problems in a JSON file."""

    about: ClassVar = "your own file: one JSON object per line, or one JSON list of objects"

    source: Literal["jsonl"]


class ParquetProblems(FileSpec):
    """Specification of problems in a Parquet file."""

    about: ClassVar = "your own Parquet file"

    source: Literal["parquet"]


def check(spec: FileSpec) -> None:
    """Raise ConfigError if the file or the verifier does not exist, or the file's suffix contradicts the source."""
    text_problems.check(spec)
    (file,) = spec.files()
    if (file.suffix.lower() == ".parquet") != (spec.source == "parquet"):
        raise ConfigError(
            "source", f"the name of {spec.file} does not fit the source {spec.source}", "change one of them"
        )
    if spec.verifier not in verifiers.names():
        raise ConfigError("verifier", f"{spec.verifier!r} does not exist", nearest(spec.verifier, verifiers.names()))


def generate(spec: FileSpec, rng: random.Random) -> list[Problem]:
    """Return one problem per row. Raise ConfigError: the field, then the file and the faulty row."""
    (file,) = spec.files()
    named = {name: column for name, column in _columns(spec).items() if column is not None}
    try:
        rows = tables.read(file, named.values(), words=[spec.problem])
    except tables.ColumnError as error:
        field = next(name for name, column in named.items() if column == error.column)
        raise error.replaced(field=field, problem=f"{error.field}: {error.problem}") from None
    except ConfigError as error:
        raise error.replaced(field="file", problem=f"{error.field}: {error.problem}") from None
    items: list[Item] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        cells = {field: row[column] for field, column in named.items()}
        name = cells.get("id", f"{file.stem}-{number - 1}")
        if not name.strip():
            raise ConfigError("id", f"{spec.file}: row {number} has no id", "add one, or remove the field id")
        if name in seen:
            raise ConfigError(
                "id",
                f"{spec.file}: rows {seen[name]} and {number} have the same id {name!r}",
                "name a column whose values are unique",
            )
        seen[name] = number
        items.append(
            Item(
                name,
                cells["problem"],
                cells["answer"],
                difficulty=cells.get("difficulty") or "unrated",
                demonstration=cells.get("solution", ""),
                metadata={"file": file.name},
            )
        )
    return text_problems.problems(spec, items, rng, verifier=spec.verifier)


def _columns(spec: FileSpec) -> dict[str, str | None]:
    return {
        "problem": spec.problem,
        "answer": spec.answer,
        "id": spec.id,
        "solution": spec.solution,
        "difficulty": spec.difficulty,
    }
