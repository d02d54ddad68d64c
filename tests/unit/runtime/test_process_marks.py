"""A guard that is killed or suspended leaves nothing either: proved on real processes that leave their session."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from passk.runtime import process_marks, process_tree
from tests.unit.runtime.test_process_tree import DAEMON, gone, pid_in


@pytest.fixture
def daemon(tmp_path):
    """A command under guard, and the process id of its daemon."""
    job = process_tree.start([sys.executable, "-c", DAEMON, str(tmp_path / "pid"), "stay"], log=tmp_path / "log")
    yield job, pid_in(tmp_path / "pid")
    job.stop()


CALLER = """
import os, sys, time
from pathlib import Path
from passk.runtime import process_tree
job = process_tree.start([sys.executable, "-c", sys.argv[1], sys.argv[2], "stay"], log=Path(sys.argv[3]))
print(job._process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def caller(tmp_path):
    """Another process with a command under guard: it, its guard's process id, the daemon's."""
    words = [sys.executable, "-c", CALLER, DAEMON, str(tmp_path / "other"), str(tmp_path / "log")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    guard = int(process.stdout.readline())
    yield process, guard, pid_in(tmp_path / "other")
    process.kill()
    process.communicate()
    process_marks.end_abandoned()


def test_the_caller_of_a_killed_guard_ends_its_tree(daemon):
    job, pid = daemon
    os.kill(job._process.pid, signal.SIGKILL)
    job._process.wait()
    assert psutil.pid_exists(pid), "a daemon outlives its guard, or this tests nothing"
    assert job.stop() < 0
    assert gone(pid)


def test_a_suspended_guard_is_killed_with_its_tree(daemon, monkeypatch):
    monkeypatch.setattr(process_tree, "STOP_SECONDS", 1.0)
    job, pid = daemon
    os.kill(job._process.pid, signal.SIGSTOP)
    assert job.stop() == -signal.SIGKILL
    assert gone(pid)


def test_the_next_start_ends_the_tree_of_a_guard_that_was_killed_with_its_caller(tmp_path, caller):
    process, guard, pid = caller
    os.kill(guard, signal.SIGKILL)
    process.kill()
    process.wait()
    assert psutil.pid_exists(pid)
    process_tree.start([sys.executable, "-c", "pass"], log=tmp_path / "next").stop()
    assert gone(pid)


def test_a_suspended_guard_whose_caller_is_gone_is_ended_and_one_whose_caller_lives_is_not(caller):
    process, guard, pid = caller
    os.kill(guard, signal.SIGSTOP)
    while psutil.Process(guard).status() != psutil.STATUS_STOPPED:
        time.sleep(0.05)
    process_marks.end_abandoned()
    assert psutil.pid_exists(guard) and psutil.pid_exists(pid)
    process.kill()
    process.wait()
    process_marks.end_abandoned()
    assert gone(pid) and gone(guard)


def test_trees_that_are_guarded_and_marks_of_others_are_left_alone(daemon):
    _, pid = daemon
    foreign = ["pid:[1]/1/1/1/1", f"{process_marks._namespace()}/1/1", "", "another program's"]
    others = [
        subprocess.Popen(["sleep", "300"], env={**os.environ, process_marks.MARK: mark}, start_new_session=True)
        for mark in foreign
    ]
    try:
        process_marks.end_abandoned()
        assert [process.poll() for process in others] == [None] * 4
        assert psutil.pid_exists(pid)
    finally:
        for process in others:
            process.kill()
            process.wait()


def test_a_later_process_with_the_number_of_a_guard_is_another_one():
    pid = os.getpid()
    name = process_marks.name_of(pid, pid)
    assert not process_marks._is_abandoned(name)
    assert process_marks._is_abandoned(name.replace(f"/{process_marks._start(pid)}", "/1"))


def test_the_scratch_directory_of_a_guard_is_removed_only_when_it_and_its_caller_are_gone(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    live, namespace = process_marks.name_of(os.getpid(), os.getpid()).split("/")[1:3], process_marks._namespace()
    gone = ["1", "1"]
    for name, words in {"both": gone + gone, "guard": gone + live, "caller": live + gone, "odd": ["1"]}.items():
        (tmp_path / f"passk-{name}").mkdir()
        process_marks.own_scratch(tmp_path / f"passk-{name}", "/".join([namespace, *words]))
    (tmp_path / "passk-mine").mkdir()
    process_marks.remove_abandoned_scratch()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"passk-{n}" for n in ("caller", "guard", "mine", "odd")
    ]
