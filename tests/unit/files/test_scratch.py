"""Scratch directories: new for each process, and removed by the next one where their owner was killed."""

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from passk.files import scratch

HOLD = """
import os, sys
from pathlib import Path
from passk.files import scratch
with scratch.beside(Path(sys.argv[1])) as directory:
    (directory / "rows").write_text("stale")
    print(directory, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def owner(tmp_path):
    """Another process with a scratch directory of tmp_path/store, and that directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "store")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def test_nothing_is_left_by_a_block_that_ends_or_raises(tmp_path):
    with scratch.beside(tmp_path / "deep" / "store") as directory:
        (directory / "rows").write_text("new")
    with pytest.raises(KeyboardInterrupt), scratch.beside(tmp_path / "deep" / "store"):
        raise KeyboardInterrupt
    assert list((tmp_path / "deep").iterdir()) == []


def test_the_directory_of_a_killed_owner_is_removed_and_never_continued(tmp_path, owner):
    process, abandoned = owner
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (abandoned / "rows").exists()
    with scratch.beside(tmp_path / "store") as directory:
        assert list(directory.iterdir()) == []
        assert not abandoned.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_directory_of_an_owner_that_lives_is_left_alone(tmp_path, owner):
    _, directory = owner
    scratch.remove_abandoned(tmp_path / "store")
    with scratch.beside(tmp_path / "store"):
        assert (directory / "rows").read_text() == "stale"


def test_targets_whose_names_begin_alike_or_hold_a_pattern_keep_apart(tmp_path):
    with scratch.beside(tmp_path / "store[1]*") as other:
        for name in ("store", "store1", "store[1]"):
            scratch.remove_abandoned(tmp_path / name)
        assert other.exists()


def test_a_lock_that_is_removed_before_it_is_held_is_made_again(tmp_path, monkeypatch):
    flock, taken = fcntl.flock, []

    def taken_first(handle: int, how: int) -> None:
        if not taken:
            taken.append(Path(f"/proc/self/fd/{handle}").readlink())
            taken[0].unlink()
        flock(handle, how)

    monkeypatch.setattr(scratch.fcntl, "flock", taken_first)
    with scratch.beside(tmp_path / "store") as directory:
        assert directory.name.removesuffix(".new") != taken[0].name.removesuffix(".lock")
