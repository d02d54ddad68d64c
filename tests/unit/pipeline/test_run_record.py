"""experiment.json during a run: times, failures and retries. A kill loses nothing."""

import json
import os
import threading
import time

import pytest

from passk.base.errors import PasskError
from passk.pipeline import run_record
from passk.pipeline.run_record import RunRecord, is_reported


def sessions(laid_out):
    return json.loads((laid_out.directory / "experiment.json").read_text())["sessions"]


def test_a_run_that_is_killed_at_once_is_one_that_did_not_end(laid_out):
    RunRecord(laid_out, "passk run maze.yaml")
    RunRecord(laid_out, "passk run maze.yaml").ended()
    assert [session["ended"] for session in sessions(laid_out)] == [None, "done"]


def test_each_run_keeps_the_commit_that_it_ran_from(laid_out, monkeypatch):
    for commit in ("one", "two"):
        monkeypatch.setattr(
            "passk.pipeline.run_record._code", lambda _, commit=commit: {"commit": commit, "dirty": False}
        )
        RunRecord(laid_out, "passk run maze.yaml").ended()
    assert [session["code"]["commit"] for session in sessions(laid_out)] == ["one", "two"]


def test_each_attempt_that_fails_is_kept_with_its_step_although_the_last_goes_well(laid_out):
    run = RunRecord(laid_out, "passk run maze.yaml")
    for step in (3, 7):
        with pytest.raises(PasskError), run.phase("train warm", lambda step=step: step):
            raise PasskError("a worker\ndied")
    with run.phase("train warm", lambda: 9):
        pass
    with pytest.raises(ValueError), run.noting("report"):
        raise ValueError("half a file")
    run.ended()
    (session,) = sessions(laid_out)
    assert session["failed"] == [
        {"what": "train warm", "step": 3, "reason": "a worker died"},
        {"what": "train warm", "step": 7, "reason": "a worker died"},
        {"what": "report", "step": None, "reason": "ValueError: half a file"},
    ]
    assert session["ended"] == "done"


def test_an_error_before_the_end_is_a_failure_and_a_stop_is_none(laid_out):
    for error, kind in ((PasskError("no network"), "failed"), (KeyboardInterrupt(), None)):
        run = RunRecord(laid_out, "passk run maze.yaml")
        with pytest.raises(type(error)), run.to_its_end(), run.phase("prepare"):
            raise error
        assert sessions(laid_out)[-1]["ended"] == kind


def test_what_runs_side_by_side_is_busy_once(laid_out):
    run, both = RunRecord(laid_out, "passk run maze.yaml"), threading.Barrier(2)

    def train(name):
        with run.phase(name):
            both.wait(10)
            time.sleep(0.2)
            both.wait(10)

    threads = [threading.Thread(target=train, args=(name,)) for name in ("train a", "train b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.ended()
    (session,) = sessions(laid_out)
    longest = max(session["phases"].values())
    assert longest - 0.02 <= session["busy"] < sum(session["phases"].values()) - 0.1
    assert session["busy"] <= session["seconds"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"name": "maze"}', b"\xff", b"[" * 100_000])
def test_a_damaged_record_is_one_line_that_names_it_and_what_to_do(laid_out, content):
    file = laid_out.directory / "experiment.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert not is_reported(laid_out)
    with pytest.raises(PasskError, match=rf"^{file}: not a ExperimentRecord: .*; restore it from a copy, or delete it"):
        RunRecord(laid_out, "passk run maze.yaml")
    file.unlink()
    RunRecord(laid_out, "passk run maze.yaml")


def test_a_stop_after_all_was_attempted_is_no_end_and_an_error_is_a_failure(laid_out):
    for error, kind in ((KeyboardInterrupt(), None), (PasskError("no report"), "failed")):
        run = RunRecord(laid_out, "passk run maze.yaml")
        with pytest.raises(type(error)), run.to_its_end():
            run.ended()
            assert sessions(laid_out)[-1]["ended"] == "done"
            raise error
        assert sessions(laid_out)[-1]["ended"] == kind


@pytest.mark.parametrize("hours", [-48, 48])
def test_a_report_belongs_to_the_session_that_wrote_it_whatever_the_clock_shows(laid_out, hours):
    report = laid_out.directory / "report.md"

    def write() -> None:
        temporary = report.with_name("new.md")
        temporary.write_text("# the same text")
        os.utime(temporary, (time.time() + 3600 * hours,) * 2)
        temporary.replace(report)

    RunRecord(laid_out, "passk run maze.yaml").ended()
    assert not is_reported(laid_out), "there is none"
    write()
    assert is_reported(laid_out)
    RunRecord(laid_out, "passk run maze.yaml").ended()
    assert not is_reported(laid_out), "that is the report of the session before"
    write()
    assert is_reported(laid_out)


def test_the_seconds_before_an_experiment_do_not_depend_on_the_clock(monkeypatch):
    monkeypatch.setattr(run_record, "_processes_first", True)
    monkeypatch.setattr(run_record.time, "time", lambda: 0.0)
    assert 0 < run_record._seconds_before() < 86_400
