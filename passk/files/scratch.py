"""Scratch directories beside the target of their files, and the removal of abandoned ones.

A scratch directory has a new name each time, so no process continues the files of another one. A lock file beside it
(flock) shows that its owner lives, since the kernel frees the lock when the owner ends. The next process with the same
target removes abandoned directories. Process ids would not work, since containers repeat them.
"""

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from passk.files.file_lock import NO_LOCKS

_LOCK, _DIRECTORY = ".lock", ".new"


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """Yield an empty directory on the file system of `target`, and remove it when the block ends.

    Abandoned directories of the same target are removed first.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(target)
    lock, handle = _new_lock(target)
    directory = _directory_of(lock)
    try:
        directory.mkdir()
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(handle)


def remove_abandoned(target: Path) -> None:
    """Remove the scratch directories of `target` whose owners have ended."""
    for lock in target.parent.glob(f".{_escaped(target.name)}.*{_LOCK}"):
        with contextlib.suppress(OSError):
            handle = os.open(lock, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if the owner lives, or without locks
                shutil.rmtree(_directory_of(lock), ignore_errors=True)
                lock.unlink(missing_ok=True)
            finally:
                os.close(handle)


def _new_lock(target: Path) -> tuple[Path, int]:
    while True:
        lock = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}{_LOCK}")
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        if lock.exists():
            return lock, handle
        os.close(handle)  # another process removed it as abandoned before it was locked


def _directory_of(lock: Path) -> Path:
    return lock.with_name(lock.name.removesuffix(_LOCK) + _DIRECTORY)


def _escaped(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)
