import os
import time

from passk.openrlhf.cpu.operators import STALE_SECONDS, forget_stale_locks


def test_a_lock_that_a_killed_process_left_is_removed_and_a_fresh_one_is_not(tmp_path):
    old, fresh = tmp_path / "fused_adam" / "lock", tmp_path / "shm" / "lock"
    for lock in (old, fresh):
        lock.parent.mkdir()
        lock.touch()
    past = time.time() - STALE_SECONDS - 1
    os.utime(old, (past, past))
    forget_stale_locks(tmp_path)
    assert (old.exists(), fresh.exists()) == (False, True)
    forget_stale_locks(tmp_path / "none")


def test_an_old_lock_that_somebody_still_holds_stays(tmp_path):
    lock = tmp_path / "fused_adam" / "lock"
    lock.parent.mkdir()
    lock.touch()
    long_ago = time.time() - STALE_SECONDS - 10
    os.utime(lock, (long_ago, long_ago))
    with lock.open():
        forget_stale_locks(tmp_path)
        assert lock.exists()
    forget_stale_locks(tmp_path)
    assert not lock.exists()
