"""A stage whose model is the average of its weights, killed and resumed, with a penalty for long responses."""

import json
import threading

import pytest
import torch
import yaml
from safetensors.torch import load_file

from passk.experiment import config, plan
from passk.openrlhf.average import FILE
from passk.openrlhf.checkpoints import SEAL
from passk.pipeline import stages
from passk.runtime.failures import StageFailed
from passk.runtime.ray_cluster import ray_cluster
from tests.integration.test_resume import kill_the_policy_after_its_save
from tests.log_lines import logged_lines

pytestmark = pytest.mark.slow
# From random weights nothing is solved: rewards at random, and penalties for lengths, make the gradients.
EXPERIMENT = """
name: averaged
question: Is the model the average?
seed: 3
model: {tiny: {layers: 2}}
problems:
  train: {source: maze, split: train, size: 64, easy_fraction: 1.0, path_length: [2, 3]}
  test: {source: maze, split: test, size: 10, easy_fraction: 1.0, path_length: [2, 3]}
stages:
  arm: {kind: rl, problems: train, advantage: grpo, false_positive_rate: 0.3, steps: 4, prompts_per_step: 4,
        rollouts_per_prompt: 8, lr: 1.0e-2, max_prompt: 31, max_response: 8, save_every: 2,
        ema: 0.999, overlong: {buffer: 6, penalty: 0.5}}
benchmarks:
  test: {problems: test, max_response: 8}
compute: {profile: cpu, threads: 1, micro_batch: 16}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[plan.Plan, set[str]]:
    """The plan of the finished run, and the files of the checkpoint from which it resumed."""
    directory = tmp_path_factory.mktemp("averaged")
    laid_out, files = plan.plan(config.parse(yaml.safe_load(EXPERIMENT)), directory), set()
    [planned] = laid_out.stages
    saves = planned.directory / "checkpoints" / "_actor"
    with pytest.MonkeyPatch.context() as patch, logged_lines() as said:
        patch.delenv("RAY_ADDRESS", raising=False)
        with ray_cluster(laid_out.experiment.compute, directory / "ray.log") as cluster:
            stages.prepare(laid_out)
            threading.Thread(target=kill_the_policy_after_its_save, args=(saves, 2), daemon=True).start()
            with pytest.raises(StageFailed):
                stages.train(laid_out, planned, cluster)
            files |= {path.name for path in (saves / "global_step2").iterdir()}
            stages.train(laid_out, planned, cluster)
    assert any("resuming from the last checkpoint, step 2" in line for line in said)
    return laid_out, files


def test_a_checkpoint_has_the_average_under_its_seal(trained):
    assert {FILE, SEAL} <= trained[1]


def test_the_model_is_the_average_and_not_the_last_weights(trained):
    laid_out, _ = trained
    [planned] = laid_out.stages
    lines = [json.loads(line) for line in (planned.directory / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4] and all(line["grad_norm"] > 0 for line in lines)
    start, end = (load_file(path / "model.safetensors") for path in (laid_out.model, planned.directory / "model"))
    assert start.keys() == end.keys()
    # Adam moves each weight by about lr = 0.01 a step. The average moves by a thousandth of that.
    moved = max(float((start[name].float() - end[name].float()).abs().max()) for name in start)
    assert moved < 2e-3
    assert any(not torch.equal(start[name].to(torch.bfloat16), end[name]) for name in start), "and it moves"


def test_the_card_of_the_model_stands_beside_it(trained):
    laid_out, _ = trained
    [planned] = laid_out.stages
    card = (planned.directory / "model" / "README.md").read_text()
    assert "# arm of averaged" in card and "a tiny Qwen2 with random weights" in card
