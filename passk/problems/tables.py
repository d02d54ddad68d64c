"""Rows of Parquet and JSON lines, and one line for what is wrong with them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from passk.base.errors import PasskError, nearest

Row = dict[str, Any]
SUFFIXES = (".parquet", ".jsonl")


def read(file: Path) -> list[Row]:
    """All rows of a file, read as its name ends. Raises PasskError, the file first."""
    rows = _parquet(file) if file.suffix == ".parquet" else _json_lines(file)
    if not rows:
        raise PasskError(f"{file}: holds no rows")
    return rows


def require(rows: Iterable[Row], columns: Iterable[str], where: str) -> None:
    """Raise PasskError where a row lacks a column."""
    for number, row in enumerate(rows, 1):
        for column in columns:
            if column not in row:
                raise PasskError(f"{where}: row {number} has no column {column!r}{nearest(column, row)}")


def text(value: Any) -> str:
    """A cell as text; what has a shape of its own (lists, objects) as JSON, and nothing as ""."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _parquet(file: Path) -> list[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(file).to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise PasskError(f"{file}: not readable as Parquet: {' '.join(str(error).split())[:200]}") from None


def _json_lines(file: Path) -> list[Row]:
    rows = []
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    row = None
                if not isinstance(row, dict):
                    raise PasskError(f"{file}: line {number} is no JSON object; write one object a line")
                rows.append(row)
    except (OSError, UnicodeDecodeError) as error:
        raise PasskError(f"{file}: not readable: {' '.join(str(error).split())[:200]}") from None
    return rows
