"""Writes that are complete or absent, even after a kill, a power loss or a full disk.

`written` and `write_text` replace one file. `move` puts a finished file or directory into place. Other writes have a
reason. metrics.jsonl and the files of trackers are appended to. A secret is created with mode 0600 and never replaced
(flows/server_auth.py). A new store never replaces one that another process made (passk/store/connection.py).
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from passk.base.errors import PasskError
from passk.files import scratch

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers: no space, over the quota, over the limit of a file's size."""
_PROBE_BYTES = 2**20


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """Yield a file for the new content of `path`, which replaces the old content in one step when the block ends.

    If the block fails, `path` keeps its content. Raise PasskError if the disk is full.
    """
    with telling_when_full(path), scratch.beside(path) as directory:
        fresh = directory / path.name
        with fresh.open("xb") as file:
            yield file
        move(fresh, path)


def write_text(path: Path, text: str) -> None:
    """Replace the content of a file by `text` in one step. Raise PasskError if the disk is full."""
    with written(path) as file:
        file.write(text.encode())


def move(source: Path, target: Path) -> None:
    """Move a finished file or directory to `target` on the same file system, in one step that survives a power loss.

    A file at `target` is replaced, a directory there must be empty. Raise PasskError if the disk is full.
    """
    flush_all(source)
    source.replace(target)
    flush(target.parent)


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


def flush_all(path: Path) -> None:
    """Flush a file, or all files of a directory and their names, to the disk. Raise PasskError if the disk is full."""
    with telling_when_full(path):
        for each in [*sorted(path.rglob("*")), path]:
            flush(each)


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
