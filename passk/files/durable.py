"""A full disk, told in one line and not in what a library makes of it; and what a power loss must not take."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from passk.base.errors import PasskError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""no space, over the quota, over the process's limit of a file's size"""
_PROBE_BYTES = 2**20


@contextmanager
def telling_when_full(path: Path) -> Iterator[None]:
    """Around a write to `path`: where there is no room for it, PasskError with the path first, the mend last."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise PasskError(_line(path, error)) from None


def require_room(directory: Path) -> None:
    """Raise PasskError where `directory` takes no more: after a failure whose own words do not tell.

    torch says of a full disk "unexpected pos 64 vs 0". Nothing is left of what is written here.
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
    """Put all files of a directory on the disk, and their names. PasskError where the disk is full."""
    with telling_when_full(directory):
        for path in [*sorted(directory.rglob("*")), directory]:
            flush(path)


def flush(path: Path) -> None:
    """Put one file on the disk, or a directory's list of names: a power loss takes what is in a cache alone."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _line(path: Path, error: OSError) -> str:
    reason = os.strerror(error.errno or errno.ENOSPC)
    return f"{path}: {reason}; what was finished is kept: make room, and the same command goes on"
