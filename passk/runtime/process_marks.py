"""Find and end the processes that a killed guard (process_tree.py) or job watchdog left running.

Linux gives the children of a killed process a new parent, so parent links do not identify its tree. Each guard
therefore puts its name into the environment of the tree (MARK). The name has the guard's process id, start time and
pid namespace, so it is unique over later processes and containers. Linux only.
"""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

MARK = "PASSK_TREE"
"""Variable with the name of the guard, in the environment of all processes of its tree."""
SCRATCH, OWNER = "passk-", ".guard"
"""Prefix of scratch directories in TMPDIR, and the file in them with the name of their guard."""
END_SECONDS = 10.0
"""Longest wait for killed processes to disappear."""
_POLL_SECONDS = 0.1


def name_of(guard: int, caller: int) -> str:
    """Return the name of a guard: its pid namespace, then process id and start time of the guard and its caller."""
    return "/".join([_namespace(), *(word for pid in (guard, caller) for word in (str(pid), _start(pid) or "0"))])


def end_tree(name: str) -> None:
    """Kill every process with the guard's name, and wait until all are gone."""
    end(lambda: bearers(MARK, lambda mark: mark == name))


def end_abandoned() -> None:
    """Kill the trees of this machine whose guard was killed, or whose suspended guard lost its caller."""
    for guard in {mark.split("/")[1] for mark in _marks() if _is_abandoned(mark) and _guard_runs(mark)}:
        with contextlib.suppress(OSError):
            os.kill(int(guard), signal.SIGKILL)  # a suspended guard; the next line finds its tree
    end(lambda: bearers(MARK, _is_abandoned))


def own_scratch(scratch: Path, name: str) -> None:
    """Write the guard's name into its scratch directory, so that a later guard can remove the directory."""
    with contextlib.suppress(OSError):  # on a full disk an abandoned directory stays
        (scratch / OWNER).write_text(name)


def remove_abandoned_scratch() -> None:
    """Remove the scratch directories of guards that were killed together with their callers."""
    for owner in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*/{OWNER}"):
        with contextlib.suppress(OSError):
            if owner.stat().st_uid == os.getuid() and _has_no_owner(owner.read_text()):
                shutil.rmtree(owner.parent, ignore_errors=True)


def _has_no_owner(name: str) -> bool:
    namespace, *words = name.split("/")
    if namespace != _namespace() or len(words) != 4:
        return False
    return _start(words[0]) != words[1] and _start(words[2]) != words[3]


def bearers(variable: str, wanted: Callable[[str], bool]) -> list[psutil.Process]:
    """Return the processes whose variable has a wanted value, without this process and its ancestors."""
    excluded = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    processes = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid in excluded or process.status() == psutil.STATUS_ZOMBIE:
                continue
            value = process.environ().get(variable)
            if value is not None and wanted(value):
                processes.append(process)
    return processes


def end(find: Callable[[], list[psutil.Process]]) -> None:
    """Kill the processes that `find` returns until it returns none: a process may start another one meanwhile."""
    deadline = time.monotonic() + END_SECONDS
    while (remaining := find()) and time.monotonic() < deadline:
        for process in remaining:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(_POLL_SECONDS)


def _marks() -> set[str]:
    marks: set[str] = set()
    bearers(MARK, lambda mark: bool(marks.add(mark)))
    return marks


def _is_abandoned(mark: str) -> bool:
    namespace, *words = mark.split("/")
    if namespace != _namespace() or len(words) != 4:
        return False  # another container's mark, or no mark of passk
    guard, started, caller, caller_started = words
    if _start(guard) != started:
        return True
    return _state(guard) == "T" and _start(caller) != caller_started


def _guard_runs(mark: str) -> bool:
    _, guard, started, *_ = mark.split("/")
    return _start(guard) == started


def _namespace() -> str:
    return Path("/proc/self/ns/pid").readlink().name


def _start(pid: int | str) -> str | None:
    """Return the start of a process in clock ticks since boot; None if it is gone or a zombie."""
    fields = _fields(pid)
    return fields[19] if fields and fields[0] != "Z" else None


def _state(pid: int | str) -> str | None:
    fields = _fields(pid)
    return fields[0] if fields else None


def _fields(pid: int | str) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on. The second, a name, may hold spaces and parentheses."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
