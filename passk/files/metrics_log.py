"""Read a stage's metrics.jsonl, which may still grow, be replaced by a resumed run, or be damaged."""

import itertools
import json
from pathlib import Path
from typing import Any

from passk.base.errors import PasskError


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the steps of a metrics.jsonl up to its first damaged line.

    A last line without a line end is still being written. Lines after a damaged one count as not recorded, so a resumed
    stage repeats their steps.
    """
    return _steps(_lines(path))


def damaged_line(path: Path) -> int | None:
    """Return the number, from 1, of the first damaged line of a metrics.jsonl, or None."""
    lines = _lines(path)
    whole = len(_steps(lines))
    return whole + 1 if whole < len(lines) else None


class NewLines:
    """A reader that returns the lines added to a metrics.jsonl since its last call.

    A resumed run truncates the file to the last checkpoint and repeats the steps after it. A line is new if it differs
    from the earlier line at its place. Times are not compared, since the clock of a machine may be set back.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._seen = path, _lines(path)

    def __call__(self) -> list[dict[str, Any]]:
        lines, seen = _lines(self._path), self._seen
        same = next((i for i, (line, old) in enumerate(zip(lines, seen, strict=False)) if line != old), len(seen))
        new = _objects(lines[same:])
        # The next call reads a damaged line again, since it may be complete by then on a shared file system.
        self._seen = lines[: same + len(new)]
        return new


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PasskError(f"{path}: not readable: {error.strerror}; move it away and repeat the command") from None


def _steps(lines: list[bytes]) -> list[dict[str, Any]]:
    return list(itertools.takewhile(lambda line: type(line.get("step")) is int, _objects(lines)))


def _objects(lines: list[bytes]) -> list[dict[str, Any]]:
    objects = []
    for line in lines:
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(content, dict):
            break
        objects.append(content)
    return objects
