"""Read the JSON records of passk/files/layout.py. A damaged one is an error of one line, also if it is valid JSON."""

import json
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from passk.base.errors import PasskError, one_line
from passk.base.redact import without_secrets
from passk.files.layout import ExperimentRecord

RESTORE = "restore it from a copy, or delete its directory and run the experiment again"
RESTORE_EXPERIMENT = "restore it from a copy, or delete it: the next run writes it again without its earlier sessions"
UNREADABLE = (OSError, ValueError, TypeError, RecursionError)
"""Exceptions of reading a damaged JSON record."""


class Damaged(PasskError):
    """A file or directory that cannot be ingested: unfinished, cut off, or of another kind."""


class _Shape(BaseModel):
    """The fields of an object that reports and queries read. It may have others."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class _Attempt(_Shape):
    what: str
    step: int | None
    reason: str


class _Session(_Shape):
    started: str | None = None
    before: float | None = None
    seconds: float | None = None
    busy: float | None = None
    phases: dict[str, float] = {}
    failed: list[_Attempt] = []
    ended: str | None = None
    code: dict[str, Any] = {}


class _Stage(_Shape):
    kind: str
    steps: int
    parent: str | None = Field(None, alias="from")


class _Benchmark(_Shape):
    problems: str
    samples: int
    k: list[int] = []
    temperature: float
    top_p: float
    metrics: list[str]
    by: str | None


class _Config(_Shape):
    stages: dict[str, _Stage]
    benchmarks: dict[str, _Benchmark]


class _Experiment(_Shape):
    config: _Config
    sessions: list[_Session] = []


def record_of(path: Path, kind: type[Any]) -> Any:
    """Read a record of passk/files/layout.py without fields of other versions of passk.

    Raises Damaged with the name of a missing or damaged file.
    """
    restore = RESTORE_EXPERIMENT if kind is ExperimentRecord else RESTORE
    known = {field.name for field in fields(kind)}
    try:
        # A record that somebody edited may have secrets.
        content = dict(**without_secrets(json.loads(path.read_text())))
        record = kind(**{name: value for name, value in content.items() if name in known})
        _shape(kind).model_validate(vars(record))
    except FileNotFoundError:
        raise Damaged(f"{path}: no such file; {restore}") from None
    except UNREADABLE as error:
        raise Damaged(f"{path}: not a {kind.__name__}: {reason(error)}; {restore}") from None
    return record


@cache
def _shape(kind: type[Any]) -> type[_Shape]:
    """Return the shape of a record: the types of its fields, and for an experiment those of their contents."""
    base = _Experiment if kind is ExperimentRecord else _Shape
    types = {field.name: (field.type, ...) for field in fields(kind) if field.name not in base.model_fields}
    return create_model(kind.__name__, __base__=base, **types)


def reason(error: Exception) -> str:
    """Return an exception of UNREADABLE as one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return one_line(error)
