"""Rows of Parquet and JSON files as text, and one line for a fault in them.

A number becomes its plain digits: 1e-07 is 0.0000001 and 0.1 stays 0.1. A fraction of zeros is dropped (5.0 is 5, since
pandas stores a column of integers with a gap as floats). Truth values, lists, objects, dates, bytes and NaN are
refused, since they have no single text. Rows count from 1.
"""

import datetime
from collections.abc import Collection, Iterable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passk.base.errors import ConfigError, InvalidError, nearest, one_line
from passk.problems import csv_rows, json_rows

if TYPE_CHECKING:
    import pyarrow

Row = dict[str, Any]
SUFFIXES = (".parquet", ".jsonl", ".json", ".csv")
MOST_DIGITS = 400
"""Most digits of a number before or after its point; no float has more."""
_OTHER_FORMATS = {
    b"\x1f\x8b": ("is compressed by gzip", "decompress it"),
    b"PK\x03\x04": ("is a ZIP archive", "unpack it"),
    b"\x28\xb5\x2f\xfd": ("is compressed by zstd", "decompress it"),
    b"BZh": ("is compressed by bzip2", "decompress it"),
    b"\xfd7zXZ": ("is compressed by xz", "decompress it"),
    b"\xff\xfe\0\0": ("is UTF-32 text", "save it as UTF-8"),
    b"\xff\xfe": ("is UTF-16 text", "save it as UTF-8"),
    b"\xfe\xff": ("is UTF-16 text", "save it as UTF-8"),
    b"version https://git-lfs": ("is a pointer of Git LFS", "run `git lfs pull`"),
}
_KINDS = {
    bool: "a truth value",
    list: "a list",
    dict: "an object",
    bytes: "bytes",
    datetime.date: "a date",
    datetime.datetime: "a date with a time",
    datetime.time: "a time",
    datetime.timedelta: "a duration",
}


class ColumnError(ConfigError):
    """A column that a file lacks, or an invalid cell in it. The field is the file."""

    def __init__(self, file: Path, problem: str, fix: str, *, column: str) -> None:
        super().__init__(str(file), problem, fix)
        self.column = column


def read(file: Path, columns: Iterable[str], *, words: Collection[str] = (), shaped: Collection[str] = ()) -> list[Row]:
    """Return the columns of all rows as text. A cell without a value is "".

    words: columns whose cells must be text that is not blank. shaped: columns that keep their types.
    Raise ConfigError, whose field is the file; it is a ColumnError if one column is invalid.
    """
    wanted = list(dict.fromkeys(columns))
    rows = _parquet(file, wanted) if file.suffix.lower() == ".parquet" else _text_rows(file, wanted)
    if not rows:
        raise ConfigError(str(file), "has no rows", "add one row per problem")
    for number, row in enumerate(rows, 1):
        for column in wanted:
            if column in shaped:
                continue
            cell = row[column]
            try:
                row[column] = text(cell)
            except InvalidError as error:
                problem = f"row {number}: column {column!r} {error.problem}"
                raise ColumnError(file, problem, error.fix, column=column) from None
            if column in words and not (isinstance(cell, str) and cell.strip()):
                fault = "is blank" if not row[column].strip() else f"is the number {_short(row[column])}, not text"
                problem = f"row {number}: column {column!r} {fault}"
                raise ColumnError(file, problem, "write text, or remove the row", column=column)
    return rows


def text(value: Any) -> str:
    """Return a cell as text. Raise InvalidError for a value that has no single text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _plain(value)
    kind = _KINDS.get(type(value), f"of type {type(value).__name__}")
    raise InvalidError(f"is {kind}, not text or a number", "write it as text")


def _storable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidError(f"has half of a surrogate pair, {value[error.start]!a}", "replace it") from None
    if "\0" in value:
        raise InvalidError("has a NUL character", "remove it")
    return value


def _plain(value: float | Decimal) -> str:
    """Return a number in plain digits, without an exponent."""
    if isinstance(value, int):
        return str(value)
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not number.is_finite():
        raise InvalidError(f"is {'NaN' if number.is_nan() else 'infinite'}, not a number", "write it as text")
    if abs(number.adjusted()) > MOST_DIGITS or len(number.as_tuple().digits) > MOST_DIGITS:
        raise InvalidError(f"is a number of more than {MOST_DIGITS} digits", "write it as text")
    whole, _, fraction = format(number, "f").partition(".")
    digits = f"{whole}.{fraction}" if fraction.strip("0") else whole
    return "0" if digits == "-0" else digits


def _text_rows(file: Path, columns: list[str]) -> list[Row]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(str(file), f"not readable: {error.strerror}", "name a readable file") from None
    _refuse_other_formats(file, data)
    if data.startswith(b"PAR1"):
        raise ConfigError(str(file), "is a Parquet file", "rename it to end in .parquet, and set source to parquet")
    rows = csv_rows.read(file, data) if file.suffix.lower() == ".csv" else json_rows.read(file, data)
    for number, row in enumerate(rows, 1):
        for column in columns:
            if column not in row:
                problem = f"row {number} has no column {column!r}"
                raise ColumnError(file, problem, nearest(column, row), column=column)
    return [{column: row[column] for column in columns} for row in rows]


def _parquet(file: Path, columns: list[str]) -> list[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        with file.open("rb") as opened:
            _refuse_other_formats(file, opened.read(32))
        with pyarrow.parquet.ParquetFile(file) as opened:
            names = opened.schema_arrow.names
            for column in columns:
                if column not in names:
                    raise ColumnError(file, f"has no column {column!r}", nearest(column, names), column=column)
                if names.count(column) > 1:
                    raise ColumnError(file, f"has the column {column!r} twice", "rename one", column=column)
            table = opened.read(columns=columns)
    except (OSError, pyarrow.ArrowException) as error:
        reason = one_line(error, 200)
        raise ConfigError(str(file), f"not readable as Parquet: {reason}", "write it again") from None
    cells = {column: _cells(file, column, table.column(column)) for column in columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*cells.values(), strict=True)]


def _cells(file: Path, name: str, column: "pyarrow.ChunkedArray") -> list[Any]:
    """Return the values of a Parquet column. Raise ColumnError with the row for a value that Python cannot hold."""
    import numpy as np
    import pyarrow

    if pyarrow.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        values = column.to_pylist()
    except Exception:  # invalid UTF-8 or a date beyond the year 9999, raised by any library that converts the type
        for number, cell in enumerate(column, 1):
            try:
                cell.as_py()
            except Exception as error:
                reason = one_line(error, 200)
                problem = f"row {number}: column {name!r}: {reason}"
                raise ColumnError(file, problem, "write it as text", column=name) from None
        raise
    if pyarrow.types.is_float32(column.type) or pyarrow.types.is_float16(column.type):
        # 0.1 in 32 bits is 0.10000000149011612 in Python, whose floats have 64 bits
        short = np.float32 if pyarrow.types.is_float32(column.type) else np.float16
        return [None if value is None else Decimal(str(short(value))) for value in values]
    return values


def _refuse_other_formats(file: Path, data: bytes) -> None:
    for start, (problem, fix) in _OTHER_FORMATS.items():
        if data.startswith(start):
            raise ConfigError(str(file), problem, fix)


def _short(number: str) -> str:
    return number if len(number) <= 40 else f"{number[:37]}..."
