"""A stage that trains on what an earlier one failed and on prompts with its responses, killed and resumed."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from passk import problems
from passk.experiment import config, plan
from passk.pipeline import stages
from passk.runtime.ray_cluster import ray_cluster

from .test_methods import KILLED_AFTER, STEPS, killed_and_resumed
from .test_resume import CLOCK, lines, rollouts

pytestmark = pytest.mark.slow

# The template has the letters of the tiny model's alphabet alone.
EXPERIMENT = f"""
name: again
question: Does a stage train on the rollouts of another one, also after a kill?
seed: 3
model: {{tiny: {{layers: 2}}}}
problems:
  train: {{source: maze, split: train, size: 24, easy_fraction: 1.0, path_length: [2, 3]}}
  failed: {{source: rollouts, stage: first, pass_rate: [0, 0.5], last_steps: 1}}
  revised: {{source: rollouts, stage: first, make: revise, template: "{{problem}}{{response}}\\n>"}}
  test: {{source: maze, split: test, size: 8, easy_fraction: 1.0, path_length: [2, 3]}}
stages:
  first: &stage {{kind: rl, problems: train, advantage: grpo, false_positive_rate: 0.4, steps: 2, prompts_per_step: 4,
    rollouts_per_prompt: 8, mini_batch_prompts: 2, lr: 1.0e-3, max_prompt: 42, max_response: 8, save_every: 5,
    keep_checkpoints: 3}}
  again: {{<<: *stage, from: first, steps: {STEPS}, problems: null, mix: {{train: 1, failed: 1, revised: 1}}}}
benchmarks:
  test: {{problems: test, max_response: 8}}
compute: {{profile: cpu, threads: 1, micro_batch: 16, deterministic: true}}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[plan.Plan, plan.Plan, list[str]]:
    """The plan that was not killed, the one that was, and what the run logs that resumed."""
    directory = tmp_path_factory.mktemp("again")
    experiment = config.parse(yaml.safe_load(EXPERIMENT))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        whole, cut = (plan.plan(experiment, directory / name) for name in ("whole", "cut"))
        with ray_cluster(experiment.compute, directory / "ray.log") as cluster:
            for one in (whole, cut):
                stages.prepare(one)
                stages.train(one, one.stages[0], cluster)
            stages.train(whole, whole.stages[1], cluster)
            resumed = killed_and_resumed(cut, cut.stages[1], cluster)
    return whole, cut, resumed


def directories(runs) -> tuple[Path, Path]:
    return runs[0].stages[1].directory, runs[1].stages[1].directory


def test_the_stage_trains_on_problems_of_all_three_kinds(runs):
    laid_out = runs[0]
    sampled = set(rollouts(directories(runs)[0]).problem)
    ids = {name: set(problems.load(laid_out.problems[name])["id"]) for name in ("train", "failed", "revised")}
    of_the_last_step = rollouts(laid_out.stages[0].directory).query("step == 2")
    assert ids["failed"] == set(of_the_last_step.problem), "random weights solve nothing"
    assert ids["failed"] < ids["train"] and all(name.endswith("-revise") for name in ids["revised"])
    assert sampled & ids["revised"] and sampled & (ids["train"] - ids["failed"])


def test_a_killed_stage_goes_on_to_the_last_digit(runs):
    whole, cut = directories(runs)
    assert runs[2][0].startswith(f"again: resuming from the last checkpoint, step {KILLED_AFTER}; ")
    assert len(lines(whole)) == STEPS
    for one, other in zip(lines(whole), lines(cut), strict=True):
        assert {key: one[key] for key in one.keys() - CLOCK} == {key: other[key] for key in other.keys() - CLOCK}
    pd.testing.assert_frame_equal(rollouts(whole), rollouts(cut), check_exact=True)
