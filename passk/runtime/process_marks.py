"""Find and end what a killed guard (process_tree.py) or job watchdog left running.

Linux gives the children of a killed process to another parent, so descent no longer tells its tree. Each guard
therefore puts its own name into the environment of the tree (MARK). The name holds the guard's process id, its start
and its pid namespace, so no later process and no container has the same one. Linux only.
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
"""How the names of scratch directories in TMPDIR begin, and the file in one with the name of its guard."""
END_SECONDS = 10.0
"""Longest wait for processes that were killed."""
_POLL_SECONDS = 0.1


def name_of(guard: int, caller: int) -> str:
    """Return the name of a guard: its pid namespace, then process id and start of the guard and of its caller."""
    return "/".join([_namespace(), *(word for pid in (guard, caller) for word in (str(pid), _start(pid) or "0"))])


def end_tree(name: str) -> None:
    """Kill every process that has the guard's name, and wait until they are gone."""
    end(lambda: bearers(MARK, lambda mark: mark == name))


def end_abandoned() -> None:
    """Kill the trees of this machine whose guard was killed, or is suspended while its caller is gone."""
    for guard in {mark.split("/")[1] for mark in _marks() if _is_abandoned(mark) and _guard_runs(mark)}:
        with contextlib.suppress(OSError):
            os.kill(int(guard), signal.SIGKILL)  # a suspended one; its tree is found by its name then
    end(lambda: bearers(MARK, _is_abandoned))


def own_scratch(scratch: Path, name: str) -> None:
    """Note in a scratch directory which guard works in it, for the case that nobody is left to remove it."""
    with contextlib.suppress(OSError):  # on a full disk the directory is only not removed then
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
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid in spared or process.status() == psutil.STATUS_ZOMBIE:
                continue
            value = process.environ().get(variable)
            if value is not None and wanted(value):
                found.append(process)
    return found


def end(find: Callable[[], list[psutil.Process]]) -> None:
    """Kill what `find` returns until it returns nothing: a process may start another one meanwhile."""
    deadline = time.monotonic() + END_SECONDS
    while (left := find()) and time.monotonic() < deadline:
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(_POLL_SECONDS)


def _marks() -> set[str]:
    found: set[str] = set()
    bearers(MARK, lambda mark: bool(found.add(mark)))
    return found


def _is_abandoned(mark: str) -> bool:
    namespace, *words = mark.split("/")
    if namespace != _namespace() or len(words) != 4:
        return False  # of another container, or not ours
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
    """Start of a process in clock ticks since the machine's; None where it is gone or a zombie."""
    fields = _fields(pid)
    return fields[19] if fields and fields[0] != "Z" else None


def _state(pid: int | str) -> str | None:
    fields = _fields(pid)
    return fields[0] if fields else None


def _fields(pid: int | str) -> list[str]:
    """Fields of /proc/PID/stat from the third one on: the second, a name, may hold spaces and parentheses."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
