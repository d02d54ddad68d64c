"""Where DeepSpeed's compiled CPU operators lie, and the locks that a killed process leaves among them."""

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

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
    for ever on one that a killed process left. One of ours that no process has open is a left one; so is an old
    one, whoever's it is: the long compilation is part of the set-up.
    """
    for lock in directory.glob("*/lock"):
        with contextlib.suppress(FileNotFoundError):
            status = lock.stat()
            age = time.time() - status.st_mtime
            # Not at once: a process of another host that shares the directory cannot be seen from here.
            while ABANDONED_SECONDS > age >= 0 and not _is_open(lock):
                time.sleep(0.2)
                age = time.time() - lock.stat().st_mtime
            abandoned = status.st_uid == os.getuid() and not _is_open(lock)
            if abandoned or age > STALE_SECONDS:
                lock.unlink()


def _is_open(file: Path) -> bool:
    """Whether a process of this user has it open."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if any(opened.path == str(file.resolve()) for opened in process.open_files()):
                return True
    return False
