"""Locks between processes: one process at a time trains a stage or runs an experiment.

A lock is flock(2) on a small file that stays. The kernel frees it when its holder ends, even by SIGKILL, so no lock is
left over. The text of the file names the holder for people.

Between hosts with shared storage, a lock holds if the file system passes flock on. NFSv4 does; it frees a dead client's
locks when the lease expires, 90 s by default. Lustre does if it is mounted with `flock`. A mount with local locks (NFS
with local_lock, Lustre with localflock) locks on each host separately. Without locks, the holder logs it and continues.
"""

import contextlib
import errno
import fcntl
import json
import logging
import math
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from passk.base.errors import PasskError

log = logging.getLogger(__name__)
POLL_SECONDS = 0.5
LONGEST_SECONDS = 300.0
"""Longest wait of a process that writes into a directory for another one that still writes there."""
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_kept: dict[Path, FileIO] = {}


class StillHeld(PasskError):
    """Raised for a lock whose holder did not release it in time."""


@contextmanager
def alone(
    file: Path,
    *,
    what: str,
    experiment: str,
    does: str,
    going: Callable[[], bool] = lambda: True,
    longest: float = math.inf,
) -> Iterator[None]:
    """Hold the lock `file`, after a wait for its holder in short sleeps that Ctrl-C ends.

    what: prefix of log lines. experiment: name that the lock records. does: the holder's work, such as "trains it".
    going: returns False once the waiting run is stopped, for threads, which no signal reaches. Then KeyboardInterrupt
    is raised.
    longest: seconds to wait, after which StillHeld is raised.
    """
    with _open(file) as lock:
        logged, deadline = False, time.monotonic() + longest
        for attempt, holder in enumerate(_attempts(lock, what)):
            # Not at the first failure, when the holder may not have written its name yet.
            if attempt and not logged:
                log.info("%s: waiting for %s, which %s", what, holder, does)
                logged = True
            if not going():
                raise KeyboardInterrupt
            if time.monotonic() > deadline:
                raise _still_held(what, holder, does, longest)
        _write(lock, {"experiment": experiment, "pid": os.getpid(), "host": socket.gethostname()})
        try:
            yield
        finally:
            _write(lock, {})


def keep(file: Path, *, waits: bool = True) -> None:
    """Hold the lock `file` until this process ends, after a wait for its holder, which is logged.

    Raise PasskError if it would wait and `waits` is False, and StillHeld after LONGEST_SECONDS of waiting.
    """
    path = file.resolve()
    if path in _kept:
        return
    lock, deadline = _open(path), time.monotonic() + LONGEST_SECONDS
    for attempt, holder in enumerate(_attempts(lock, path.parent.name)):
        if attempt == 1:  # as in `alone`
            if not waits:
                raise PasskError(f"{path.parent}: {holder} writes there; wait for it, or end that process")
            log.warning("%s: waiting for %s, which still writes there", path.parent.name, holder)
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
    try:
        with _readable(file) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # the file system has no locks
    return False


def _readable(file: Path) -> FileIO:
    try:
        return file.open("r+b", buffering=0)
    except OSError:  # of another user, or on a file system that is mounted read-only
        return file.open("rb", buffering=0)


def _open(file: Path) -> FileIO:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.open("a+b", buffering=0)  # for writing, since NFS locks only such files exclusively


def _attempts(lock: FileIO, what: str) -> Iterator[str]:
    """Try until the lock is acquired, and yield its holder after each failure."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            yield _holder(lock)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            log.warning("%s: the file system of %s has no locks; do not run it twice at once", what, lock.name)
            return
        time.sleep(POLL_SECONDS)


def _holder(lock: FileIO) -> str:
    lock.seek(0)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        record = json.loads(lock.read())
        experiment = f"experiment {record['experiment']}, " if "experiment" in record else ""
        return f"{experiment}process {record['pid']} on {record['host']}"
    return "another process"


def _write(lock: FileIO, holder: dict[str, str | int]) -> None:
    # The text is only for people, so a full disk is no error here.
    with contextlib.suppress(OSError):
        lock.truncate(0)
        lock.write(json.dumps(holder).encode())
