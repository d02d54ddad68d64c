"""A training job on a cluster of somebody else's: nothing of it stays there, whatever becomes of its follower.

The driver here is a small one, with two actors that hold a (logical) GPU each and a process beside them; what
holds it is what holds OpenRLHF's. The cluster is started by the test and reached by RAY_ADDRESS alone.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from passk.base.errors import ConfigError
from passk.experiment.compute import Compute
from passk.runtime import follow, ray_cluster
from passk.runtime.failures import StageFailed
from tests.processes import command_lines, descendants, marked, named

pytestmark = pytest.mark.slow

DRIVER = """
import os, subprocess, sys, time
import ray
from passk.runtime import actor_monitor

@ray.remote(num_gpus=1)
class Holder:
    def __init__(self):
        self.beside = subprocess.Popen(["sleep", "600"])
    def pid(self):
        return os.getpid()
    def wait(self):
        time.sleep(600)

os.environ["RAY_OVERRIDE_JOB_RUNTIME_ENV"] = "1"
ray.init(runtime_env={"env_vars": {"MARK": os.environ["MARK"]}}, log_to_driver=False)
actor_monitor.start()
holders = [Holder.remote() for _ in range(2)]
print("pids", *ray.get([holder.pid.remote() for holder in holders]), flush=True)
subprocess.Popen(["sleep", "600"], start_new_session=True)
while True:  # not in ray.get on an actor, as OpenRLHF in a rendezvous is not
    time.sleep(1)
"""
FOLLOWER = f"""
import os, sys
from pathlib import Path
from passk.experiment.compute import Compute
from passk.runtime import follow, ray_cluster
with ray_cluster.ray_cluster(Compute(profile="cpu"), Path("unused.log")) as joined:
    follow.train([sys.executable, "-c", {DRIVER!r}], cluster=joined, environment={{"MARK": os.environ["MARK"]}},
                 directory=Path(sys.argv[1]), about="test", stall_timeout_s=float(sys.argv[2]), on_step=print)
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The address of a cluster with two logical GPUs that is not this run's own."""
    kept = os.environ.pop("RAY_ADDRESS", None)
    try:
        with ray_cluster.ray_cluster(
            Compute(profile="cpu"), tmp_path_factory.mktemp("elsewhere") / "ray.log"
        ) as joined:
            yield joined
    finally:
        if kept is not None:
            os.environ["RAY_ADDRESS"] = kept


@pytest.fixture
def following(elsewhere, tmp_path):
    """Start a follower of the driver in tmp_path, give its process and the actors' pids; end it afterwards."""
    processes = []

    def start(stall_timeout_s: float = 600) -> tuple[subprocess.Popen, list[int]]:
        # The user's cluster demands a token, and the user has it in the environment.
        known = {**os.environ, **elsewhere, "RAY_ADDRESS": elsewhere["RAY_API_SERVER_ADDRESS"], "MARK": str(tmp_path)}
        command = [sys.executable, "-c", FOLLOWER, str(tmp_path), str(stall_timeout_s)]
        said = (tmp_path / "follower.txt").open("a")
        seen = log_lines(tmp_path)
        process = subprocess.Popen(command, env=known, stdout=said, stderr=said)
        processes.append(process)
        deadline = time.monotonic() + 150
        while time.monotonic() < deadline:
            for line in log_lines(tmp_path)[len(seen) :]:
                if line.startswith("pids "):
                    return process, [int(word) for word in line.split()[1:]]
            assert process.poll() is None, (tmp_path / "follower.txt").read_text()
            time.sleep(0.2)
        raise AssertionError("the driver did not start: " + "\n".join(log_lines(tmp_path)))

    yield start
    for process in processes:
        process.kill()
        process.wait()


def log_lines(directory) -> list[str]:
    log = directory / "log.txt"
    return log.read_text().splitlines() if log.exists() else []


def processes_of(directory) -> list[str]:
    """All with the job's mark in their environment, without the follower and the driver, which run `python -c`."""
    found = command_lines(marked("MARK", str(directory)))
    return named(process for process, words in found if "-c" not in words[1:2])


def free_gpus(joined) -> float:
    code = "import ray; ray.init(logging_level='ERROR'); print(ray.available_resources().get('GPU', 0.0))"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **joined}, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def gone_within(directory, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while processes_of(directory):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_nothing_stays_on_the_cluster_when_the_follower_is_killed_or_interrupted(elsewhere, following, tmp_path, sent):
    follower, _ = following()
    # the job watchdog, two actors, the process beside each, the driver's detached one
    assert len(processes_of(tmp_path)) >= 5
    assert free_gpus(elsewhere) == 0
    follower.send_signal(sent)
    follower.wait(timeout=30)
    assert gone_within(tmp_path, 60), processes_of(tmp_path)
    assert free_gpus(elsewhere) == 2
    assert not list(tmp_path.glob(".alive-*"))


def test_a_dead_actor_is_noticed_and_is_worth_another_try(elsewhere, following, tmp_path):
    follower, pids = following()
    os.kill(pids[0], signal.SIGKILL)
    follower.wait(timeout=60)
    said = (tmp_path / "follower.txt").read_text()
    assert "StageFailed: actor Holder" in said, said
    assert any(line.startswith("passk: lost: actor Holder") for line in log_lines(tmp_path))
    assert gone_within(tmp_path, 60)
    assert free_gpus(elsewhere) == 2


def test_a_job_without_a_step_is_hung_and_is_ended(elsewhere, following, tmp_path):
    follower, _ = following(stall_timeout_s=60)
    follower.wait(timeout=240)
    assert "StageFailed: no step for 60 s; see" in (tmp_path / "follower.txt").read_text()
    assert gone_within(tmp_path, 30)
    assert free_gpus(elsewhere) == 2


def test_a_follower_that_comes_after_a_killed_one_ends_its_job_first(elsewhere, following, tmp_path):
    follower, first = following()
    follower.kill()
    follower.wait()
    _, second = following()
    assert not any(psutil.pid_exists(pid) for pid in first)
    assert not set(first) & set(second)


def test_a_bad_argument_fails_at_once_with_its_reason(elsewhere, tmp_path):
    with pytest.raises(StageFailed, match=r"^--passk\.k: .*; see .*log\.txt$") as raised:
        follow.train(
            [sys.executable, "-m", "passk.openrlhf", "--passk.advantage", "grpo", "--passk.k", "four"],
            cluster=elsewhere,
            environment={},
            directory=tmp_path,
            about="test",
            stall_timeout_s=600,
            on_step=print,
        )
    assert raised.value.kind == "configuration" and not raised.value.retry


def test_what_is_submitted_names_no_secret(elsewhere, tmp_path, monkeypatch):
    from ray.job_submission import JobSubmissionClient

    from passk.runtime.environment import environment, passed_on

    monkeypatch.setenv("WANDB_API_KEY", "a-secret")
    follow.train(
        [sys.executable, "-c", "pass"],
        cluster=elsewhere,
        environment=passed_on(environment(Compute(profile="cpu"))),
        directory=tmp_path,
        about="a quiet one",
        stall_timeout_s=600,
        on_step=print,
    )
    server, headers = elsewhere["RAY_API_SERVER_ADDRESS"], ray_cluster.request_headers(elsewhere)
    listed = JobSubmissionClient(server, headers=headers).list_jobs()
    assert any(details.metadata == {"passk": "a quiet one"} for details in listed)
    assert "a-secret" not in str([details.dict() for details in listed])


def test_a_run_own_cluster_whose_head_was_lost_is_started_anew(tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with ray_cluster.ray_cluster(Compute(profile="cpu"), tmp_path / "ray.log") as joined:
        port = joined["RAY_ADDRESS"].rpartition(":")[2]
        [head] = [
            process
            for process, words in command_lines(descendants())
            if Path(words[0]).name == "gcs_server" and any(port in word for word in words)
        ]
        head.kill()
        deadline = time.monotonic() + 60
        while ray_cluster.rejoined(joined)["RAY_ADDRESS"] == joined["RAY_ADDRESS"] and time.monotonic() < deadline:
            time.sleep(0.5)
        again = ray_cluster.rejoined(joined)
        assert again["RAY_ADDRESS"] != joined["RAY_ADDRESS"]
        follow.train(
            [sys.executable, "-c", "print('well')"],
            cluster=again,
            environment={},
            directory=tmp_path,
            about="test",
            stall_timeout_s=600,
            on_step=print,
        )
    assert (tmp_path / "log.txt").read_text() == "well\n"
    assert not ray_cluster.is_open(joined)


def test_an_address_that_takes_no_jobs_is_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"^RAY_ADDRESS: ray://head:10001 does not accept jobs; set .*$"):
        ray_cluster.job_server("ray://head:10001")


def test_a_head_that_does_not_answer_is_worth_another_try_in_a_run_that_samples():
    with pytest.raises(ray_cluster.NoJobServer, match="^RAY_ADDRESS: no job server found at 127.0.0.1:1 ") as raised:
        ray_cluster.job_server("127.0.0.1:1")
    assert raised.value.retry
