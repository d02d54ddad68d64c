"""Each method in a stage of 20 steps that is killed and resumes, beside one that is not killed.

The stage is deterministic, so that both must be equal to the last digit.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

from passk.experiment import config, plan
from passk.experiment.planned import PlannedStage
from passk.openrlhf.checkpoints import SEAL
from passk.pipeline import stages
from passk.runtime.failures import StageFailed
from passk.runtime.ray_cluster import ray_cluster
from tests.log_lines import logged_lines

from .test_resume import CLOCK, kill_the_policy_when, lines, rollouts

pytestmark = pytest.mark.slow

METHODS = {
    "simko": "method: {name: simko, alpha: 0.3}, ",
    "resrl": "method: {name: resrl, rank: 16}, ",
    "sage": "method: {name: sage, guide: token}, kl: {coef: 0.05}, ",
    "gcpo": "method: {name: gcpo}, ",
    "ar_opd": 'method: {name: ar_opd, template: "{hint}\\n{problem}"}, ',
}
STEPS, KILLED_AFTER = 20, 10
# Random weights solve nothing: false positives make groups that differ.
EXPERIMENT = """
name: inner
question: Does a method go on after a kill as if there had been none?
seed: 3
model: {tiny: {layers: 2}}
problems:
  train: {source: maze, split: train, size: 96, easy_fraction: 1.0, path_length: [2, 3]}
  test: {source: maze, split: test, size: 8, easy_fraction: 1.0, path_length: [2, 3]}
stages: {}
benchmarks:
  test: {problems: test, max_response: 8}
compute: {profile: cpu, threads: 1, micro_batch: 16, deterministic: true}
"""
STAGE = f"""
{{kind: rl, problems: train, advantage: grpo, METHOD false_positive_rate: 0.4, steps: {STEPS}, prompts_per_step: 4,
  rollouts_per_prompt: 8, mini_batch_prompts: 2, lr: 1.0e-3, max_prompt: 31, max_response: 8, save_every: 5,
  keep_checkpoints: 3}}
"""


@dataclass(frozen=True)
class Runs:
    """Two runs of the same experiment, and the cluster of both."""

    whole: plan.Plan
    cut: plan.Plan
    cluster: dict[str, str]


@dataclass(frozen=True)
class Run:
    """A stage with a method."""

    name: str
    whole: Path
    resumed: Path
    messages: list[str]
    """Of the run that resumed."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Iterator[Runs]:
    directory = tmp_path_factory.mktemp("methods")
    raw = yaml.safe_load(EXPERIMENT)
    raw["stages"] = {name: yaml.safe_load(STAGE.replace("METHOD", text)) for name, text in METHODS.items()}
    raw["stages"]["none"] = yaml.safe_load(STAGE.replace("METHOD", "")) | {"steps": 1}
    experiment = config.parse(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        whole, cut = (plan.plan(experiment, directory / name) for name in ("whole", "cut"))
        with ray_cluster(experiment.compute, directory / "ray.log") as cluster:
            for one in (whole, cut):
                stages.prepare(one)
            yield Runs(whole, cut, cluster)


@pytest.fixture(scope="module", params=METHODS)
def run(request, runs) -> Run:
    undisturbed, killed = (planned(one, request.param) for one in (runs.whole, runs.cut))
    stages.train(runs.whole, undisturbed, runs.cluster)
    messages = killed_and_resumed(runs.cut, killed, runs.cluster)
    return Run(request.param, undisturbed.directory, killed.directory, messages)


@pytest.fixture(scope="module")
def plain(runs) -> Path:
    """The stage without a method, for one step."""
    stages.train(runs.whole, planned(runs.whole, "none"), runs.cluster)
    return planned(runs.whole, "none").directory


def planned(laid_out: plan.Plan, name: str) -> PlannedStage:
    return next(one for one in laid_out.stages if one.record.name == name)


def killed_and_resumed(laid_out, planned, cluster) -> list[str]:
    """Train a stage, kill its policy once a checkpoint is sealed, train on, and return what the second run logs."""
    saves = planned.directory / "checkpoints" / "_actor"
    sealed = saves / f"global_step{KILLED_AFTER}" / SEAL
    threading.Thread(target=kill_the_policy_when, args=(sealed.exists, saves), daemon=True).start()
    with pytest.raises(StageFailed):
        stages.train(laid_out, planned, cluster)
    with logged_lines() as messages:
        stages.train(laid_out, planned, cluster)
    return messages


def test_a_killed_stage_goes_on_to_the_last_digit(run):
    assert run.messages[0].startswith(f"{run.name}: resuming from the last checkpoint, step {KILLED_AFTER}; ")
    assert len(lines(run.whole)) == STEPS
    for one, other in zip(lines(run.whole), lines(run.resumed), strict=True):
        assert {key: one[key] for key in one.keys() - CLOCK} == {key: other[key] for key in other.keys() - CLOCK}
    pd.testing.assert_frame_equal(rollouts(run.whole), rollouts(run.resumed), check_exact=True)


def test_a_method_changes_what_the_same_estimator_trains(run, plain):
    one, other = lines(run.whole)[0], lines(plain)[0]
    assert one["reward"] == other["reward"], "the first step samples from the same weights"
    assert one["grad_norm"] != other["grad_norm"]
