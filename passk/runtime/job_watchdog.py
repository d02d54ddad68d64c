"""Holds a training command on a Ray cluster: it lives as long as somebody follows it.

    python -m passk.runtime.job_watchdog ALIVE LOG COMMAND...

This is the entrypoint of a stage's Ray job. Whoever follows the job writes a new number into the file ALIVE
every few seconds; where that stops, whatever the reason, the command and all its processes are ended, and
Ray ends the actors of a driver that is gone. ALIVE is removed last: no process of this job is left then.
It lies in the stage directory, which is on storage that every node sees.
"""

import hashlib
import os
import sys
import time
import uuid
from pathlib import Path

from passk.runtime import process_marks, process_tree

BEAT_SECONDS = 2.0
SILENCE_SECONDS = 15.0
"""longest time without a beat; with guard.GRACE_SECONDS on top it stays below 30 s"""
LOOK_SECONDS = 1.0
LATELY_SECONDS = 120.0
"""that a command may take to end after one of its processes was killed"""
SWEEP_SECONDS = 3.0
MARK = "PASSK_JOB"
"""variable with the job's name, in the environment of all its processes"""


class Follower:
    """The other end of the leash, as it is seen from here."""

    def __init__(self, alive: Path) -> None:
        self._alive = alive
        self._looked = self._changed = time.monotonic()
        self._last = ""

    def is_gone(self) -> bool:
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return False
        self._looked = now
        # What is in the file, not its age: clocks of two machines differ, and NFS keeps old ages for a while.
        try:
            beat = self._alive.read_text()
        except OSError:
            beat = ""
        if beat and beat != self._last:
            self._last, self._changed = beat, now
        return now - self._changed > SILENCE_SECONDS


def job_name(directory: Path) -> str:
    """Return a new name for a job in a stage's directory. The jobs of one directory begin with the same words."""
    return f"{_stem(directory)}{uuid.uuid4().hex[:8]}"


def end_jobs(directory: Path) -> None:
    """Kill what the jobs in a directory left on this machine: nobody may follow one of them any more.

    A killed watchdog leaves the workers of torchrun, engines and other processes that have their own session.
    """
    stem = _stem(directory)
    process_marks.end(lambda: process_marks.bearers(MARK, lambda name: name.startswith(stem)))


def _stem(directory: Path) -> str:
    # The same stage may be trained in two directories of runs at once.
    return f"passk-{directory.name}-{hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:8]}-"


def end_earlier(name: str) -> None:
    """Kill on this node what earlier jobs in the same directory left, before this one begins."""
    stem = name.rpartition("-")[0] + "-"
    process_marks.end(lambda: process_marks.bearers(MARK, lambda other: other.startswith(stem) and other != name))


def sweep(name: str) -> None:
    """End what bears the job's mark on this node and is left when Ray has had time to end it.

    A process that an actor started stays behind where the actor is killed outright.
    """
    deadline = time.monotonic() + SWEEP_SECONDS
    while process_marks.bearers(MARK, lambda other: other == name):
        if time.monotonic() > deadline:
            return process_marks.end(lambda: process_marks.bearers(MARK, lambda other: other == name))
        time.sleep(0.2)


class Memory:
    """Whether Linux has lately killed a process for want of memory: a kill of hours ago is no reason for this end."""

    def __init__(self) -> None:
        self._kills, self._rose, self._looked = oom_kills(), float("-inf"), time.monotonic()

    def look(self) -> None:
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            if (kills := oom_kills()) > self._kills:
                self._kills, self._rose = kills, now

    def killed_lately(self) -> bool:
        return oom_kills() > self._kills or time.monotonic() - self._rose < LATELY_SECONDS


def oom_kills() -> int:
    """Processes that Linux has killed for want of memory so far: in this cgroup, or on the machine."""
    group = next((line[3:].strip() for line in _lines("/proc/self/cgroup") if line.startswith("0::")), "/")
    for file in (f"/sys/fs/cgroup{group}/memory.events", "/sys/fs/cgroup/memory.events", "/proc/vmstat"):
        for line in _lines(file):
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text().splitlines()
    except OSError:
        return []


def main(alive: Path, log: Path, command: list[str]) -> int:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if MARK in os.environ:
        end_earlier(os.environ[MARK])
    follower, memory = Follower(alive), Memory()

    def is_gone() -> bool:
        memory.look()
        return follower.is_gone()

    status = process_tree.keep(command, is_gone)
    if status and memory.killed_lately():
        print("passk: memory: Linux killed a process for want of memory", flush=True)
    if status and MARK in os.environ:
        sweep(os.environ[MARK])
    alive.unlink(missing_ok=True)
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
