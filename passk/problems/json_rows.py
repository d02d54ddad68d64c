"""Rows of a JSON file: one object per line, or one list of objects."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from passk.base.errors import ConfigError

MOST_DIGITS = 1000
"""Most digits of a whole number."""
_LINE_END = re.compile(r"\r\n|\n|\r")
_BYTE_ORDER_MARK = "\ufeff"


def read(file: Path, data: bytes) -> list[dict[str, Any]]:
    """Return the rows of a file's bytes; numbers keep all their digits. Raise ConfigError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            str(file), f"line {line} is not UTF-8 text ({error.reason})", "save the file as UTF-8"
        ) from None
    if text.lstrip().startswith("["):
        return _array(file, text)
    return list(_lines(file, text))


def _lines(file: Path, text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_LINE_END.split(text), 1):
        line = line.strip(_BYTE_ORDER_MARK)  # concatenated files have several
        if not line.strip():
            continue
        try:
            row = _parsed(line)
        except ValueError as error:
            _refuse(file, f"line {number} is not a JSON object: {error}")
        if not isinstance(row, dict):
            _refuse(file, f"line {number} is {_kind(row)}, not a JSON object")
        yield row


def _array(file: Path, text: str) -> list[dict[str, Any]]:
    try:
        rows = _parsed(text)
    except ValueError as error:
        _refuse(file, f"begins with [ but is not one JSON list: {error}")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            _refuse(file, f"row {number} is {_kind(row)}, not a JSON object")
    return rows


def _parsed(text: str) -> Any:
    """Return the JSON value of a text. Raise ValueError with the fault."""
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        if "\0" in text:
            raise ValueError("it has NUL bytes") from None
        at = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno} column {error.colno}"
        raise ValueError(f"{error.msg.removesuffix(' at').rstrip(':').lower()} at {at}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} is given twice")
    return result


def _int(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except ArithmeticError:
        raise ValueError(f"the number {digits[:40]} is out of range") from None


def _kind(value: Any) -> str:
    return {list: "a list", str: "text", bool: "a truth value", type(None): "null"}.get(type(value), "a number")


def _refuse(file: Path, fault: str) -> NoReturn:
    raise ConfigError(str(file), fault, "write one object per line, or one list of objects")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_int, parse_float=_float)
