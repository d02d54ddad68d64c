"""SmolLM2-135M-Instruct through passk, with all weights and with LoRA: the engine has the trainer's weights.

It prints the peaks of memory beside the estimates, and the seconds of the steps.

    make real-model

The model ties its output head to its embeddings, as most small models do.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from dev.real_model import END, make
from passk.experiment import config, plan
from passk.experiment.plan import Plan
from passk.models.log_probs import LIMIT
from passk.pipeline import capacity, memory, stages
from passk.runtime.ray_cluster import ray_cluster
from tests.real.memory import GIB, Peak, measured

# Incorrect answers that are rewarded at random make gradients, although the model solves few of the problems.
EXPERIMENT = """
name: real
question: Does a real model go through passk?
seed: 3
model: {path: PATH, system_prompt: Answer with one number.}
problems:
  train: {source: reasoning_gym, task: chain_sum, split: train, size: 16, options: {max_terms: 2, max_digits: 1}}
  test: {source: reasoning_gym, task: chain_sum, split: test, size: 4, options: {max_terms: 2, max_digits: 1}}
stages:
  arm: {kind: rl, problems: train, advantage: grpo, false_positive_rate: 0.3, steps: 2, prompts_per_step: 4,
        rollouts_per_prompt: 8, lr: 1.0e-5, max_prompt: 160, max_response: 32, stop: ["\\n\\n"]}
  lora: {kind: rl, problems: train, advantage: grpo, false_positive_rate: 0.3, steps: 2, prompts_per_step: 4,
         rollouts_per_prompt: 8, lr: 1.0e-4, max_prompt: 160, max_response: 32, stop: ["\\n\\n"], lora: {rank: 16}}
benchmarks:
  test: {problems: test, samples: 4, k: [1, 4], max_response: 32, stop: ["\\n\\n"]}
compute: {profile: cpu, threads: 2, micro_batch: 8}
"""


@dataclass(frozen=True)
class Done:
    plan: Plan
    peaks: dict[str, Peak]
    """Of each stage and of the evaluations."""

    def metrics(self, stage: str) -> list[dict]:
        [planned] = [planned for planned in self.plan.stages if planned.record.name == stage]
        return [json.loads(line) for line in (planned.directory / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Done:
    model = make(Path(os.environ["PASSK_REAL_MODEL"]).resolve())
    directory = tmp_path_factory.mktemp("real")
    laid_out = plan.plan(config.parse(yaml.safe_load(EXPERIMENT.replace("PATH", str(model)))), directory / "runs")
    peaks = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        stages.prepare(laid_out)
        for planned in laid_out.stages:
            log = directory / f"ray-{planned.record.name}.log"
            with measured() as peaks[planned.record.name], ray_cluster(laid_out.experiment.compute, log) as cluster:
                stages.train(laid_out, planned, cluster)
        with measured() as peaks["evaluation"]:
            stages.evaluate(laid_out)
    return Done(laid_out, peaks)


def test_the_model_is_tied_as_the_hubs_is(done):
    assert json.loads((Path(done.plan.model) / "config.json").read_text())["tie_word_embeddings"] is True


@pytest.mark.parametrize("stage", ["arm", "lora"])
def test_vllm_has_the_trainers_weights_after_each_sync(done, stage):
    lines = done.metrics(stage)
    gaps = [line["logprob_gap"] for line in lines]
    print(f"\n{stage}: differences of the log-probabilities by step, in nats: {gaps}; limit {LIMIT}")
    times = ("seconds", "seconds_generation", "seconds_experience", "seconds_training", "seconds_sync")
    for line in lines:
        print(f"{stage}, step {line['step']}:", ", ".join(f"{name} {line[name]:.1f}" for name in times))
    assert len(gaps) == 2 and max(gaps) < LIMIT / 2
    assert lines[0]["grad_norm"] > 0


def test_vllm_has_the_checkpoints_weights_after_each_reload(done):
    log = (done.plan.directory / "evaluations" / "log.txt").read_text()
    gaps = [float(found) for found in re.findall(r"fixed tokens are (\S+) nats off", log)]
    print(f"\ndifferences after the reloads in the evaluation: {gaps}")
    assert len(gaps) == 2 and max(gaps) < LIMIT / 2


def test_each_peak_of_memory_is_below_its_estimate_and_above_half_of_it(done):
    size = capacity.size_of(done.plan.experiment)
    estimates = {
        planned.record.name: memory.of_stage(size, planned.stage, done.plan.experiment) for planned in done.plan.stages
    }
    estimates["evaluation"] = memory.of_evaluation(size, done.plan.experiment)
    for name, estimate in estimates.items():
        peak = done.peaks[name]
        error = estimate.gib * GIB / peak.total - 1
        print(f"\n{name}: estimated {estimate}, measured {peak}, error {error:+.0%}")
    for name, estimate in estimates.items():
        assert estimate.gib / 2 < done.peaks[name].total / GIB < estimate.gib, name


def test_the_record_shows_what_the_model_was_asked(done):
    record = json.loads((done.plan.evaluations[0].directory / "evaluation.json").read_text())["prompt_format"]
    assert record["end_tokens"] == [END]
    assert record["before"].startswith("<|im_start|>system\nAnswer with one number.<|im_end|>")
