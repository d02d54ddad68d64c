"""Run a command so that nothing of it outlives whoever asked for it.

`start(command)` runs the command under a guard process of its own. When the command ends, or when the
process that called `start` goes away by any way (return, exception, Ctrl-C, SIGKILL), the guard ends the
command and every process that came out of it: it is the subreaper of the whole tree, so daemons that
detach themselves (Ray's raylet and its workers, vLLM's engine cores) stay its descendants. Linux only.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

GRACE_SECONDS = 8.0
WATCH_SECONDS = 0.5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 60.0
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Guarded:
    """A command under guard. `stop()` or garbage collection of the caller's process ends the whole tree."""

    def __init__(self, process: subprocess.Popen, scratch: Path | None) -> None:
        self._process, self._scratch = process, scratch

    def poll(self) -> int | None:
        return self._process.poll()

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """True as soon as it is ready; False where the command ended, or the seconds passed, before that."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def stop(self) -> int:
        """End the tree, wait until it is gone, and give the command's exit status."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        status = self._process.wait()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        return status


class Kept:
    """A command under guard that is started again whenever it ends, however it ended, until `stop()`.

    Use:
        kept = Kept(lambda: start(command, log=log), say=print, name="the server")
    """

    def __init__(self, begin: Callable[[], Guarded], *, name: str, say: Callable[[str], None]) -> None:
        self._begin, self._name, self._say = begin, name, say
        self._running, self._stopped = begin(), threading.Event()
        self._watch = threading.Thread(target=self._keep, name=f"keeps {name}", daemon=True)

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """As `Guarded.wait_until`. From then on it is kept: one that never was ready is not started again."""
        if not self._running.wait_until(ready, seconds):
            return False
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
        while not self._stopped.wait(WATCH_SECONDS):
            if self._running.poll() is None:
                continue
            # what ends again and again is started more and more slowly
            lived = time.monotonic() - begun
            pause = FIRST_PAUSE_SECONDS if lived > LONGEST_PAUSE_SECONDS else min(2 * pause, LONGEST_PAUSE_SECONDS)
            self._say(f"{self._name} ended; it is started again in {pause:g} s")
            if self._stopped.wait(pause):
                return
            self._running, begun = self._begin(), time.monotonic()


def start(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    scratch: Path | None = None,
) -> Guarded:
    """Start `command`, its output appended to `log`. The caller holds the guard's standard input open.

    scratch: a directory that is removed when the caller stops the command or goes away, and all processes are gone.
    It stays where the command ended by itself, until `stop()`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "passk.runtime.process_tree", str(scratch or ""), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            start_new_session=True,  # a Ctrl-C in the terminal reaches the caller alone, who then ends us in order
        )
    return Guarded(process, scratch)


def _end_descendants(grace: float) -> None:
    """Ask every descendant to end, insist after `grace` seconds, and come back when none is left."""
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while descendants := psutil.Process().children(recursive=True):
        insist = time.monotonic() > deadline
        for process in descendants:
            if insist or process.pid not in asked:
                asked.add(process.pid)
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL if insist else signal.SIGTERM)
        _reap()
        time.sleep(0.05)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def keep(command: Sequence[str], caller_is_gone: Callable[[], bool]) -> int:
    """Run `command` as the guard of its whole tree, and give its exit status; 143 where it was ended from outside.

    For the main program of a process that does nothing else: it takes the signals and every child there is.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    asked: list[int] = []
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _: asked.append(number))
    guard = os.getpid()

    def die_with_the_guard() -> None:
        """Should somebody kill that one outright."""
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:  # it was gone before that took hold
            os._exit(1)

    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_the_guard).pid
    status = None
    while status is None:
        pid, code = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            status = os.waitstatus_to_exitcode(code)
        elif pid == 0:
            if asked or caller_is_gone():
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
