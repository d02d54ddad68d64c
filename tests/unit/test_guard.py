"""Nothing outlives whoever asked for it: proved on real processes that detach themselves."""

import os
import signal
import subprocess
import sys
import time

import psutil

from passk import guard

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
    deadline = time.monotonic() + guard.GRACE_SECONDS + 10
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not psutil.pid_exists(pid)


def test_a_stopped_command_takes_its_detached_daemon_with_it(tmp_path):
    job = guard.start([sys.executable, "-c", DAEMON, str(tmp_path / "pid"), "stay"], log=tmp_path / "log")
    pid = pid_in(tmp_path / "pid")
    job.stop()
    assert gone(pid)


def test_a_command_that_ends_leaves_no_daemon_behind(tmp_path):
    job = guard.start([sys.executable, "-c", DAEMON, str(tmp_path / "pid"), "leave"], log=tmp_path / "log")
    pid = pid_in(tmp_path / "pid")
    while job.poll() is None:
        time.sleep(0.1)
    assert gone(pid)


def test_the_tree_ends_when_the_caller_is_killed_outright(tmp_path):
    caller = f"""
import time, sys
from pathlib import Path
from passk import guard
command = [sys.executable, "-c", {DAEMON!r}, {str(tmp_path / "pid")!r}, "stay"]
job = guard.start(command, log=Path({str(tmp_path / "log")!r}))
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", caller])
    pid = pid_in(tmp_path / "pid")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert gone(pid)


def test_the_exit_status_is_the_commands_own(tmp_path):
    assert guard.start([sys.executable, "-c", "raise SystemExit(7)"], log=tmp_path / "log")._process.wait() == 7
