"""A command under the job watchdog lives as long as its heartbeat changes: proved on real processes."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from passk.runtime import failure_record, job_watchdog
from tests.processes import descendants, living


def held(tmp_path, code: str, silence: float = 120) -> subprocess.Popen:
    words = [str(tmp_path / "alive"), str(tmp_path / "log"), sys.executable, "-c", code]
    short = f"from passk.runtime import job_watchdog; job_watchdog.SILENCE_SECONDS = {silence}; import sys; \
from pathlib import Path; sys.exit(job_watchdog.main(Path({words[0]!r}), Path({words[1]!r}), {words[2:]!r}))"
    return subprocess.Popen([sys.executable, "-c", short])


def test_the_command_runs_while_it_is_followed_and_ends_with_its_children_when_it_is_not(tmp_path):
    alive = tmp_path / "alive"
    spawning = "import subprocess, time; subprocess.Popen(['sleep', '300'], start_new_session=True); time.sleep(300)"
    alive.write_text("0")
    process = held(tmp_path, spawning, silence=5)
    began, family = time.monotonic(), []
    while len(family) < 2 or time.monotonic() < began + 7:  # longer than it would live without a beat
        alive.write_text(str(time.monotonic()))
        time.sleep(0.5)
        assert process.poll() is None
        family = descendants(process.pid)
    assert len(family) == 2
    assert process.wait(timeout=60) == 143
    assert not living(family)
    assert not alive.exists()


def test_a_command_that_ends_gives_its_status_and_its_output(tmp_path):
    (tmp_path / "alive").write_text("1")
    process = held(tmp_path, "print('said'); raise SystemExit(7)")
    assert process.wait(timeout=30) == 7
    assert (tmp_path / "log").read_text() == "said\n"


def test_the_constants_add_up_to_less_than_half_a_minute():
    from passk.runtime import process_tree

    assert (
        job_watchdog.SILENCE_SECONDS
        + job_watchdog.LOOK_SECONDS
        + process_tree.GRACE_SECONDS
        + job_watchdog.SWEEP_SECONDS
        < 30
    )
    assert job_watchdog.BEAT_SECONDS * 3 < job_watchdog.SILENCE_SECONDS


def test_the_command_dies_with_a_watchdog_that_is_killed_outright(tmp_path):
    (tmp_path / "alive").write_text("1")
    process = held(tmp_path, "import time; time.sleep(300)")
    while not (family := descendants(process.pid)):
        time.sleep(0.1)
    process.kill()
    process.wait()
    _, left = psutil.wait_procs(family, timeout=10)
    assert not left


def test_what_is_left_of_a_failed_job_is_swept_up_and_nothing_else_is(tmp_path, monkeypatch):
    monkeypatch.setenv(job_watchdog.MARK, "another")
    bystander = subprocess.Popen(["sleep", "300"])
    monkeypatch.setenv(job_watchdog.MARK, "mine")
    orphan = subprocess.Popen(["sleep", "300"])
    (tmp_path / "alive").write_text("1")
    try:
        assert held(tmp_path, "raise SystemExit(1)").wait(timeout=30) == 1
        assert orphan.wait(timeout=5) == -9
        assert bystander.poll() is None
    finally:
        bystander.kill()
        orphan.kill()


def test_a_process_killed_for_want_of_memory_hours_ago_is_no_reason_for_todays_end(monkeypatch):
    clock, kills = [1000.0], [3]
    monkeypatch.setattr(job_watchdog.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(job_watchdog, "oom_kills", lambda: kills[0])
    memory = job_watchdog.Memory()
    clock[0] += 2
    memory.look()
    assert not memory.killed_lately()
    kills[0] += 1
    assert memory.killed_lately(), "seen at the end alone"
    clock[0] += 2
    memory.look()
    clock[0] += job_watchdog.LATELY_SECONDS - 1
    memory.look()
    assert memory.killed_lately()
    clock[0] += 2
    assert not memory.killed_lately()


@pytest.fixture
def follower(tmp_path, monkeypatch):
    """A follower that has beaten once, a function that lets seconds pass and looks, and the seconds an access takes."""
    clock, waits = [1000.0], [0.0]
    utime = os.utime

    def waiting(path):
        clock[0] += waits[0]
        if waits[0] < 0:
            raise OSError(5, "Input/output error")
        utime(path)

    monkeypatch.setattr(job_watchdog.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(job_watchdog.os, "utime", waiting)
    (tmp_path / "alive").write_text("1")
    follower = job_watchdog.Follower(tmp_path / "alive")

    def look(seconds: float) -> bool:
        gone = False
        for _ in range(int(seconds / job_watchdog.BEAT_SECONDS)):
            clock[0] += job_watchdog.BEAT_SECONDS
            gone = follower.is_gone()
        return gone

    assert not look(job_watchdog.BEAT_SECONDS)
    return look, waits, tmp_path / "alive"


def test_storage_that_lets_accesses_wait_or_refuses_them_for_a_minute_is_no_silence(follower):
    look, waits, alive = follower
    waits[0] = 60.0
    assert not look(job_watchdog.BEAT_SECONDS)
    waits[0] = 0.0
    alive.write_text("2")
    assert not look(job_watchdog.BEAT_SECONDS)
    waits[0] = -1e-9
    assert not look(60)
    waits[0] = 0.0
    assert not look(job_watchdog.SILENCE_SECONDS - 2 * job_watchdog.BEAT_SECONDS)
    assert look(3 * job_watchdog.BEAT_SECONDS), "the follower has ended meanwhile"


def test_storage_that_does_not_come_back_ends_the_job(follower):
    look, waits, _ = follower
    waits[0] = -1e-9
    assert not look(job_watchdog.AWAY_SECONDS)
    assert look(job_watchdog.SILENCE_SECONDS + 2 * job_watchdog.BEAT_SECONDS)


def test_a_removed_heartbeat_is_silence_and_a_removed_directory_is_an_outage(follower):
    look, _, alive = follower
    alive.unlink()
    assert look(job_watchdog.SILENCE_SECONDS + 2 * job_watchdog.BEAT_SECONDS)
    alive.write_text("3")
    assert not look(job_watchdog.BEAT_SECONDS)
    alive.unlink()
    alive.parent.rename(alive.parent.with_name("away"))
    assert not look(60)


def marked(name: str) -> subprocess.Popen:
    return subprocess.Popen(["sleep", "300"], env={**os.environ, job_watchdog.MARK: name}, start_new_session=True)


def test_what_a_killed_watchdog_left_is_ended_by_the_next_job_of_its_directory_and_nothing_else_is(
    tmp_path, monkeypatch
):
    (tmp_path / "alive").write_text("1")
    same, other = (tmp_path / runs / "key" for runs in ("runs", "other"))
    mine = job_watchdog.job_name(same)
    orphan, bystander, own = (
        marked(name) for name in (job_watchdog.job_name(same), job_watchdog.job_name(other), mine)
    )
    monkeypatch.setenv(job_watchdog.MARK, mine)
    try:
        assert held(tmp_path, "raise SystemExit(0)").wait(timeout=60) == 0
        assert orphan.wait(timeout=5) == -9
        assert bystander.poll() is None and own.poll() is None
        monkeypatch.delenv(job_watchdog.MARK)
        job_watchdog.end_jobs(same)
        assert own.wait(timeout=5) == -9 and bystander.poll() is None
    finally:
        for process in (orphan, bystander, own):
            process.kill()


WATCHED = """
import sys
from pathlib import Path
from passk.runtime import failure_record, job_watchdog
kills = iter([int(word) for word in sys.argv[2].split(",")])
job_watchdog.oom_kills = lambda: next(kills)
fails = "from passk.runtime import failure_record\\nwith failure_record.recorded(): raise KeyError('reward')"
directory = Path(sys.argv[1])
sys.exit(job_watchdog.main(directory / ".alive", directory / "log.txt", [sys.executable, "-c", fails]))
"""


@pytest.mark.parametrize(
    ("kills", "failure"),
    [("4,4", ("code", "KeyError: 'reward'")), ("4,5", ("memory", "Linux killed a process for lack of memory"))],
)
def test_a_job_records_why_it_failed_and_the_kernels_kill_is_the_root_cause(tmp_path, kills, failure):
    kills = ",".join([kills, *kills[-1] * 200])
    assert subprocess.run([sys.executable, "-c", WATCHED, str(tmp_path), kills]).returncode == 1
    assert failure_record.read(tmp_path) == failure
