"""A stage that keeps models of several checkpoints, killed within an evaluation, and the evaluation of those models."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

import reports
from passk.experiment import config, plan, validate
from passk.files.layout import kept_model, kept_steps
from passk.files.metrics_log import read_metrics
from passk.pipeline import stages
from passk.pipeline.run_record import RunRecord
from passk.runtime.ray_cluster import ray_cluster
from passk.runtime.ray_job import StageFailed
from tests.processes import command_lines, descendants

pytestmark = pytest.mark.slow

EXPERIMENT = """
name: kept
question: Is the mean of several checkpoints whole after kills?
seed: 3
model: {tiny: {layers: 1, hidden_size: 32, heads: 1, feed_forward: 64}}
problems:
  train: {source: maze, split: train, size: 64, easy_fraction: 1.0, path_length: [2, 3]}
  test: {source: maze, split: test, size: 10, easy_fraction: 1.0, path_length: [2, 3]}
stages:
  warm: {kind: sft, problems: train, steps: 4, lr: 3.0e-3, batch_size: 16, evaluate: false}
  arm: {kind: rl, from: warm, problems: train, advantage: grpo, steps: 6, prompts_per_step: 4, rollouts_per_prompt: 8,
        lr: 3.0e-3, false_positive_rate: 0.3, max_prompt: 31, max_response: 8, save_every: 2, evaluate_every: 2,
        evaluate_last: 3, keep_best: {benchmark: chosen_by, k: 4}}
benchmarks:
  chosen_by: {problems: test, samples: 4, k: [1, 4], max_response: 8, validation: true}
  test: {problems: test, samples: 8, k: [1, 4], max_response: 8}
compute: {profile: cpu, threads: 1, micro_batch: 32}
"""
STEPS, SAMPLES, PROBLEMS = [0, 2, 4, 6], {"chosen_by": 4, "test": 4}, 10


def kill_when(true: Callable[[], bool], name: str) -> None:
    """SIGKILL the descendants with `name` in their command line as soon as the condition is true."""
    while not true():
        time.sleep(0.002)
    for process, words in command_lines(descendants()):
        if name in " ".join(words):
            process.kill()


def in_background(true: Callable[[], bool], name: str) -> None:
    threading.Thread(target=kill_when, args=(true, name), daemon=True).start()


def finished_evaluations(laid_out: plan.Plan) -> dict[Path, int]:
    """Directory of each finished evaluation -> time of its manifest."""
    manifests = laid_out.directory.glob("evaluations/*/manifest.json")
    return {manifest.parent: manifest.stat().st_mtime_ns for manifest in manifests}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    experiment = config.parse(yaml.safe_load(EXPERIMENT))
    validate.check(experiment)
    laid_out = plan.plan(experiment, tmp_path_factory.mktemp("kept"))
    said: list[str] = []
    warm, arm = laid_out.stages
    log = arm.directory / "evaluations.jsonl"

    def within_an_evaluation() -> bool:
        found = [(line["step"], line["benchmark"]) for line in read_metrics(log)]
        return (2, "chosen_by") in found and (2, "test") not in found

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        record = RunRecord(laid_out, "passk run kept.yaml")
        with ray_cluster(experiment.compute, laid_out.directory / "ray.log") as cluster:
            stages.prepare(laid_out, said.append)
            stages.train(laid_out, warm, cluster, said.append)
            in_background(within_an_evaluation, "PasskTrainer")
            with pytest.raises(StageFailed):
                stages.train(laid_out, arm, cluster, said.append)
            at_kill = read_metrics(log)
            stages.train(laid_out, arm, cluster, said.append)
        # killed while the third of four checkpoints is evaluated
        in_background(lambda: len(finished_evaluations(laid_out)) >= 2, "passk.evaluation.evaluate")
        with pytest.raises(StageFailed):
            stages.evaluate(laid_out, said.append)
        before = finished_evaluations(laid_out)
        stages.evaluate(laid_out, said.append)
        record.ended()
        stages.ingest(laid_out)
    return laid_out, at_kill, before, said


def test_a_kill_within_an_evaluation_loses_and_doubles_no_sample(kept):
    laid_out, at_kill, _, _ = kept
    lines = read_metrics(laid_out.stages[1].directory / "evaluations.jsonl")
    assert [line["benchmark"] for line in at_kill if line["step"] == 2] == ["chosen_by"], "killed between the two"
    found = [(line["step"], line["benchmark"]) for line in lines]
    assert sorted(found) == [(step, name) for step in STEPS for name in SAMPLES]
    for line in lines:
        assert line["samples"] == SAMPLES[line["benchmark"]] and len(line["correct"]) == PROBLEMS
        assert round(sum(line["reasons"].values()), 9) == 1
    # The checkpoint of step 2 was sealed, so nothing of the evaluations before the kill is repeated.
    assert lines[: len(at_kill)] == at_kill


def test_the_stage_has_the_models_of_its_last_checkpoints_and_of_its_best_one(kept):
    laid_out, *_ = kept
    arm = laid_out.stages[1]
    best = arm.stage.keep.best_step(6, read_metrics(arm.directory / "evaluations.jsonl"))
    assert (arm.kept.last, arm.kept.best) == ((6, 4, 2), best)
    assert set(kept_steps(arm.directory)) == {2, 4, best} - {6}
    weights = {
        (kept_model(arm.directory, step) if step != 6 else arm.directory / "model") / "model.safetensors"
        for step in (2, 4, 6)
    }
    assert len({file.read_bytes() for file in weights}) == 3, "the policy of each step"


def test_an_evaluation_killed_at_its_third_checkpoint_resumes_without_a_sample_lost_or_doubled(kept):
    laid_out, _, before, _ = kept
    assert 2 <= len(before) < len(laid_out.evaluations)
    after = finished_evaluations(laid_out)
    assert {directory: after[directory] for directory in before} == before, "a finished one is not touched"
    assert set(after) == {planned.directory for planned in laid_out.evaluations}
    steps = []
    for planned in laid_out.evaluations:
        samples = pd.read_parquet(planned.directory / "samples.parquet")
        assert len(samples) == PROBLEMS * 8 and not samples.duplicated(["problem", "sample"]).any()
        steps.append(json.loads((planned.directory / "evaluation.json").read_text())["step"])
    assert steps[:3] == [None, 4, 2]
    logs = [pd.read_parquet(planned.directory / "samples.parquet")["logprob"] for planned in laid_out.evaluations[:3]]
    assert not logs[0].equals(logs[1]) and not logs[1].equals(logs[2])


def test_the_report_has_one_row_of_the_three_checkpoints(kept):
    laid_out, *_ = kept
    text = reports.write_report(laid_out.store, laid_out.directory).read_text()
    assert "`arm`: mean over the last 3 checkpoints of each training run." in text
    assert "2, 4, 6" in text and "chosen_by" in text
    assert "Selected on" not in text, "the choice is by a validation benchmark"
