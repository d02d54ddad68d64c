"""Read a stage's metrics.jsonl, which may still grow, be replaced by a resumed run, or be damaged."""

import itertools
import json
from pathlib import Path
from typing import Any

WRITER = ".writer"
"""Name of the lock of the process that writes into a stage's directory."""


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the steps of a metrics.jsonl up to its first damaged line.

    A last line without its end is not written whole yet. What follows a damaged line counts as not recorded, so a stage
    that is resumed does those steps again.
    """
    return _steps(_lines(path))


def damaged_line(path: Path) -> int | None:
    """Return the number, from 1, of the first damaged line of a metrics.jsonl; None where all are whole."""
    lines = _lines(path)
    whole = len(_steps(lines))
    return whole + 1 if whole < len(lines) else None


class NewLines:
    """The lines that were added to a metrics.jsonl since the last call, of steps or of an evaluation's progress.

    A resumed run replaces the file by its lines up to the last checkpoint, and does the steps after it again. A line is
    new if it differs from the line at its place before. Times do not decide: the clock of a machine may be set back.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._seen = path, _lines(path)

    def __call__(self) -> list[dict[str, Any]]:
        lines, seen = _lines(self._path), self._seen
        same = next((i for i, (line, old) in enumerate(zip(lines, seen, strict=False)) if line != old), len(seen))
        new = _objects(lines[same:])
        # A damaged line is looked at again: it may be whole by then, on a file system that is shared.
        self._seen = lines[: same + len(new)]
        return new


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def _steps(lines: list[bytes]) -> list[dict[str, Any]]:
    return list(itertools.takewhile(lambda line: type(line.get("step")) is int, _objects(lines)))


def _objects(lines: list[bytes]) -> list[dict[str, Any]]:
    found = []
    for line in lines:
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(content, dict):
            break
        found.append(content)
    return found
