"""Where DeepSpeed's compiled CPU operators lie, and the locks that a killed process leaves among them."""

import contextlib
import sys
import time
from pathlib import Path

# Beside the packages they are compiled against: the cache in the home directory is shared by all environments.
DIRECTORY = Path(sys.prefix) / "torch_extensions"
STALE_SECONDS = 120.0


def forget_stale_locks(directory: Path = DIRECTORY) -> None:
    """Remove locks that nobody holds any more.

    torch takes one for a second or so whenever it loads an operator, and waits for ever on one that a killed
    process left. The long compilation is part of the set-up, so an old lock is a left one.
    """
    for lock in directory.glob("*/lock"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - lock.stat().st_mtime > STALE_SECONDS:
                lock.unlink()
