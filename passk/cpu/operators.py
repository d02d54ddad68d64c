"""Locate DeepSpeed's compiled CPU operators, remove locks that killed processes left, and load them faster."""

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

# The operators lie beside the packages they are compiled for, since all environments share the home cache.
DIRECTORY = Path(sys.prefix) / "torch_extensions"
STALE_SECONDS = 120.0
ABANDONED_SECONDS = 20.0


def path(variables: Mapping[str, str]) -> str:
    """Return PATH with this environment's ninja first, since another ninja rebuilds operators that it did not build.

    The result must not depend on whether the environment is activated, least of all with two runs at once.
    """
    ours = str(Path(sys.executable).parent)
    others = variables.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join([ours, *(directory for directory in others if directory != ours)])


def forget_stale_locks(directory: Path = DIRECTORY) -> None:
    """Remove locks that no process holds.

    torch takes a lock for about a second when it loads an operator, and keeps its file open meanwhile. It waits for
    ever for a lock that a killed process left. A lock of this user that no process has open is removed after
    ABANDONED_SECONDS. A process of another host that shares the directory is invisible here, and a busy machine takes
    some seconds to load an operator. A lock of another user is removed after minutes, since the long compilation is
    part of the set-up. The function watches the locks for that time and ignores their timestamps: clocks of two
    machines differ, and one may be set back.
    """
    began = time.monotonic()
    watched = {lock: seen for lock in directory.glob("*/lock") if (seen := _unheld(lock))}
    while watched:
        passed = time.monotonic() - began
        for lock, seen in tuple(watched.items()):
            if _unheld(lock) != seen:
                del watched[lock]
            elif passed >= (ABANDONED_SECONDS if seen.ours else STALE_SECONDS):
                lock.unlink(missing_ok=True)
                del watched[lock]
        time.sleep(0.2)


class _Lock(NamedTuple):
    """State of a lock that no process of this user has open."""

    ours: bool
    number: int
    changed: int


def _unheld(lock: Path) -> _Lock | None:
    try:
        status = lock.stat()
    except FileNotFoundError:
        return None
    return None if _is_open(lock) else _Lock(status.st_uid == os.getuid(), status.st_ino, status.st_mtime_ns)


def _is_open(file: Path) -> bool:
    """Return whether a process of this user has the file open."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if any(opened.path == str(file.resolve()) for opened in process.open_files()):
                return True
    return False
