"""No process outlives its owner: proved on real processes that detach themselves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import psutil
import pytest

from passk.runtime import process_tree
from tests.log_lines import logged_lines

# A process that leaves its session, its parent and its terminal, and ignores requests to end: a daemon.
DAEMON = """
import os, signal, sys, time
if os.fork():
    sys.exit(0) if sys.argv[2] == "leave" else time.sleep(600)
os.setsid()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
"""


def pid_in(file) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if file.exists() and file.read_text():
            return int(file.read_text())
        time.sleep(0.05)
    raise AssertionError("the process did not start")


def gone(pid: int) -> bool:
    deadline = time.monotonic() + process_tree.GRACE_SECONDS + 10
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not psutil.pid_exists(pid)


def daemon(directory: Path, then: str) -> tuple[process_tree.Guarded, int]:
    """A command under guard, and the process id of its daemon. then: of the command itself, `stay` or `leave`."""
    directory.mkdir()
    command = [sys.executable, "-c", DAEMON, str(directory / "pid"), then]
    return process_tree.start(command, log=directory / "log"), pid_in(directory / "pid")


@pytest.fixture(scope="module")
def daemons(tmp_path_factory) -> Iterator[dict[str, int]]:
    """Daemons whose trees end in three ways at once, since each guard first waits for GRACE_SECONDS."""
    directory = tmp_path_factory.mktemp("daemons")
    (directory / "killed").mkdir()
    caller = f"""
import time, sys
from pathlib import Path
from passk.runtime import process_tree
command = [sys.executable, "-c", {DAEMON!r}, {str(directory / "killed" / "pid")!r}, "stay"]
job = process_tree.start(command, log=Path({str(directory / "killed" / "log")!r}))
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", caller])
    stopped, left = daemon(directory / "stopped", "stay"), daemon(directory / "left", "leave")
    pids = {"stopped": stopped[1], "left": left[1], "killed": pid_in(directory / "killed" / "pid")}
    os.kill(process.pid, signal.SIGKILL)
    stopping = Thread(target=stopped[0].stop)
    stopping.start()
    yield pids
    process.wait()
    stopping.join()
    assert left[0].poll() is not None


def test_a_stopped_command_takes_its_detached_daemon_with_it(daemons):
    assert gone(daemons["stopped"])


def test_a_command_that_ends_leaves_no_daemon_behind(daemons):
    assert gone(daemons["left"])


def test_the_tree_ends_when_the_caller_is_killed_outright(daemons):
    assert gone(daemons["killed"])


def kept(tmp_path, program: str) -> process_tree.Kept:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-c", program, str(tmp_path / "pids")]
    return process_tree.Kept(
        lambda: process_tree.start(command, log=tmp_path / "log", scratch=scratch), name="the sleeper"
    )


SLEEPER = """
import os, sys, time
with open(sys.argv[1], "a") as pids:
    pids.write(f"{os.getpid()} {os.getppid()}\\n")
time.sleep(600)
"""


def started(pids, count: int) -> list[list[int]]:
    """[process, guard] of each start, as soon as there are so many."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        rows = [[int(pid) for pid in line.split()] for line in pids.read_text().splitlines()] if pids.exists() else []
        if len(rows) == count:
            return rows
        time.sleep(0.05)
    raise AssertionError(f"not started {count} times")


def test_a_kept_command_is_started_again_after_it_or_its_guard_was_killed_and_ends_with_stop(tmp_path):
    with logged_lines() as said:
        sleeper = kept(tmp_path, SLEEPER)
        assert sleeper.wait_until((tmp_path / "pids").exists, 20)
        for number, victim in enumerate((0, 1), start=1):
            process = started(tmp_path / "pids", number)[-1]
            os.kill(process[victim], signal.SIGKILL)
            assert gone(process[0])
            started(tmp_path / "pids", number + 1)
            assert (tmp_path / "scratch").exists(), "what it works in is there for the next start"
        sleeper.stop()
    assert all(gone(pid) for pid, _ in started(tmp_path / "pids", 3))
    assert not (tmp_path / "scratch").exists()
    assert said == ["the sleeper ended; restart in 1 s", "the sleeper ended; restart in 2 s"]


def test_a_command_that_was_never_ready_is_not_started_again(tmp_path):
    with logged_lines() as said:
        broken = kept(tmp_path, "raise SystemExit(1)")
        assert not broken.wait_until(lambda: False, 20)
        broken.stop()
    assert said == []


def test_the_exit_status_is_the_commands_own(tmp_path):
    assert process_tree.start([sys.executable, "-c", "raise SystemExit(7)"], log=tmp_path / "log")._process.wait() == 7
