"""Locks between processes: a stage is trained, and an experiment is run, by one at a time.

A lock is flock(2) on a small file that stays. The kernel frees it when its holder ends, by SIGKILL too, so
none is ever left over, and waiting lasts as long as the holder lives. The file's text is for people: it says
who holds it.

Between hosts that share their storage it holds where the file system carries flock between them: NFSv4 does
(a dead client's locks are freed when its lease runs out, 90 s by default), Lustre does when mounted with
`flock`. A mount that keeps locks to itself (NFS with local_lock, Lustre with localflock) locks on each host
alone. On one without locks the holder says so and goes on.
"""

import contextlib
import errno
import fcntl
import json
import math
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from passk.base.errors import PasskError

POLL_SECONDS = 0.5
LONGEST_SECONDS = 300.0
"""Longest wait of a process that writes into a directory for another one that still writes there."""
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_kept: dict[Path, FileIO] = {}


class StillHeld(PasskError):
    """A lock that its holder did not let go in time."""


@contextmanager
def alone(
    file: Path,
    *,
    what: str,
    experiment: str,
    does: str,
    say: Callable[[str], None],
    going: Callable[[], bool] = lambda: True,
    longest: float = math.inf,
) -> Iterator[None]:
    """Hold the lock `file`; whoever holds it is waited for, in short sleeps that Ctrl-C ends.

    what: stands in front of what is said; experiment: for which it is held; does: what a holder does with it
    ("trains it"); going: whether the run that waits still goes on, asked by a thread, which no signal reaches.
    Raises PasskError when it does not. longest: seconds to wait, after which StillHeld is raised.
    """
    with _open(file) as lock:
        told, deadline = False, time.monotonic() + longest
        for attempt, holder in enumerate(_attempts(lock, what, say)):
            # The second failure tells: at the first one the holder may not have written its name yet.
            if attempt and not told:
                say(f"{what}: waits for {holder}, which {does}")
                told = True
            if not going():
                raise PasskError(f"{what}: stopped while it waited for {holder}")
            if time.monotonic() > deadline:
                raise _still_held(what, holder, does, longest)
        _write(lock, {"experiment": experiment, "pid": os.getpid(), "host": socket.gethostname()})
        try:
            yield
        finally:
            _write(lock, {})


def keep(file: Path, *, waits: bool = True) -> None:
    """Hold the lock `file` for as long as this process lives, after whoever holds it; for whom it waits it prints.

    Raises PasskError where it would wait and `waits` is False, StillHeld after LONGEST_SECONDS of waiting.
    """
    path = file.resolve()
    if path in _kept:
        return
    lock, deadline = _open(path), time.monotonic() + LONGEST_SECONDS
    for attempt, holder in enumerate(_attempts(lock, path.parent.name, print)):
        if attempt == 1:  # as in `alone`
            if not waits:
                raise PasskError(f"{holder} writes into {path.parent}")
            print(f"{path.parent.name}: waits for {holder}, which still writes there", flush=True)
        if time.monotonic() > deadline:
            raise _still_held(str(path.parent), holder, "still writes there", LONGEST_SECONDS)
    _write(lock, {"pid": os.getpid(), "host": socket.gethostname()})
    _kept[path] = lock


def _still_held(what: str, holder: str, does: str, seconds: float) -> StillHeld:
    return StillHeld(f"{what}: {holder} {does} after {seconds:g} s; end that process, then run the command again")


def is_held(file: Path) -> bool:
    """Return whether a process holds the lock `file`."""
    if not file.is_file():
        return False
    with file.open("a+b", buffering=0) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False  # the file system has no locks
    return False


def _open(file: Path) -> FileIO:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.open("a+b", buffering=0)  # for writing: NFS locks nothing else exclusively


def _attempts(lock: FileIO, what: str, say: Callable[[str], None]) -> Iterator[str]:
    """Try until the lock is taken; after each failure, who holds it."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            yield _holder(lock)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            say(f"{what}: the file system of {lock.name} has no locks; do not run it twice at once")
            return
        time.sleep(POLL_SECONDS)


def _holder(lock: FileIO) -> str:
    lock.seek(0)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = json.loads(lock.read())
        named = f"experiment {found['experiment']}, " if "experiment" in found else ""
        return f"{named}process {found['pid']} on {found['host']}"
    return "another process"


def _write(lock: FileIO, holder: dict[str, str | int]) -> None:
    # A full disk must not keep anyone from what the lock is for.
    with contextlib.suppress(OSError):
        lock.truncate(0)
        lock.write(json.dumps(holder).encode())
