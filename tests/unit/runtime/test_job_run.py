"""A process that makes nothing for a set time is hung, and is ended; a job server may take its time, or not answer."""

import os
import threading
import time

import pytest

from passk.experiment.compute import Compute
from passk.runtime import follow
from passk.runtime import ray_job as job
from passk.runtime.failures import StageFailed
from tasks.train_slots import TrainSlots

SLOW = "for i in 1 2 3 4 5 6; do echo '{}' >> metrics.jsonl; sleep 1; done"


def run(directory, command, stall_timeout_s):
    follow.run(
        ["sh", "-c", f"cd {directory}; {command}"], environment={}, directory=directory, stall_timeout_s=stall_timeout_s
    )


def test_a_evaluation_without_a_sign_of_life_is_hung_and_is_worth_another_try(tmp_path):
    with pytest.raises(StageFailed, match=r"^no sample for 5 s; see .*log\.txt$") as raised:
        run(tmp_path, "echo $$ > pid; exec sleep 600", stall_timeout_s=5)
    assert raised.value.kind == "hung" and raised.value.retry
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_evaluation_that_says_a_line_now_and_then_may_take_longer_than_that(tmp_path):
    run(tmp_path, SLOW, stall_timeout_s=4)
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 6


@pytest.fixture
def job_of(monkeypatch, tmp_path):
    """A job whose server is what is given."""

    def made(client) -> job.Job:
        monkeypatch.setattr("ray.job_submission.JobSubmissionClient", lambda *_, **__: client)
        return job.Job("http://127.0.0.1:1", tmp_path)

    return made


class Slow:
    """A job server that takes a minute for a job, and tells nothing of it yet."""

    job: job.Job

    def submit_job(self, **_) -> None:
        self.passes(60)

    def get_job_info(self, _):
        raise RuntimeError("not yet")

    def passes(self, seconds: float) -> None:
        self.job._answered -= seconds


def test_a_submission_that_took_long_is_no_silence_of_the_cluster(job_of):
    server = Slow()
    server.job = submitted = job_of(server)
    try:
        submitted.submit(["true"], environment={}, gpus=0, about="test")
        assert submitted.poll() is None
        server.passes(60)
        with pytest.raises(StageFailed, match="has not answered"):
            submitted.poll()
    finally:
        submitted._released.set()


class Busy:
    """A job server that runs a job, and takes its time from then on."""

    def __init__(self) -> None:
        self.asked, self.is_gone = threading.Event(), threading.Event()

    def submit_job(self, **_) -> None:
        pass

    def get_job_info(self, _):
        self.asked.set()
        self.is_gone.wait(60)
        raise ConnectionRefusedError


def test_a_busy_cluster_may_be_silent_longer_than_one_that_refuses_each_request(job_of, monkeypatch):
    monkeypatch.setattr(job, "POLL_SECONDS", 0.01)
    server = Busy()
    submitted = job_of(server)
    try:
        submitted.submit(["true"], environment={}, gpus=0, about="test")
        assert server.asked.wait(60)
        submitted._answered -= job.UNREACHABLE_SECONDS + 1
        assert submitted.poll() is None
        server.is_gone.set()
        with pytest.raises(StageFailed, match=f"has not answered for {job.UNREACHABLE_SECONDS} s"):
            while True:
                assert submitted.poll() is None
                time.sleep(0.01)
    finally:
        submitted._released.set()


class Endless:
    """A job that runs until it is stopped."""

    def __init__(self, *_) -> None:
        self.calls: list[str] = []
        jobs.append(self)

    def submit(self, *_, **__) -> None:
        self.calls.append("submit")

    is_pending = True

    def poll(self) -> None:
        return None

    def stop(self) -> None:
        self.calls.append("stop")


jobs: list[Endless] = []


def test_a_stop_of_the_run_reaches_a_thread_that_trains_and_ends_its_job(monkeypatch, tmp_path):
    monkeypatch.setattr(follow, "Job", Endless)
    slots, ended = TrainSlots(Compute(profile="gpu")), []
    monkeypatch.setattr(TrainSlots, "_take_slot", lambda *_: None)

    def train() -> None:
        try:
            with slots.one():
                follow.train(
                    ["true"], cluster={"RAY_API_SERVER_ADDRESS": "http://10.0.0.1"}, environment={}, directory=tmp_path,
                    about="test", stall_timeout_s=600, is_open=lambda: not slots.stopped.is_set(), on_step=print,
                )  # fmt: skip
        except KeyboardInterrupt:
            ended.append("stopped")

    thread = threading.Thread(target=train, daemon=True)
    thread.start()
    while not jobs or not jobs[0].calls:
        time.sleep(0.01)
    with pytest.raises(ZeroDivisionError), slots.stopped_with_the_flow():
        raise ZeroDivisionError
    assert (ended, jobs[0].calls) == (["stopped"], ["submit", "stop"]), "the flow waits until its threads ended"
    thread.join(10)


class Silent:
    """A job server that accepts and does not answer."""

    def __init__(self) -> None:
        self.asked, self.over = threading.Event(), threading.Event()

    def stop_job(self, _) -> None:
        self.asked.set()
        self.over.wait()
        raise RuntimeError("over")


def test_a_job_server_that_accepts_and_does_not_answer_keeps_no_flow_from_ending(job_of, monkeypatch, tmp_path):
    monkeypatch.setattr(job, "STOP_SECONDS", 0.5)
    server = Silent()
    submitted = job_of(server)
    submitted._beat()
    submitted.stop()
    assert server.asked.wait(30)
    assert not list(tmp_path.glob(".alive-*")), "the heartbeat was removed"
    server.over.set()


def test_a_job_that_ray_does_not_start_is_told_of_until_it_counts_as_hung(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(follow, "Job", Endless)
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(follow, "TELL_SECONDS", 0.2)
    caplog.set_level("INFO", logger="passk")
    with pytest.raises(StageFailed, match="^no step for 1 s") as raised:
        follow.train(
            ["true"], cluster={"RAY_API_SERVER_ADDRESS": "http://10.0.0.1"}, environment={}, directory=tmp_path,
            about="small: warm", stall_timeout_s=1, gpus=8, on_step=print,
        )  # fmt: skip
    assert raised.value.kind == "hung"
    line = "small: warm: Ray has not started the job; it waits for a node with 8 free GPUs"
    assert line in caplog.messages
