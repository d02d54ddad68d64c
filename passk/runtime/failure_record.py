"""failure.json: kind and reason of a failure, written by the process that failed.

passk reads the file before the log. There is none if the process was killed, or failed because another one died. Then
the log names the cause (passk/runtime/failures.py).
"""

import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import get_args

from passk.base.errors import ConfigError, PasskError, line
from passk.files import durable, layout
from passk.files.layout import write_json
from passk.runtime.failures import ROOT_CAUSES, Failure, Kind, of_exception

VARIABLE = "PASSK_FAILURE"
"""Variable with the path of failure.json, in the environment of a stage's processes."""


@contextmanager
def recorded() -> Iterator[None]:
    """Record an exception of the block. A PasskError ends the process with one line and status 1, a ConfigError with 2.

    Without VARIABLE nothing is recorded.
    """
    try:
        yield
    except Exception as error:
        cause = _cause(error)
        failure = of_exception(cause, traceback.extract_tb(cause.__traceback__ or error.__traceback__)[-1].filename)
        if failure and VARIABLE in os.environ:
            write(Path(os.environ[VARIABLE]), failure)
        if not isinstance(cause, PasskError):
            raise
        print(f"passk: {cause}", file=sys.stderr)
        sys.exit(2 if isinstance(cause, ConfigError) else 1)


def write(file: Path, failure: Failure) -> None:
    """Write a failure, unless the file has one. A root cause replaces another exception. A full disk is no error."""
    earlier = read(file.parent)
    if earlier is None or (earlier.kind not in ROOT_CAUSES and failure.kind in ROOT_CAUSES):
        with suppress(OSError, PasskError):
            write_json(file, {"kind": failure.kind, "reason": line(failure.reason)})


def read(directory: Path) -> Failure | None:
    """Return the failure that a process recorded in its directory; None without a file, or if it is damaged."""
    try:
        content = json.loads(layout.failure(directory).read_text())
        kind, reason = content["kind"], content["reason"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return Failure(kind, reason) if kind in get_args(Kind) and isinstance(reason, str) else None


def cause(directory: Path) -> Failure | None:
    """Return the recorded failure. Without one, return that of a full disk, on which neither record nor log fits."""
    if recorded := read(directory):
        return recorded
    try:
        durable.require_room(directory)
    except PasskError as full:
        return Failure("disk", str(full))
    except OSError:
        pass
    return None


def forget(directory: Path) -> None:
    """Remove the failure of an earlier attempt."""
    layout.failure(directory).unlink(missing_ok=True)


def _cause(error: BaseException) -> BaseException:
    """Return the exception that caused another: an actor's, which Ray raises in the driver, or that of a `from`."""
    seen: list[BaseException] = []
    inner: object = error
    while isinstance(inner, BaseException) and not any(inner is each for each in seen):
        seen.append(inner)
        inner = getattr(inner, "cause", None) or (None if isinstance(inner, PasskError) else inner.__cause__)
    return seen[-1]
