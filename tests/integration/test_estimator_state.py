"""Estimators with a state over steps, ours and another package's, in a stage that is killed and resumes.

The stage changes its estimator twice, so that states outlive the steps of another estimator.
"""

import json
import threading
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

from passk.advantage import registry
from passk.base import plugins
from passk.experiment import config, plan
from passk.openrlhf.checkpoints import SEAL
from passk.pipeline import stages
from passk.runtime.failures import StageFailed
from passk.runtime.ray_cluster import ray_cluster
from tests.log_lines import logged_lines

from .test_resume import CLOCK, kill_the_policy_when, lines, rollouts

pytestmark = pytest.mark.slow

COUNTING = """
from passk.advantage import estimator

@estimator(k="1")
def counting(rewards, k, *, state):
    state["steps"] = state.get("steps", 0) + 1
    return (rewards - rewards.mean(dim=1, keepdim=True)) * state["steps"]
"""
# Random weights solve nothing: false positives make groups that differ.
EXPERIMENT = """
name: stateful
question: Does an estimator keep its state over a kill?
seed: 3
model: {tiny: {layers: 2}}
problems:
  train: {source: maze, split: train, size: 72, easy_fraction: 1.0, path_length: [2, 3]}
  test: {source: maze, split: test, size: 8, easy_fraction: 1.0, path_length: [2, 3]}
stages:
  arm: {kind: rl, problems: train, advantage: {1: curverl, 3: counting, 7: curverl}, options: {curverl: {window: 5}},
        false_positive_rate: 0.4, steps: 8, prompts_per_step: 8, rollouts_per_prompt: 8, mini_batch_prompts: 4,
        lr: 1.0e-3, max_prompt: 31, max_response: 8, save_every: 2, keep_checkpoints: 3}
  then: {kind: rl, from: arm, problems: train, advantage: counting, false_positive_rate: 0.4, steps: 1,
         prompts_per_step: 8, rollouts_per_prompt: 8, lr: 1.0e-3, max_prompt: 31, max_response: 8}
benchmarks:
  test: {problems: test, max_response: 8}
compute: {profile: cpu, threads: 1, micro_batch: 16, deterministic: true}
"""


@dataclass(frozen=True)
class Runs:
    undisturbed: Path
    resumed: Path
    child: Path
    messages: list[str]
    """Of the run that resumed."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Runs:
    directory = tmp_path_factory.mktemp("stateful")
    package = directory / "package"
    about = package / "counting-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: counting\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[passk.advantage]\ncounting = counting_estimator:counting\n")
    (package / "counting_estimator.py").write_text(COUNTING)
    with pytest.MonkeyPatch.context() as patch, logged_lines() as messages:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("PYTHONPATH", str(package))  # of Ray's workers
        patch.syspath_prepend(str(package))
        plugins.scan.cache_clear()
        registry._locations.cache_clear()
        experiment = config.parse(yaml.safe_load(EXPERIMENT))
        whole, cut = (plan.plan(experiment, directory / name) for name in ("whole", "cut"))
        with ray_cluster(experiment.compute, directory / "ray.log") as cluster:
            for one in (whole, cut):
                stages.prepare(one)
            stages.train(whole, whole.stages[0], cluster)
            saves = cut.stages[0].directory / "checkpoints" / "_actor"
            sealed = saves / "global_step4" / SEAL
            threading.Thread(target=kill_the_policy_when, args=(sealed.exists, saves), daemon=True).start()
            with pytest.raises(StageFailed):
                stages.train(cut, cut.stages[0], cluster)
            messages.clear()
            stages.train(cut, cut.stages[0], cluster)
            stages.train(cut, cut.stages[1], cluster)
    plugins.scan.cache_clear()
    registry._locations.cache_clear()
    return Runs(whole.stages[0].directory, cut.stages[0].directory, cut.stages[1].directory, messages)


def spread(frame: pd.DataFrame) -> dict[int, set[float]]:
    """Advantage of a correct rollout less that of an incorrect one, of the groups that have both, by step."""
    found: dict[int, set[float]] = {}
    for (step, _), group in frame.groupby(["step", "problem"]):
        if group.advantage.any():
            found.setdefault(int(step), set()).add(round(float(group.advantage.max() - group.advantage.min()), 4))
    return found


def test_the_stage_resumed_after_the_states_had_begun(runs):
    assert runs.messages[0].startswith("arm: resuming from the last checkpoint, step 4; ")


def test_every_step_is_that_of_the_run_that_was_not_killed(runs):
    for one, other in zip(lines(runs.undisturbed), lines(runs.resumed), strict=True):
        assert {name: one[name] for name in one.keys() - CLOCK} == {name: other[name] for name in other.keys() - CLOCK}
    pd.testing.assert_frame_equal(rollouts(runs.undisturbed), rollouts(runs.resumed), check_exact=True)


def test_each_step_records_its_estimator(runs):
    used = [line["estimator"] for line in lines(runs.resumed)]
    assert used == [*["curverl"] * 2, *["counting"] * 4, *["curverl"] * 2]


def test_the_other_packages_estimator_counts_its_steps_through_the_kill(runs):
    found = spread(rollouts(runs.resumed))
    assert {step: found[step] for step in (3, 4, 5, 6)} == {3: {1.0}, 4: {2.0}, 5: {3.0}, 6: {4.0}}


def test_curverl_weighs_by_the_steps_before_the_kill(runs):
    weights = spread(rollouts(runs.resumed))
    assert all(0 < weight <= 1 for step in (1, 2, 7, 8) for weight in weights[step])
    assert len(weights[7]) > 1, "one weight for all prompts is no reference"


def test_a_stage_that_starts_from_another_starts_with_no_state(runs):
    assert spread(rollouts(runs.child)) == {1: {1.0}}
    record = json.loads((runs.child / "stage.json").read_text())
    assert record["versions"]["estimator"] == "counting 1.0"
