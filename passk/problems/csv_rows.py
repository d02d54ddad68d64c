"""Rows of a CSV file with a header, as some data sets of the hub have it."""

import csv
import io
from pathlib import Path
from typing import Any

from passk.base.errors import PasskError

LONGEST = 10**7
"""Most characters of a cell."""


def read(file: Path, data: bytes) -> list[dict[str, Any]]:
    """Return the rows of a file's bytes, a text for each column. Raise PasskError with the file and the row."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PasskError(f"{file}: not UTF-8 text ({error.reason}); save the file as UTF-8") from None
    csv.field_size_limit(LONGEST)
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (csv.Error, ValueError) as error:
        raise PasskError(f"{file}: not readable as CSV: {' '.join(str(error).split())}; write it again") from None
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise PasskError(f"{file}: has the column {twice!r} twice; rename one")
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise PasskError(f"{file}: row {number} has {len(row)} cells instead of {len(header)}; write it again")
    return [dict(zip(header, row, strict=True)) for row in rows]
