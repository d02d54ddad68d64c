"""Problems in a file of your own, JSON or Parquet, whose columns the specification names."""

import random
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from passk import verifiers
from passk.base.errors import ConfigError, PasskError, nearest
from passk.problems import tables, text_problems
from passk.problems.record import Problem
from passk.problems.text_problems import Item, Worded

VERSION = 2


class FileSpec(Worded):
    judged_by: ClassVar = "any"

    file: str = Field(min_length=1, description="where it lies, from the directory that passk is started in")
    verifier: str = Field(min_length=1, description="what judges the answers: `passk verify --help` lists them")
    problem: str = Field("problem", min_length=1, description="the column that holds what is asked")
    answer: str = Field("answer", min_length=1, description="the column that holds what the verifier judges by")
    id: str | None = Field(None, min_length=1, description="the column that names a problem; else its row does")
    solution: str | None = Field(
        None, min_length=1, description="the column with correct responses, which sft stages learn from"
    )
    difficulty: str | None = Field(
        None, min_length=1, description="a column by which the report tells the problems apart"
    )

    def files(self) -> list[Path]:
        file = Path(self.file).expanduser()
        if not file.is_file():
            raise ConfigError(f"file: there is no {self.file}; paths begin where passk is started")
        return [file]


class JsonlProblems(FileSpec):
    about: ClassVar = "a file of your own: a JSON object a line, or one JSON list of objects"

    source: Literal["jsonl"]


class ParquetProblems(FileSpec):
    about: ClassVar = "a Parquet file of your own"

    source: Literal["parquet"]


def check(spec: FileSpec) -> None:
    """Raise ConfigError where there is no such file or verifier, or the file's name ends otherwise."""
    text_problems.check(spec)
    (file,) = spec.files()
    if (file.suffix.lower() == ".parquet") != (spec.source == "parquet"):
        raise ConfigError(f"source: {spec.file} is not read as {spec.source}; its name says otherwise, mend either")
    if spec.verifier not in verifiers.names():
        raise ConfigError(f"verifier: {spec.verifier!r} does not exist{nearest(spec.verifier, verifiers.names())}")


def generate(spec: FileSpec, rng: random.Random) -> list[Problem]:
    """A problem a row. Raises ConfigError: the field, then the file and the row that is at fault."""
    (file,) = spec.files()
    named = {name: column for name, column in _columns(spec).items() if column is not None}
    try:
        rows = tables.read(file, named.values(), words=[spec.problem])
    except tables.ColumnError as error:
        field = next(name for name, column in named.items() if column == error.column)
        raise ConfigError(f"{field}: {error}") from None
    except PasskError as error:
        raise ConfigError(f"file: {error}") from None
    items: list[Item] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        cells = {field: row[column] for field, column in named.items()}
        name = cells.get("id", f"{file.stem}-{number - 1}")
        if not name.strip():
            raise ConfigError(f"id: {spec.file}: row {number} has none; give it one, or leave id out")
        if name in seen:
            raise ConfigError(
                f"id: {spec.file}: rows {seen[name]} and {number} are both named {name!r}; "
                "name a column that differs in each row"
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
