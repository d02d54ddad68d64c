"""A stage over three nodes, each a network namespace: one vanishes in a step and comes back, and nothing is lost."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import psutil
import pytest

from dev.cluster import Nodes, Ray, permitted
from passk.experiment.model import TinyModel
from passk.models.tiny import make_tiny
from tests.integration.conftest import passk, prepared

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not permitted(), reason="network namespaces are not permitted here (root and iproute2)"),
]

STEPS, COUNT = 8, 3
EXPERIMENT = f"""
name: nodes
question: Does a lost node change anything?
seed: 3
model: {{path: MODEL}}
problems:
  train: {{source: maze, split: train, size: 128, easy_fraction: 1.0, path_length: [2, 3]}}
  test: {{source: maze, split: test, size: 4, easy_fraction: 1.0, path_length: [2, 3]}}
stages:
  arm: {{kind: rl, problems: train, advantage: grpo, false_positive_rate: 0.3, steps: {STEPS}, prompts_per_step: 4,
        rollouts_per_prompt: 4, lr: 1.0e-3, max_prompt: 31, max_response: 8, save_every: 1}}
benchmarks:
  test: {{problems: test, samples: 4, k: [1, 4], max_response: 8}}
compute: {{profile: cpu, nodes: 2, gpus_per_node: 1, engines: 1, micro_batch: 4, threads: 1}}
"""


class Ran(NamedTuple):
    directory: Path
    output: str
    hosts: set[int]
    """Nodes that had a rank or the engine before one of them vanished."""
    left: list[str]
    """Command lines on the nodes after the run, without Ray's own."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Ran:
    directory = tmp_path_factory.mktemp("nodes")
    make_tiny(TinyModel(layers=2), directory / "model", seed=1)
    (directory / "nodes.yaml").write_text(EXPERIMENT.replace("MODEL", str(directory / "model")))
    with Nodes(COUNT) as nodes:
        ray = Ray(nodes, gpus=1)  # so each rank and the engine has a node of its own
        try:
            for number in range(COUNT):
                ray.start(number)
            environment = {**prepared(directory), **ray.variables, "HF_HUB_OFFLINE": "1"}
            with (directory / "output.txt").open("w") as output:
                command = nodes.command(0, passk("run", "nodes.yaml"))
                run = subprocess.Popen(command, cwd=directory, env=environment, stdout=output, stderr=output)
                wait_for_steps(directory, run, 2)
                hosts = {number for number in range(COUNT) if ranks(nodes, number)}
                nodes.link(1, up=False)
                time.sleep(2)
                nodes.kill(1)
                nodes.link(1, up=True)
                ray.start(1)
                assert run.wait(timeout=480) == 0, text(directory)
            time.sleep(5)
            left = [line for number in range(COUNT) for line in ranks(nodes, number)]
        finally:
            ray.remove()
    return Ran(directory, text(directory), hosts, left)


def text(directory: Path) -> str:
    return (directory / "output.txt").read_text()[-6000:]


def ranks(nodes: Nodes, number: int) -> list[str]:
    """Command lines of passk's processes on a node: ranks, engines, drivers and evaluations."""
    found = []
    for pid in nodes.processes(number):
        try:
            line = " ".join(psutil.Process(pid).cmdline())
        except psutil.Error:
            continue
        if any(word in line for word in ("PasskPolicy", "PasskEngine", "passk.openrlhf", "passk.evaluation")):
            found.append(line)
    return found


def metrics(directory: Path) -> list[dict]:
    files = list(directory.glob("runs/nodes/stages/*/metrics.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def wait_for_steps(directory: Path, run: subprocess.Popen, steps: int) -> None:
    deadline = time.monotonic() + 400
    while len(metrics(directory)) < steps:
        assert time.monotonic() < deadline and run.poll() is None, text(directory)
        time.sleep(0.2)


def test_each_node_had_a_rank_or_the_engine_and_the_lost_one_was_noticed(ran):
    assert ran.hosts == {0, 1, 2}
    assert "arm: resuming from the last checkpoint" in ran.output


def test_each_step_and_each_rollout_is_recorded_once(ran):
    assert [line["step"] for line in metrics(ran.directory)] == list(range(1, STEPS + 1))
    files = sorted(ran.directory.glob("runs/nodes/stages/*/rollouts/*.parquet"))
    frame = pd.concat(pd.read_parquet(file) for file in files)
    assert len(frame) == STEPS * 16 and not frame.duplicated(["step", "problem", "sample"]).any()


def test_the_run_ends_with_its_evaluations_and_its_report_and_leaves_no_process_on_a_node(ran):
    assert len(list(ran.directory.glob("runs/nodes/evaluations/*/manifest.json"))) == 2
    assert (ran.directory / "runs/nodes/report.md").exists()
    assert ran.left == []
    assert not list(Path("/run/netns").glob(f"passk-{os.getpid()}-*"))
