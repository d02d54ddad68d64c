"""Run a command so that none of its processes outlives the caller.

`start(command)` runs the command under its own guard process. When the command or the caller ends, for any reason
(return, exception, Ctrl-C, SIGKILL), the guard ends the command and all its descendants. The guard is the subreaper
of the tree, so daemons that detach themselves (Ray's raylet and workers, vLLM's engine cores) stay its descendants.
If the guard itself is killed, the caller ends the tree by the guard's mark (process_marks.py). If both are killed,
the next `start` on the machine does. Linux only.
"""

import contextlib
import ctypes
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import psutil

from passk.base import logs, parent_death
from passk.runtime import process_marks

logger = logging.getLogger(__name__)
GRACE_SECONDS = 8.0
STOP_SECONDS = 30.0
"""Longest wait for a guard to end its tree. A suspended guard (SIGSTOP) never does."""
WATCH_SECONDS = 0.5
ASK_SECONDS, SILENT_SECONDS = 5.0, 120.0
"""Interval between two readiness checks of a kept command, and the longest time without a success."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 60.0
_PR_SET_CHILD_SUBREAPER = 36


class Guarded:
    """A command under guard. `stop()` or the end of the caller's process ends the whole tree."""

    def __init__(self, process: subprocess.Popen, scratch: Path | None) -> None:
        self._process, self._scratch = process, scratch
        self.name = process_marks.name_of(process.pid, os.getpid())

    def poll(self) -> int | None:
        return self._process.poll()

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Return True once `ready()` is true; False if the command ends or the time runs out first."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def end(self) -> int:
        """End the tree, wait until it is gone, and return the command's exit status. The scratch directory stays."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        if status < 0:  # the guard itself was killed, and could end nothing
            process_marks.end_tree(self.name)
        return status

    def stop(self) -> int:
        """End the tree as `end` does, and remove the scratch directory."""
        status = self.end()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        return status


class Kept:
    """A command under guard that is restarted whenever it ends, until `stop()`.

    A command that does not answer for SILENT_SECONDS is ended and restarted too.

    Use:
        kept = Kept(lambda: start(command, log=log), name="the server")
    """

    def __init__(self, begin: Callable[[], Guarded], *, name: str) -> None:
        self._begin, self._name = begin, name
        self._running, self._stopped = begin(), threading.Event()
        self._ready: Callable[[], bool] = lambda: True
        self._watch = logs.thread(self._keep, f"keeps {name}")

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait like `Guarded.wait_until`. Restarts begin after it returns True: a command that was never ready ends."""
        if not self._running.wait_until(ready, seconds):
            return False
        self._ready = ready
        self._watch.start()
        return True

    def stop(self) -> None:
        """End the tree, and wait until it is gone."""
        self._stopped.set()
        if self._watch.is_alive():
            self._watch.join()
        self._running.stop()

    def _keep(self) -> None:
        begun, pause = time.monotonic(), FIRST_PAUSE_SECONDS
        while (ended := self._ends()) is not None:
            self._running.end()
            # The pause doubles while the command keeps ending soon.
            lived = time.monotonic() - begun
            pause = FIRST_PAUSE_SECONDS if lived > LONGEST_PAUSE_SECONDS else min(2 * pause, LONGEST_PAUSE_SECONDS)
            logger.warning("%s %s; restart in %g s", self._name, ended, pause)
            if self._stopped.wait(pause):
                return
            self._running, begun = self._begin(), time.monotonic()

    def _ends(self) -> str | None:
        """Wait until the command ends or is silent, and return which; None after `stop()`."""
        answered = checked = time.monotonic()
        while not self._stopped.wait(WATCH_SECONDS):
            if self._running.poll() is not None:
                return "ended"
            if time.monotonic() - checked < ASK_SECONDS:
                continue
            answered = time.monotonic() if self._ready() else answered
            checked = time.monotonic()
            if checked - answered > SILENT_SECONDS:
                return f"did not answer for {SILENT_SECONDS:g} s"
        return None


def start(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    scratch: Path | None = None,
) -> Guarded:
    """Start `command` and append its output to `log`. The caller holds the guard's standard input open.

    scratch: a directory to remove after all processes are gone, when the caller stops the command or ends. If the
    command ends by itself, the directory stays until `stop()`.
    """
    process_marks.end_abandoned()
    process_marks.remove_abandoned_scratch()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "passk.runtime.process_tree", str(scratch or ""), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            start_new_session=True,  # a Ctrl-C in the terminal reaches only the caller, which then ends the guard
        )
    guarded = Guarded(process, scratch)
    if scratch is not None and scratch.is_dir():
        process_marks.own_scratch(scratch, guarded.name)
    return guarded


def _end_descendants(grace: float) -> None:
    """Send SIGTERM to every descendant, SIGKILL after `grace` seconds, and return when none is left."""
    deadline = time.monotonic() + grace
    terminated: set[int] = set()
    while descendants := psutil.Process().children(recursive=True):
        insist = time.monotonic() > deadline
        for process in descendants:
            if insist or process.pid not in terminated:
                terminated.add(process.pid)
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL if insist else signal.SIGTERM)
        _reap()
        time.sleep(0.05)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def keep(command: Sequence[str], caller_is_gone: Callable[[], bool]) -> int:
    """Run `command` as the guard of its tree, and return its exit status; 143 if a signal or the caller ended it.

    Only for a process that does nothing else: it handles the process's signals and all its children.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signals: list[int] = []
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _: signals.append(number))
    guard = os.getpid()

    marked = {**os.environ, process_marks.MARK: process_marks.name_of(guard, os.getppid())}
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, env=marked, preexec_fn=partial(parent_death.end_with, guard)
    ).pid
    status = None
    while status is None:
        pid, code = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            status = os.waitstatus_to_exitcode(code)
        elif pid == 0:
            if signals or caller_is_gone():
                status = 128 + signal.SIGTERM
            else:
                time.sleep(0.1)
    _end_descendants(GRACE_SECONDS)
    return status if status >= 0 else 128 - status


def _main(scratch: str, command: list[str]) -> int:
    os.set_blocking(0, False)
    status = keep(command, _caller_is_gone)
    if scratch and _caller_is_gone():
        shutil.rmtree(scratch, ignore_errors=True)
    return status


def _caller_is_gone() -> bool:
    try:
        return os.read(0, 1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2:]))
