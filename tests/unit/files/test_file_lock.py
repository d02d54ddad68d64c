import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from passk.base.errors import PasskError
from passk.files import file_lock
from tests.log_lines import logged_lines

HOLD = """
import sys, time
from pathlib import Path
from passk.base import logs
from passk.files import file_lock
logs.show()
with file_lock.alone(Path(sys.argv[1]), what="warm", experiment="b", does="trains it"):
    print("held", flush=True)
    sys.stdin.readline()
"""
COUNT = """
import sys
from pathlib import Path
from passk.files import file_lock
file_lock.POLL_SECONDS = 0.001
counter = Path(sys.argv[2])
for _ in range(50):
    with file_lock.alone(Path(sys.argv[1]), what="count", experiment="b", does="counts"):
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def process(code, *words):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def holder(tmp_path):
    held = process(HOLD, tmp_path / "locks" / "key")
    assert held.stdout.readline() == "held\n"
    yield held
    held.kill()
    held.communicate()


@pytest.fixture
def ours(tmp_path):
    @contextmanager
    def take(act=None):
        lock = file_lock.alone(tmp_path / "locks" / "key", what="warm", experiment="a", does="trains it")
        with logged_lines(act) as said, lock:
            yield said

    return take


def test_who_waits_says_once_for_whom_and_goes_on_when_the_holder_is_done(holder, ours):
    def let_go(_):
        holder.stdin.write("\n")
        holder.stdin.flush()

    with ours(let_go) as said:
        assert holder.wait() == 0
    assert said == [f"warm: waiting for experiment b, process {holder.pid} on {os.uname().nodename}, which trains it"]


def test_a_holder_that_is_killed_holds_nothing(holder, ours):
    with ours(lambda _: holder.send_signal(signal.SIGKILL)):
        assert holder.wait() == -signal.SIGKILL


def test_what_the_holder_started_does_not_hold_the_lock_after_it(tmp_path, ours):
    code = HOLD.replace(
        "print(", "import subprocess; child = subprocess.Popen(['sleep', '60']); print(child.pid); print("
    )
    held = process(code, tmp_path / "locks" / "key")
    child = int(held.stdout.readline())
    try:
        assert held.stdout.readline() == "held\n"
        held.kill()
        held.wait()
        with ours(pytest.fail):
            os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)
        held.communicate()


def test_waiting_ends_at_ctrl_c(holder, tmp_path):
    waiting = process(HOLD, tmp_path / "locks" / "key")
    assert waiting.stdout.readline().startswith("warm: waiting for")
    waiting.send_signal(signal.SIGINT)
    waiting.communicate(timeout=30)
    assert waiting.returncode == -signal.SIGINT
    assert holder.poll() is None


def test_waiting_ends_with_the_run_that_waits(holder, tmp_path):
    waits = {"what": "warm", "experiment": "a", "does": "trains it", "going": lambda: False}
    with pytest.raises(KeyboardInterrupt), file_lock.alone(tmp_path / "locks" / "key", **waits):
        pytest.fail("held twice")


def test_no_two_hold_it_at_once(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    counting = [process(COUNT, tmp_path / "key", counter) for _ in range(4)]
    assert [counted.wait() for counted in counting] == [0] * 4
    assert counter.read_text() == "200"


def test_threads_of_one_process_exclude_each_other_too(ours, monkeypatch):
    monkeypatch.setattr(file_lock, "POLL_SECONDS", 0.01)
    with ours(pytest.fail), pytest.raises(KeyboardInterrupt):

        def stop(line):
            assert f"process {os.getpid()} " in line
            raise KeyboardInterrupt

        with ours(stop):
            pytest.fail("held twice")


def test_a_lock_that_is_kept_is_free_when_the_process_is_gone(tmp_path):
    code = "import sys; from pathlib import Path; from passk.files import file_lock\n"
    code += "file_lock.keep(Path(sys.argv[1])); file_lock.keep(Path(sys.argv[1])); print('held', flush=True)\n"
    code += "sys.stdin.readline()"
    kept = process(code, tmp_path / "stage" / ".writer")
    assert kept.stdout.readline() == "held\n"
    lock = file_lock.alone(tmp_path / "stage" / ".writer", what="warm", experiment="a", does="still writes there")
    with logged_lines(lambda _: kept.kill()) as said, lock:
        assert kept.wait() == -signal.SIGKILL
    assert len(said) == 1
    assert f"waiting for process {kept.pid} on" in said[0]
    kept.communicate()


def test_who_keeps_a_lock_says_once_for_whom_it_waits(holder, tmp_path, monkeypatch):
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            holder.kill()
            holder.wait()

    monkeypatch.setattr(file_lock.time, "sleep", sleep)
    with logged_lines() as said:
        file_lock.keep(tmp_path / "locks" / "key")
    who = f"experiment b, process {holder.pid} on {os.uname().nodename}"
    assert said == [f"locks: waiting for {who}, which still writes there"]


def test_who_would_not_wait_for_a_lock_is_told_who_holds_it(holder, tmp_path):
    with pytest.raises(PasskError, match=f"^{tmp_path / 'locks'}: .*process {holder.pid} on .* writes there; "):
        file_lock.keep(tmp_path / "locks" / "key", waits=False)


def test_where_the_file_system_has_no_locks_it_says_so_and_goes_on(ours, monkeypatch):
    def unsupported(*_):
        raise OSError(file_lock.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(file_lock.fcntl, "flock", unsupported)
    with ours() as said:
        assert ["has no locks" in line for line in said] == [True]


def test_a_lock_that_is_not_let_go_in_time_is_one_line_that_names_the_holder(tmp_path, monkeypatch):
    held = process(HOLD, tmp_path / ".writer")
    assert held.stdout.readline() == "held\n"
    monkeypatch.setattr(file_lock, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(file_lock, "LONGEST_SECONDS", 0.2)
    said = rf"process {held.pid} on \S+ still writes there after 0\.2 s; end that process, then run the command again$"
    try:
        with (
            pytest.raises(file_lock.StillHeld, match=rf"^warm: .*{said}"),
            file_lock.alone(
                tmp_path / ".writer",
                what="warm",
                experiment="maze",
                does="still writes there",
                longest=0.2,
            ),
        ):
            pass
        with pytest.raises(file_lock.StillHeld, match=rf"^{tmp_path}: .*{said}"):
            file_lock.keep(tmp_path / ".writer")
    finally:
        held.communicate()
    file_lock.keep(tmp_path / ".writer")


def test_a_lock_of_another_user_or_on_a_read_only_disk_can_be_looked_at(tmp_path, monkeypatch):
    file = tmp_path / "lock"
    file.touch()
    opened = type(file).open

    def read_only(path, mode="r", **options):
        if "+" in mode or "w" in mode or "a" in mode:
            raise PermissionError(13, "Permission denied")
        return opened(path, mode, **options)

    with file_lock.alone(file, what="warm", experiment="b", does="trains it"):
        monkeypatch.setattr(type(file), "open", read_only)
        assert file_lock.is_held(file)
    assert not file_lock.is_held(file)
