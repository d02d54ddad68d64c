"""A stage that dies while it saves resumes from a complete checkpoint and ends with the same last digit."""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from passk.experiment import config, plan
from passk.files import layout
from passk.files.schema import EVALUATION, METRICS, ROLLOUT_COLUMNS
from passk.openrlhf.checkpoints import SEAL
from passk.pipeline import stages
from passk.runtime.failures import StageFailed
from passk.runtime.ray_cluster import ray_cluster
from tests.log_lines import logged_lines
from tests.processes import command_lines, descendants

pytestmark = pytest.mark.slow

# A model with random weights solves nothing. Incorrect rollouts with random rewards make the gradients.
EXPERIMENT = """
name: resumed
question: Is a run that was killed the run that was not?
seed: 3
model: {tiny: {layers: 2}}
problems:
  train: {source: maze, split: train, size: 64, easy_fraction: 1.0, path_length: [2, 3]}
  test: {source: maze, split: test, size: 10, easy_fraction: 1.0, path_length: [2, 3]}
stages:
  arm: {kind: rl, problems: train, advantage: passk_bootstrap, k: [[1, 4], [4, 2]], false_positive_rate: 0.3, steps: 8,
          EVALUATED until: {metric: reward, below: 0.5, window: 5}, prompts_per_step: 8,
        rollouts_per_prompt: 8, mini_batch_prompts: 4, lr: 1.0e-3, max_prompt: 31,
          max_response: 8, save_every: 2, keep_checkpoints: 3}
  then: {kind: rl, from: arm, problems: train, advantage: grpo, steps: 1, prompts_per_step: 8,
        rollouts_per_prompt: 8, lr: 1.0e-3, max_prompt: 31, max_response: 8}
benchmarks:
  test: {problems: test, max_response: 8}
compute: {profile: cpu, threads: 1, micro_batch: 16, deterministic: true}
"""
ENDED = r"ended at step 5 of 8: mean reward over 5 steps is 0[.\d]*, below 0\.5"
CLOCK = {"time", *(name for name in METRICS if name.startswith("seconds"))}


@dataclass(frozen=True)
class Runs:
    undisturbed: Path
    resumed: Path
    said: list[str]
    """Messages of the run that resumed."""
    sealed_at_kill: list[int]
    """steps whose checkpoints were sealed"""
    begun_at_kill: list[int]
    """steps whose checkpoints were there"""
    said_at_the_end: list[str]
    """by the run after that, whose last checkpoint was sealed and whose model was not written"""
    child: plan.PlannedStage


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Runs:
    directory = tmp_path_factory.mktemp("resumed")
    evaluated = {"whole": "", "cut": "evaluate_every: 2, "}
    laid_out = {
        name: plan.plan(config.parse(yaml.safe_load(EXPERIMENT.replace("EVALUATED", fields))), directory / name)
        for name, fields in evaluated.items()
    }
    with pytest.MonkeyPatch.context() as patch, logged_lines() as said:
        patch.delenv("RAY_ADDRESS", raising=False)
        with ray_cluster(laid_out["whole"].experiment.compute, directory / "ray.log") as cluster:
            for one in laid_out.values():
                stages.prepare(one)
            (whole, _), (cut, child) = (one.stages for one in laid_out.values())
            stages.train(laid_out["whole"], whole, cluster)
            saves = cut.directory / "checkpoints" / "_actor"
            threading.Thread(target=kill_the_policy_in_its_save, args=(saves, 5), daemon=True).start()
            with pytest.raises(StageFailed):
                stages.train(laid_out["cut"], cut, cluster)
            begun = sorted(saves.glob("global_step*"))
            sealed = [checkpoint for checkpoint in begun if (checkpoint / SEAL).exists()]
            # and the newest that was sealed is damaged afterwards
            with next(sealed[-1].glob("*optim_states.pt")).open("r+b") as file:
                file.truncate(1000)
            said.clear()
            threading.Thread(target=kill_the_policy_after_its_save, args=(saves, 5), daemon=True).start()
            with pytest.raises(StageFailed):
                stages.train(laid_out["cut"], cut, cluster)
            with logged_lines() as said_at_the_end:
                stages.train(laid_out["cut"], cut, cluster)
                stages.train(laid_out["cut"], child, cluster)
    return Runs(
        undisturbed=whole.directory,
        resumed=cut.directory,
        said=said,
        sealed_at_kill=[step_of(checkpoint) for checkpoint in sealed],
        begun_at_kill=[step_of(checkpoint) for checkpoint in begun],
        said_at_the_end=said_at_the_end,
        child=child,
    )


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("global_step"))


def kill_the_policy_in_its_save(saves: Path, first: int) -> None:
    """SIGKILL as soon as the checkpoint of step `first`, or a later one, is begun."""
    kill_the_policy_when(
        lambda: any(step_of(begun) >= first and not (begun / SEAL).exists() for begun in saves.glob("global_step*")),
        saves,
    )


def kill_the_policy_after_its_save(saves: Path, step: int) -> None:
    """SIGKILL as soon as the checkpoint of a step is sealed."""
    kill_the_policy_when((saves / f"global_step{step}" / SEAL).exists, saves)


def kill_the_policy_when(true: Callable[[], bool], saves: Path) -> None:
    policies: list[psutil.Process] = []
    while not true():
        if not policies and saves.exists():
            known = command_lines(descendants())
            policies = [process for process, words in known if "PasskPolicy" in " ".join(words)]
        time.sleep(0.001)
    for process in policies:
        process.kill()


def lines(stage: Path) -> list[dict]:
    return [json.loads(line) for line in (stage / "metrics.jsonl").read_text().splitlines()]


def rollouts(stage: Path) -> pd.DataFrame:
    return pd.concat(pd.read_parquet(file) for file in sorted((stage / "rollouts").glob("*.parquet")))


def test_the_kill_came_in_the_middle_of_a_save(runs):
    assert runs.begun_at_kill[-1] == 5, "the last step has a checkpoint, whatever save_every is"
    assert runs.begun_at_kill[-1] not in runs.sealed_at_kill
    assert len(runs.sealed_at_kill) >= 1


def test_half_a_checkpoint_and_a_damaged_one_are_told_and_the_one_before_them_is_taken(runs):
    half, damaged, taken = runs.begun_at_kill[-1], runs.sealed_at_kill[-1], runs.sealed_at_kill[-2]
    [told_damaged, told_half, goes_on] = runs.said[:3]
    assert told_damaged.startswith(f"arm: the checkpoint of step {damaged} is not used: ")
    assert "has 1000 bytes instead of" in told_damaged
    assert told_half == f"arm: the checkpoint of step {half} is not used: its write did not finish"
    assert goes_on.startswith(f"arm: resuming from the last checkpoint, step {taken}; ")


def test_steps_and_rollouts_are_there_exactly_once(runs):
    assert [line["step"] for line in lines(runs.resumed)] == [1, 2, 3, 4, 5]
    tensorboard = EventAccumulator(str(runs.resumed.parents[1] / "tensorboard" / "arm")).Reload()
    assert [event.step for event in tensorboard.Scalars("train/reward")] == [1, 2, 3, 4, 5]
    frame = rollouts(runs.resumed)
    assert len(frame) == 5 * 8 * 8
    assert not frame.duplicated(["step", "problem", "sample"]).any()


def test_the_metrics_of_the_run_that_was_killed_are_those_of_the_run_that_was_not_to_the_last_digit(runs):
    whole, resumed = lines(runs.undisturbed), lines(runs.resumed)
    for one, other in zip(whole, resumed, strict=True):
        assert one.keys() == other.keys()
        assert {name: one[name] for name in one.keys() - CLOCK} == {name: other[name] for name in other.keys() - CLOCK}
    assert all(line["grad_norm"] > 0 for line in whole), "where nothing is learned nothing is compared"


def test_a_stage_ends_where_its_recorded_steps_meet_its_condition_however_often_it_was_killed(runs):
    for stage in (runs.undisturbed, runs.resumed):
        manifest = json.loads((stage / "manifest.json").read_text())
        assert manifest["steps"] == 5
        assert re.fullmatch(ENDED, manifest["ended"])
    assert runs.said_at_the_end[0] == "arm: resuming from the last checkpoint, step 5; 5 of 8 steps were done"
    assert any(re.fullmatch(f"arm: {ENDED}", line) for line in runs.said_at_the_end)


def test_a_stage_that_is_evaluated_is_the_stage_that_is_not_and_each_evaluation_is_recorded_once(runs):
    assert runs.undisturbed.name == runs.resumed.name, "one key"
    assert not layout.training_evaluations(runs.undisturbed).exists()
    evaluations = [json.loads(line) for line in layout.training_evaluations(runs.resumed).read_text().splitlines()]
    assert [(line["step"], line["benchmark"]) for line in evaluations] == [(s, "test") for s in (0, 2, 4, 5)]
    for line in evaluations:
        assert line.keys() == EVALUATION.keys()
        assert (len(line["correct"]), line["samples"], set(line["pass_at_k"])) == (10, 8, {"1", "4", "8"})
        assert line["pass_at_k"]["1"]["value"] == pytest.approx(sum(line["correct"].values()) / 80)
        assert 0 < line["tokens"] <= 80 * 8
    tensorboard = EventAccumulator(str(runs.resumed.parents[1] / "tensorboard" / "arm")).Reload()
    points = tensorboard.Scalars("held_out/test/pass_at_k/8")
    assert [point.step for point in points] == [0, 2, 4, 5]
    assert [point.value for point in points] == pytest.approx([e["pass_at_k"]["8"]["value"] for e in evaluations])


def test_the_child_starts_where_the_stage_ended(runs):
    record = json.loads((runs.child.directory / "stage.json").read_text())
    assert (record["first_step"], runs.child.first_prompt) == (5, 40)
    [first] = rollouts(runs.child.directory).groupby("step").problem.unique()
    seen = rollouts(runs.resumed).problem.unique()
    assert len(seen) == 40 and len(first) == 8 and not set(first) & set(seen), "64 problems, each once so far"
    flag = f"--actor.model_name_or_path {runs.resumed / 'model'} "
    assert flag.split()[1] in (runs.child.directory / "log.txt").read_text()


def test_the_rollouts_and_the_model_are_the_same_too(runs):
    pd.testing.assert_frame_equal(rollouts(runs.undisturbed), rollouts(runs.resumed), check_exact=True)
    assert tuple(rollouts(runs.resumed).columns) == tuple(ROLLOUT_COLUMNS)
    weights = [next((stage / "model").glob("*.safetensors")).read_bytes() for stage in (runs.undisturbed, runs.resumed)]
    assert weights[0] == weights[1]


def test_each_answer_of_a_prompt_is_drawn_for_itself(runs):
    distinct = rollouts(runs.resumed).groupby(["step", "problem"]).response.nunique()
    assert distinct.mean() > 7  # of 8, from random weights
