"""Run a training command on a Ray cluster, and end it when its follower disappears.

    python -m passk.runtime.job_watchdog ALIVE LOG COMMAND...

This is the entrypoint of a stage's Ray job. The follower (ray_job.py) writes a new number into the file ALIVE every
few seconds. When the number stops changing, the watchdog ends the command and all its processes, and Ray ends the
actors of the dead driver. ALIVE is removed last, when the job has no process left. It is in the stage directory,
on storage that every node shares.
"""

import hashlib
import os
import sys
import time
import uuid
from pathlib import Path

from passk.files import layout
from passk.runtime import failure_record, process_marks, process_tree
from passk.runtime.failures import Failure

BEAT_SECONDS = 2.0
SILENCE_SECONDS = 15.0
"""Longest time without a heartbeat. Together with process_tree.GRACE_SECONDS it is below 30 s."""
LOOK_SECONDS = 1.0
AWAY_SECONDS = 120.0
"""Longest outage of the storage that does not count as silence of the follower."""
LATELY_SECONDS = 120.0
"""Longest time between the kill of a process and the end of its command."""
SWEEP_SECONDS = 3.0
MARK = "PASSK_JOB"
"""Variable with the job's name, in the environment of all its processes."""


class Follower:
    """The process that follows the job, observed through the file ALIVE.

    The storage of ALIVE may be away: a network file system lets each access wait, or refuses it. The follower cannot
    beat in that time.
    """

    def __init__(self, alive: Path) -> None:
        self._alive = alive
        self._looked = self._changed = time.monotonic()
        self._last = ""
        self._away = 0.0

    def is_gone(self) -> bool:
        """Return whether the heartbeat has been missing for SILENCE_SECONDS."""
        began = time.monotonic()
        if began - self._looked < LOOK_SECONDS:
            return False
        answers = self._storage_answers()
        # Compare the content, not the modification time: clocks of two machines differ, and NFS caches times.
        try:
            beat = self._alive.read_text()
        except OSError:
            beat = ""
        now = time.monotonic()
        if beat and beat != self._last:
            self._last, self._changed, self._away = beat, now, 0.0
        elif self._away < AWAY_SECONDS and not (answers and now - began < BEAT_SECONDS):
            self._away += now - self._looked
            self._changed += now - self._looked
        self._looked = now
        return now - self._changed > SILENCE_SECONDS

    def _storage_answers(self) -> bool:
        """Return whether the storage takes a change, which needs no space. Wait for it, if the storage does."""
        try:
            os.utime(self._alive)
        except FileNotFoundError:
            return self._alive.parent.exists()
        except OSError:
            return False
        return True


def job_name(directory: Path) -> str:
    """Return a new name for a job in a stage's directory. The names of one directory have the same prefix."""
    return f"{_stem(directory)}{uuid.uuid4().hex[:8]}"


def end_jobs(directory: Path) -> None:
    """Kill the remaining processes of a directory's jobs on this machine. None of these jobs may be followed.

    A killed watchdog leaves torchrun's workers, engines and other processes with a session of their own.
    """
    stem = _stem(directory)
    process_marks.end(lambda: process_marks.bearers(MARK, lambda name: name.startswith(stem)))


def _stem(directory: Path) -> str:
    # Two directories of runs may train the same stage at once.
    return f"passk-{directory.name}-{hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:8]}-"


def end_earlier(name: str) -> None:
    """Kill the processes that earlier jobs of the same directory left on this node."""
    stem = name.rpartition("-")[0] + "-"
    process_marks.end(lambda: process_marks.bearers(MARK, lambda other: other.startswith(stem) and other != name))


def sweep(name: str) -> None:
    """Kill processes with the job's mark on this node that Ray has not ended within SWEEP_SECONDS.

    The children of a killed actor survive it.
    """
    deadline = time.monotonic() + SWEEP_SECONDS
    while process_marks.bearers(MARK, lambda other: other == name):
        if time.monotonic() > deadline:
            return process_marks.end(lambda: process_marks.bearers(MARK, lambda other: other == name))
        time.sleep(0.2)


class Memory:
    """Counter of Linux's out-of-memory kills. Only recent kills explain the end of a command."""

    def __init__(self) -> None:
        self._kills, self._rose, self._looked = oom_kills(), float("-inf"), time.monotonic()

    def look(self) -> None:
        """Update the counter, at most once in LOOK_SECONDS."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            if (kills := oom_kills()) > self._kills:
                self._kills, self._rose = kills, now

    def killed_lately(self) -> bool:
        """Return whether Linux killed a process for lack of memory within LATELY_SECONDS."""
        return oom_kills() > self._kills or time.monotonic() - self._rose < LATELY_SECONDS


def oom_kills() -> int:
    """Return the number of processes that Linux has killed for lack of memory in this cgroup, else on the machine."""
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
    failure_file = layout.failure(alive.parent)
    os.environ[failure_record.VARIABLE] = str(failure_file.resolve())
    follower, memory = Follower(alive), Memory()

    def is_gone() -> bool:
        memory.look()
        return follower.is_gone()

    status = process_tree.keep(command, is_gone)
    if status and memory.killed_lately():
        failure_record.write(failure_file, Failure("memory", "Linux killed a process for lack of memory"))
    if status and MARK in os.environ:
        sweep(os.environ[MARK])
    alive.unlink(missing_ok=True)
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
