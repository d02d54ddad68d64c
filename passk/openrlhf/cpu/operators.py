"""Where DeepSpeed's compiled CPU operators lie, and the locks that a killed process leaves among them."""

import contextlib
import sys
import time
from pathlib import Path

import psutil

# Beside the packages they are compiled against: the cache in the home directory is shared by all environments.
DIRECTORY = Path(sys.prefix) / "torch_extensions"
STALE_SECONDS = 120.0


def forget_stale_locks(directory: Path = DIRECTORY) -> None:
    """Remove locks that nobody holds any more.

    torch takes one for a second or so whenever it loads an operator, for minutes where it compiles it, and waits
    for ever on one that a killed process left. Its holder keeps the file open, so an old lock that nobody on this
    machine has open is a left one.
    """
    for lock in directory.glob("*/lock"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - lock.stat().st_mtime > STALE_SECONDS and not _is_open(lock):
                lock.unlink()


def _is_open(file: Path) -> bool:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(opened.path == str(file.resolve()) for opened in process.open_files()):
                return True
    return False
