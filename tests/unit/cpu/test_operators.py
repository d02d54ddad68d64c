import os
import shutil
import sys
import time
from pathlib import Path

from passk.cpu import operators
from passk.cpu.operators import forget_stale_locks
from passk.experiment.compute import Compute
from passk.runtime import worker_setup
from passk.runtime.environment import environment


def test_locks_that_no_process_holds_are_removed_and_one_that_is_held_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(operators, "ABANDONED_SECONDS", 2.0)
    old, left, held = (tmp_path / name / "lock" for name in ("fused_adam", "shm", "async_io"))
    for lock in (old, left, held):
        lock.parent.mkdir()
        lock.touch()
    for lock, seconds in ((old, -9_999), (left, 9_999)):  # of a clock that was set meanwhile
        os.utime(lock, (time.time() + seconds,) * 2)
    with held.open():
        forget_stale_locks(tmp_path)
        assert [lock.exists() for lock in (old, left, held)] == [False, False, True]
        # however long a process compiles, whatever it holds is not old
    forget_stale_locks(tmp_path / "none")


def test_the_operators_are_built_by_one_ninja_whether_the_environment_is_activated_or_not(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    path = environment(Compute(profile="cpu"))["PATH"]
    assert Path(shutil.which("ninja", path=path)).parent == Path(sys.executable).parent
    assert path.endswith(":/usr/bin:/bin")


def test_a_worker_of_a_cluster_that_others_started_finds_the_same_ninja_and_the_path_does_not_grow(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    worker_setup.install()
    assert Path(shutil.which("ninja")).parent == Path(sys.executable).parent
    before = os.environ["PATH"]
    worker_setup.install()
    assert os.environ["PATH"] == before
