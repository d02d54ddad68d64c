"""One-line errors for a full disk, and flushes of files that must survive a power loss."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from passk.base.errors import PasskError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers: no space, over the quota, over the limit of a file's size."""
_PROBE_BYTES = 2**20


@contextmanager
def telling_when_full(path: Path) -> Iterator[None]:
    """Raise PasskError with the path and the fix if the block finds no space for a write to `path`."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise PasskError(_line(path, error)) from None


def require_room(directory: Path) -> None:
    """Raise PasskError if `directory` has no space; use it after an error that does not name the cause.

    For example, torch reports a full disk as "unexpected pos 64 vs 0". The probe file is removed.
    """
    probe = directory / f".probe.{os.getpid()}"
    try:
        with telling_when_full(directory), probe.open("wb") as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    finally:
        probe.unlink(missing_ok=True)


def flush_all(directory: Path) -> None:
    """Flush all files of a directory and their names to the disk. Raise PasskError if the disk is full."""
    with telling_when_full(directory):
        for path in [*sorted(directory.rglob("*")), directory]:
            flush(path)


def flush(path: Path) -> None:
    """Flush a file, or a directory's list of names, to the disk, so that a power loss does not lose it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _line(path: Path, error: OSError) -> str:
    reason = os.strerror(error.errno or errno.ENOSPC)
    return f"{path}: {reason}; free space and repeat the command to resume, finished work is kept"
