"""A stage over three nodes, each a network namespace: one vanishes in a step and comes back, and nothing is lost."""

import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from dev.cluster import Nodes, Ray
from passk.experiment.model import TinyModel
from passk.models.tiny import make_tiny
from tests.integration.conftest import passk, prepared
from tests.integration.nodes import (
    NEEDS_NAMESPACES,
    PROBLEMS,
    left_on,
    ours,
    rollouts_of,
    stages_of,
    steps_of,
    wait_for,
)

pytestmark = [pytest.mark.slow, NEEDS_NAMESPACES]

STEPS, COUNT = 6, 3
EXPERIMENT = f"""
name: nodes
question: Does a lost node change anything?
seed: 3
model: {{path: MODEL}}
{PROBLEMS}
stages:
  arm: {{kind: rl, problems: train, advantage: grpo, false_positive_rate: 0.3, steps: {STEPS}, prompts_per_step: 4,
        rollouts_per_prompt: 4, lr: 1.0e-3, max_prompt: 31, max_response: 8, save_every: 1}}
benchmarks:
  test: {{problems: test, samples: 4, k: [1, 4], max_response: 8}}
compute: {{profile: cpu, nodes: 2, gpus_per_node: 1, engines: 1, micro_batch: 4, threads: 1}}
"""


class Ran(NamedTuple):
    experiment: Path
    output: str
    hosts: set[int]
    """Nodes that had a rank or the engine before one of them vanished."""
    left: list[str]
    """Command lines of passk on the nodes after the run."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Ran:
    directory = tmp_path_factory.mktemp("nodes")
    experiment = directory / "runs" / "nodes"
    make_tiny(TinyModel(layers=2), directory / "model", seed=1)
    (directory / "nodes.yaml").write_text(EXPERIMENT.replace("MODEL", str(directory / "model")))

    def output() -> str:
        return (directory / "output.txt").read_text()[-6000:]

    with Nodes(COUNT) as nodes:
        ray = Ray(nodes, gpus=1)  # so each rank and the engine has a node of its own
        try:
            for number in range(COUNT):
                ray.start(number)
            environment = {**prepared(directory), **ray.variables, "HF_HUB_OFFLINE": "1"}
            with (directory / "output.txt").open("w") as file:
                command = nodes.command(0, passk("run", "nodes.yaml"), directory)
                run = subprocess.Popen(command, env=environment, stdout=file, stderr=file)

            def reached(steps: int) -> bool:
                assert run.poll() is None, output()
                return any(len(steps_of(stage)) >= steps for stage in stages_of(experiment).values())

            wait_for(lambda: reached(2), 600, output)
            hosts = {number for number in range(COUNT) if ours(nodes, number)}
            nodes.link(1, up=False)
            time.sleep(2)
            nodes.kill(1)
            nodes.link(1, up=True)
            ray.start(1)
            assert run.wait(timeout=600) == 0, output()
            left = left_on(nodes, COUNT, seconds=20)
        finally:
            ray.remove()
    return Ran(experiment, (directory / "output.txt").read_text(), hosts, left)


def test_each_node_had_a_rank_or_the_engine_and_the_lost_one_was_noticed(ran):
    assert ran.hosts == {0, 1, 2}
    assert "arm: resuming from the last checkpoint" in ran.output


def test_each_step_and_each_rollout_is_recorded_once(ran):
    [stage] = stages_of(ran.experiment).values()
    assert steps_of(stage) == list(range(1, STEPS + 1))
    rollouts = rollouts_of(stage)
    assert len(rollouts) == STEPS * 16 and not rollouts.duplicated(["step", "problem", "sample"]).any()


def test_the_run_ends_with_its_evaluations_and_its_report_and_leaves_no_process_on_a_node(ran):
    assert len(list(ran.experiment.glob("evaluations/*/manifest.json"))) == 2
    assert (ran.experiment / "report.md").exists()
    assert ran.left == []
