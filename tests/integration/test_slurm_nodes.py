"""`passk launch --slurm` over an allocation of two nodes, each a network namespace with a slurmd of its own."""

import pytest

from dev.cluster import Nodes
from passk.experiment.model import TinyModel
from passk.models.tiny import make_tiny
from tests.integration.conftest import passk
from tests.integration.nodes import NEEDS_NAMESPACES, PROBLEMS, left_on, ours, stages_of, steps_of
from tests.integration.slurm import NEEDS_SLURM, daemons, wait_for

pytestmark = [pytest.mark.slow, NEEDS_NAMESPACES, *NEEDS_SLURM]

STEPS, COUNT = 3, 2
EXPERIMENT = f"""
name: allocation
question: Does the job train on both nodes?
seed: 3
model: {{path: MODEL}}
{PROBLEMS}
stages:
  arm: {{kind: rl, problems: train, advantage: grpo, false_positive_rate: 0.3, steps: {STEPS}, prompts_per_step: 4,
        rollouts_per_prompt: 4, lr: 1.0e-3, max_prompt: 31, max_response: 8}}
benchmarks:
  test: {{problems: test, samples: 4, k: [1, 4], max_response: 8}}
compute: {{profile: cpu, nodes: {COUNT}, gpus_per_node: 1, engines: 1, micro_batch: 4, threads: 1}}
"""


def test_the_job_starts_ray_over_its_nodes_and_trains_and_reports(tmp_path):
    make_tiny(TinyModel(layers=2), tmp_path / "model", seed=1)
    (tmp_path / "allocation.yaml").write_text(EXPERIMENT.replace("MODEL", str(tmp_path / "model")))
    with Nodes(COUNT) as nodes:
        hosts = {f"node{number}": nodes.address(number) for number in range(COUNT)}
        with daemons(tmp_path, hosts, nodes.command) as slurm:
            text = slurm.asked(*passk("launch", "--slurm", "allocation.yaml"))
            job = slurm.asked("sbatch", "--parsable", "--overcommit", text=text).strip()
            log = tmp_path / f"slurm-allocation-{job}.log"
            experiment = tmp_path / "runs" / "allocation"

            def at_work() -> set[int]:
                trains = any(steps_of(stage) for stage in stages_of(experiment).values())
                return {number for number in range(COUNT) if trains and ours(nodes, number)}

            assert wait_for(at_work, log, seconds=600) == {0, 1}, "each node has a rank or the engine"
            assert slurm.ended(job, log) == "COMPLETED", log.read_text()[-4000:]
            [stage] = stages_of(experiment).values()
            assert steps_of(stage) == list(range(1, STEPS + 1))
            assert (experiment / "report.md").exists()
            assert left_on(nodes, COUNT, seconds=30) == []
            assert not list(tmp_path.glob(".ray-*")), "the token of the cluster is gone"
