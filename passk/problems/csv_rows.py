"""Rows of a CSV file with a header, as some data sets of the hub have it."""

import csv
import io
from pathlib import Path
from typing import Any

from passk.base.errors import ConfigError, one_line

LONGEST = 10**7
"""Most characters of a cell."""


def read(file: Path, data: bytes) -> list[dict[str, Any]]:
    """Return the rows of a file's bytes, a text for each column. Raise ConfigError, whose field is the file."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(str(file), f"not UTF-8 text ({error.reason})", "save the file as UTF-8") from None
    csv.field_size_limit(LONGEST)
    if not text.strip():
        raise ConfigError(str(file), "has no rows", "write it again")
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (csv.Error, ValueError) as error:
        reason = one_line(error)
        raise ConfigError(str(file), f"not readable as CSV: {reason}", "write it again") from None
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise ConfigError(str(file), f"has the column {twice!r} twice", "rename one")
    for number, row in enumerate(rows, 1):
        if row and len(row) != len(header):  # a blank line is no row
            problem = f"row {number} has {len(row)} cells instead of {len(header)}"
            raise ConfigError(str(file), problem, "write it again")
    return [dict(zip(header, row, strict=True)) for row in rows if row]
