"""A stage that keeps models of several checkpoints and is killed within an evaluation between its training steps."""

import threading
import time
from collections.abc import Callable

import pytest
import yaml

from passk.experiment import config, plan
from passk.files.layout import kept_model, kept_steps
from passk.files.metrics_log import read_metrics
from passk.pipeline import stages
from passk.runtime.failures import StageFailed
from passk.runtime.ray_cluster import ray_cluster
from tests.processes import command_lines, descendants

pytestmark = pytest.mark.slow

# From random weights nothing is solved: incorrect answers that are rewarded at random make the gradients.
EXPERIMENT = """
name: kept
question: Is each model kept that should be, whatever is killed?
seed: 3
model: {tiny: {layers: 1, hidden_size: 32, heads: 1, feed_forward: 64}}
problems:
  train: {source: maze, split: train, size: 64, easy_fraction: 1.0, path_length: [2, 3]}
  test: {source: maze, split: test, size: 10, easy_fraction: 1.0, path_length: [2, 3]}
stages:
  arm: {kind: rl, problems: train, advantage: grpo, steps: 6, prompts_per_step: 4, rollouts_per_prompt: 8,
        lr: 3.0e-3, false_positive_rate: 0.3, max_prompt: 31, max_response: 8, save_every: 2, evaluate_every: 2,
        evaluate_last: 3, keep_best: {benchmark: chosen_by, k: 4}}
benchmarks:
  chosen_by: {problems: test, samples: 4, k: [1, 4], max_response: 8, validation: true}
  test: {problems: test, samples: 8, k: [1, 4], max_response: 8}
compute: {profile: cpu, threads: 1, micro_batch: 32}
"""
STEPS, BENCHMARKS, SAMPLES, PROBLEMS = (0, 2, 4, 6), ("chosen_by", "test"), 4, 10


def kill_when(true: Callable[[], bool], name: str) -> None:
    """SIGKILL the descendants with `name` in their command line as soon as the condition is true."""
    while not true():
        time.sleep(0.002)
    for process, words in command_lines(descendants()):
        if name in " ".join(words):
            process.kill()


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The stage, and its evaluations at the kill."""
    laid_out = plan.plan(config.parse(yaml.safe_load(EXPERIMENT)), tmp_path_factory.mktemp("kept"))
    [arm] = laid_out.stages
    log = arm.directory / "evaluations.jsonl"

    def within_an_evaluation() -> bool:
        found = [(line["step"], line["benchmark"]) for line in read_metrics(log)]
        return (2, "chosen_by") in found and (2, "test") not in found

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        with ray_cluster(laid_out.experiment.compute, laid_out.directory / "ray.log") as cluster:
            stages.prepare(laid_out)
            threading.Thread(target=kill_when, args=(within_an_evaluation, "ray::PPOTrainer"), daemon=True).start()
            with pytest.raises(StageFailed):
                stages.train(laid_out, arm, cluster)
            at_kill = read_metrics(log)
            stages.train(laid_out, arm, cluster)
    return arm, at_kill


def test_a_kill_within_an_evaluation_loses_and_doubles_no_sample(kept):
    arm, at_kill = kept
    lines = read_metrics(arm.directory / "evaluations.jsonl")
    assert [line["benchmark"] for line in at_kill if line["step"] == 2] == ["chosen_by"], "killed between the two"
    found = [(line["step"], line["benchmark"]) for line in lines]
    assert sorted(found) == [(step, name) for step in STEPS for name in BENCHMARKS]
    for line in lines:
        assert line["samples"] == SAMPLES and len(line["correct"]) == PROBLEMS
        assert round(sum(line["reasons"].values()), 9) == 1
    # The checkpoint of step 2 was sealed, so nothing of the evaluations before the kill is repeated.
    assert lines[: len(at_kill)] == at_kill
    assert [line["step"] for line in read_metrics(arm.directory / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6]


def test_the_stage_has_the_models_of_its_last_checkpoints_and_of_its_best_one(kept):
    arm, _ = kept
    best = arm.stage.keep.best_step(6, read_metrics(arm.directory / "evaluations.jsonl"))
    assert (arm.kept.last, arm.kept.best) == ((6, 4, 2), best)
    assert set(kept_steps(arm.directory)) == {2, 4, best} - {6}
    models = [arm.directory / "model", kept_model(arm.directory, 4), kept_model(arm.directory, 2)]
    assert len({(model / "model.safetensors").read_bytes() for model in models}) == 3, "the policy of each step"
    names = [{file.name for file in model.iterdir()} for model in models]
    assert names[0] == names[1] == names[2], "whole models, as OpenRLHF writes the last one"
