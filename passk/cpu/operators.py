"""Where DeepSpeed's compiled CPU operators lie, and the locks that a killed process leaves among them."""

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

# Beside the packages they are compiled against: the cache in the home directory is shared by all environments.
DIRECTORY = Path(sys.prefix) / "torch_extensions"
STALE_SECONDS = 120.0
ABANDONED_SECONDS = 3.0


def path(variables: Mapping[str, str]) -> str:
    """PATH with this environment's ninja first: another one takes all that it did not build itself for outdated.

    Whether the environment is activated must not matter, least of all between two runs at once.
    """
    return os.pathsep.join([str(Path(sys.executable).parent), variables.get("PATH", os.defpath)])


def forget_stale_locks(directory: Path = DIRECTORY) -> None:
    """Remove locks that nobody holds any more.

    torch takes one for a second or so whenever it loads an operator, keeps its file open meanwhile, and waits
    for ever on one that a killed process left. One of ours that no process has open is a left one after a few seconds:
    a process of another host that shares the directory cannot be seen from here. Another user's is a left one after
    minutes: the long compilation is part of the set-up. The locks are watched for that time, since their own times
    would not do: clocks of two machines differ, and one may be set back.
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
    """A lock that no process of this user has open, as it was seen."""

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
    """Whether a process of this user has it open."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if any(opened.path == str(file.resolve()) for opened in process.open_files()):
                return True
    return False
