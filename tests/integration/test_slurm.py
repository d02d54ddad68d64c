"""`passk launch --slurm` under the real slurmctld and slurmd: a job that is queued again resumes and finishes."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import yaml

from passk.experiment import config
from passk.experiment.slurm import script
from passk.runtime.ports import free_port
from tests.integration.conftest import EXPERIMENT, MARK, left_after, passk, prepared

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue")
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
AuthType=auth/munge
AuthInfo=socket={directory}/munge.sock
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobRequeue=1
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP MaxTime=INFINITE
"""
BEGIN_AGAIN_SECONDS = 300

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(shutil.which(program) is None for program in PROGRAMS), reason="slurm-wlm and munge are not installed"
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="slurmd runs as root"),
]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A controller and a node on loopback, in a directory of their own: the variables that reach them."""
    directory = tmp_path_factory.mktemp("slurm")
    host = socket.gethostname().partition(".")[0]
    ports = [free_port(), free_port()]
    text = CONFIGURATION.format(
        host=host, user=psutil.Process().username(), directory=directory, ports=ports, cpus=os.cpu_count()
    )
    (directory / "slurm.conf").write_text(text)
    for name in ("state", "spool"):
        (directory / name).mkdir()
    key = directory / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    environment = {**prepared(directory), "SLURM_CONF": str(directory / "slurm.conf")}
    files = ["key-file=munge.key", "socket=munge.sock", "pid-file=munged.pid", "log-file=munged.log", "seed-file=seed"]
    munged = ["munged", "--force", *(f"--{each.replace('=', f'={directory}/')}" for each in files)]
    of_daemons = {name: value for name, value in environment.items() if name != MARK}  # they outlive a run
    for command in (munged, ["slurmctld", "-i"], ["slurmd"]):
        subprocess.run(command, env=of_daemons, check=True, timeout=60)
    try:
        deadline = time.monotonic() + 60
        while "idle" not in asked(environment, "sinfo", "-h"):
            assert time.monotonic() < deadline, (directory / "slurmctld.log").read_text()[-2000:]
            time.sleep(1)
        yield directory, environment
    finally:
        daemons = [directory / f"{name}.pid" for name in ("slurmd", "slurmctld", "munged")]
        for process in (psutil.Process(int(file.read_text())) for file in daemons if file.exists()):
            process.terminate()
            process.wait(timeout=60)


def asked(environment: dict[str, str], *words: str, **options) -> str:
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True, **options).stdout


STAND_IN = """#!/bin/bash
# In place of passk: it records its start, and ends by itself only in its last start.
echo "$@" >> starts.txt
trap 'echo stopped >> stops.txt; kill $!; exit 143' TERM
[ "$(wc -l < starts.txt)" -ge 3 ] && exit 0
sleep 600 & wait $!
"""


def test_a_job_starts_the_same_command_after_a_preemption_and_before_its_time_ends(slurm, tmp_path):
    """The script's own part, under the real daemons. The command is a stand-in, so that this takes seconds."""
    _, environment = slurm
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "passk").write_text(STAND_IN)
    (programs / "passk").chmod(0o755)
    experiment = config.parse(yaml.safe_load(EXPERIMENT))
    text = script(experiment, Path("a b.yaml"), Path("runs"), directory=tmp_path, programs=programs)
    starts, log = tmp_path / "starts.txt", tmp_path / "slurm-small-*.log"
    words = ["sbatch", "--parsable", "--overcommit", "--cpus-per-task=1"]
    job = asked(environment, *words, input=text, cwd=tmp_path).strip()

    def started(count: int) -> bool:
        return starts.exists() and len(starts.read_text().splitlines()) == count

    wait_for(lambda: started(1), log)
    asked(environment, "scontrol", "requeue", job)  # as at a preemption: Slurm ends the job and queues it again
    begin_again(environment, job, restarts=1, log=log)
    wait_for(lambda: started(2), log)
    asked(environment, "scancel", "--batch", "--signal=USR1", job)  # as at the time limit: the script queues it again
    begin_again(environment, job, restarts=2, log=log)
    state = wait_for(lambda: re.search(r"JobState=(COMPLETED|FAILED)", shown(environment, job)), log)[1]
    assert state == "COMPLETED"
    assert starts.read_text() == "run a b.yaml --runs runs\n" * 3
    assert (tmp_path / "stops.txt").read_text() == "stopped\n" * 2, "each stop is a clean one"


def shown(environment: dict[str, str], job: str) -> str:
    return asked(environment, "scontrol", "show", "job", job)


def begin_again(environment: dict[str, str], job: str, *, restarts: int, log: Path) -> None:
    """Wait until the job is queued again, and start it at once: by default it waits two minutes."""
    wait_for(lambda: f"Restarts={restarts}" in shown(environment, job), log)
    asked(environment, "scontrol", "update", f"jobid={job}", "starttime=now")


def test_an_experiment_that_is_queued_again_resumes_with_the_same_command_and_finishes(slurm):
    directory, environment = slurm
    raw = yaml.safe_load(EXPERIMENT)
    raw["stages"] = {"warm": {**raw["stages"]["warm"], "steps": 40, "save_every": 4}}
    raw["benchmarks"]["test"]["samples"] = 4
    (directory / "small.yaml").write_text(yaml.safe_dump(raw))
    text = asked(environment, *passk("launch", "--slurm", "small.yaml"), cwd=directory)
    job = asked(environment, "sbatch", "--parsable", "--overcommit", input=text, cwd=directory).strip()
    log = directory / f"slurm-small-{job}.log"
    wait_for(lambda: list(directory.glob("runs/small/stages/*/checkpoints/global_step*/seal.json")), log)
    asked(environment, "scontrol", "requeue", job)
    begin_again(environment, job, restarts=1, log=log)
    state = wait_for(lambda: re.search("JobState=(COMPLETED|FAILED)", shown(environment, job)), log)[1]
    assert state == "COMPLETED", log.read_text()[-4000:]
    assert re.search(r"warm: resuming from the last checkpoint, step \d+; \d+ of 40 steps were done", log.read_text())
    sessions = json.loads((directory / "runs/small/experiment.json").read_text())["sessions"]
    assert [session["ended"] for session in sessions] == [None, "done"]
    assert left_after(directory, seconds=30) == []


def wait_for(true, log: Path):
    deadline = time.monotonic() + BEGIN_AGAIN_SECONDS
    while not (found := true()):
        assert time.monotonic() < deadline, log.read_text()[-4000:] if log.exists() else "the job did not start"
        time.sleep(0.5)
    return found
