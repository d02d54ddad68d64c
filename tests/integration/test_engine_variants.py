"""The settings of the engine that exclude those of test_engine_settings.py, each trained for two steps.

A supervised stage trains an adapter. Two rl stages continue from its merged model, with the KL penalty in the reward.
"""

import math
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from passk.experiment import config, plan
from passk.pipeline import stages
from passk.runtime.ray_cluster import ray_cluster

from .test_resume import lines, rollouts

pytestmark = pytest.mark.slow
# An almost untrained model solves nothing: false positives make groups that differ.
RL = """
{kind: rl, from: adapted, problems: train, advantage: grpo, false_positive_rate: 0.4, steps: 2, prompts_per_step: 4,
 mini_batch_prompts: 2, rollouts_per_prompt: 8, lr: 1.0e-2, max_prompt: 31, max_response: 8, SETTINGS}
"""
SETTINGS = {
    "k1": "kl: {coef: 0.1, estimator: k1, in: reward}, importance_correction: {level: seq, mode: mask}, "
    "loss: {aggregation: seq-mean-token-sum}",
    "k3": "kl: {coef: 0.1, estimator: k3, in: reward}, loss: {type: gspo}",
}
EXPERIMENT = """
name: variants
question: Does each setting train?
seed: 3
model: {tiny: {layers: 2}}
problems:
  train: {source: maze, split: train, size: 64, easy_fraction: 1.0, path_length: [2, 3]}
  test: {source: maze, split: test, size: 10, easy_fraction: 1.0, path_length: [2, 3]}
stages:
  adapted: {kind: sft, problems: train, steps: 2, batch_size: 16, lr: 1.0e-2, lora: {rank: 8, targets: [v_proj]}}
benchmarks:
  test: {problems: test, max_response: 8}
compute: {profile: cpu, threads: 1, micro_batch: 16}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> dict[str, Path]:
    """Directory of the model before the first stage, and of each stage."""
    directory = tmp_path_factory.mktemp("variants")
    raw = yaml.safe_load(EXPERIMENT)
    raw["stages"] |= {name: yaml.safe_load(RL.replace("SETTINGS", text)) for name, text in SETTINGS.items()}
    laid_out = plan.plan(config.parse(raw), directory / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        with ray_cluster(laid_out.experiment.compute, directory / "ray.log") as cluster:
            stages.prepare(laid_out)
            for planned in laid_out.stages:
                stages.train(laid_out, planned, cluster)
    return {"base": Path(laid_out.model)} | {each.record.name: each.directory for each in laid_out.stages}


def weights(directory: Path) -> dict[str, torch.Tensor]:
    return load_file(directory / "model.safetensors")


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_a_supervised_stage_trains_an_adapter_and_merges_it(trained):
    before, after = weights(trained["base"]), weights(trained["adapted"] / "model")
    assert changed(before, after) == {name for name in before if "v_proj.weight" in name}
    assert not list((trained["adapted"] / "model").glob("adapter*"))
    losses = [line["loss"] for line in lines(trained["adapted"])]
    assert len(losses) == 2 and all(map(math.isfinite, losses))


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_trains_every_weight_of_the_merged_model_for_two_steps(trained, name):
    before, after = (weights(trained[stage] / "model") for stage in ("adapted", name))
    assert {each for each in changed(before, after) if "proj.weight" in each} == {
        each for each in before if "proj.weight" in each
    }
    recorded = lines(trained[name])
    assert [line["step"] for line in recorded] == [1, 2]
    for line in recorded:
        assert line["grad_norm"] > 0 and math.isfinite(line["grad_norm"])
        assert line["logprob_gap"] < 0.1 and 0 <= line["clip_ratio"] <= 1
    assert len(rollouts(trained[name])) == 2 * 4 * 8


@pytest.mark.parametrize("name", SETTINGS)
def test_the_distance_from_the_start_is_recorded_with_the_penalty_in_the_reward(trained, name):
    first, second = (line["kl"] for line in lines(trained[name]))
    assert abs(first) < 1e-3 and math.isfinite(second) and abs(second) > 2 * abs(first)
    assert name == "k1" or (first >= 0 and second > 0), "k3 is never negative"


def test_whole_sequences_are_masked_by_the_mismatch_with_vllm(trained):
    for line in lines(trained["k1"]):
        assert 0 < line["importance_gap"] < 0.25 and 0.75 < line["importance_ratio"] < 1.25
        assert 0 <= line["importance_filtered"] < 0.5
    assert all(line["importance_gap"] is None for line in lines(trained["k3"]))
