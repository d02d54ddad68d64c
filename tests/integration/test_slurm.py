"""`passk launch --slurm` under the real slurmctld and slurmd: a job that is queued again resumes and finishes."""

import json
import re
import socket
from pathlib import Path

import pytest
import yaml

from passk.experiment import config
from passk.experiment.slurm import script
from tests.integration.conftest import EXPERIMENT, left_after, passk
from tests.integration.slurm import NEEDS_SLURM, daemons, wait_for

pytestmark = [pytest.mark.slow, *NEEDS_SLURM]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A controller and a node on loopback."""
    with daemons(tmp_path_factory.mktemp("slurm"), {socket.gethostname().partition(".")[0]: "127.0.0.1"}) as running:
        yield running


STAND_IN = """#!/bin/bash
# In place of passk: it records its start, and ends by itself only in its last start.
echo "$@" >> starts.txt
trap 'echo stopped >> stops.txt; kill $!; exit 143' TERM
[ "$(wc -l < starts.txt)" -ge 3 ] && exit 0
sleep 600 & wait $!
"""


def test_a_job_starts_the_same_command_after_a_preemption_and_before_its_time_ends(slurm, tmp_path):
    """The script's own part, under the real daemons. The command is a stand-in, so that this takes seconds."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "passk").write_text(STAND_IN)
    (programs / "passk").chmod(0o755)
    experiment = config.parse(yaml.safe_load(EXPERIMENT))
    text = script(experiment, Path("a b.yaml"), Path("runs"), directory=tmp_path, programs=programs)
    starts, log = tmp_path / "starts.txt", tmp_path / "slurm-small-*.log"
    words = ["sbatch", "--parsable", "--overcommit", "--cpus-per-task=1"]
    job = slurm.asked(*words, text=text, directory=tmp_path).strip()

    def started(count: int) -> bool:
        return starts.exists() and len(starts.read_text().splitlines()) == count

    wait_for(lambda: started(1), log)
    slurm.asked("scontrol", "requeue", job)  # as at a preemption: Slurm ends the job and queues it again
    slurm.begin_again(job, restarts=1, log=log)
    wait_for(lambda: started(2), log)
    slurm.asked("scancel", "--batch", "--signal=USR1", job)  # as at the time limit: the script queues it again
    slurm.begin_again(job, restarts=2, log=log)
    assert slurm.ended(job, log) == "COMPLETED"
    assert starts.read_text() == "run a b.yaml --runs runs\n" * 3
    assert (tmp_path / "stops.txt").read_text() == "stopped\n" * 2, "each stop is a clean one"


def test_an_experiment_that_is_queued_again_resumes_with_the_same_command_and_finishes(slurm):
    directory = slurm.directory
    raw = yaml.safe_load(EXPERIMENT)
    raw["stages"] = {"warm": {**raw["stages"]["warm"], "steps": 40, "save_every": 4}}
    raw["benchmarks"]["test"]["samples"] = 4
    (directory / "small.yaml").write_text(yaml.safe_dump(raw))
    text = slurm.asked(*passk("launch", "--slurm", "small.yaml"))
    job = slurm.asked("sbatch", "--parsable", "--overcommit", text=text).strip()
    log = directory / f"slurm-small-{job}.log"
    wait_for(lambda: list(directory.glob("runs/small/stages/*/checkpoints/global_step*/seal.json")), log)
    slurm.asked("scontrol", "requeue", job)
    slurm.begin_again(job, restarts=1, log=log)
    assert slurm.ended(job, log) == "COMPLETED", log.read_text()[-4000:]
    assert re.search(r"warm: resuming from the last checkpoint, step \d+; \d+ of 40 steps were done", log.read_text())
    sessions = json.loads((directory / "runs/small/experiment.json").read_text())["sessions"]
    assert [session["ended"] for session in sessions] == [None, "done"]
    assert left_after(directory, seconds=30) == []
