"""Several trainer ranks and vLLM engines on a CPU: the same rollouts, advantages and first update as one rank."""

import json
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config, plan
from passk.experiment.compute import Compute
from passk.openrlhf import checkpoints
from passk.openrlhf.checkpoints import SEAL
from passk.pipeline import stages
from passk.runtime.ray_cluster import ray_cluster
from passk.runtime.ray_job import StageFailed
from tests.processes import command_lines, descendants

pytestmark = pytest.mark.slow

PROMPTS, ROLLOUTS, LR = 5, 6, 1e-3
# From random weights nothing is solved: incorrect responses with a reward at random make the gradients.
EXPERIMENT = f"""
name: ranks
question: Does the number of ranks change what is trained?
seed: 3
model: {{tiny: {{layers: 2}}}}
problems:
  train: {{source: maze, split: train, size: 64, easy_fraction: 1.0, path_length: [2, 3]}}
  test: {{source: maze, split: test, size: 4, easy_fraction: 1.0, path_length: [2, 3]}}
stages:
  arm: {{kind: rl, problems: train, advantage: passk_analytical, k: 2, false_positive_rate: 0.3, steps: 1,
        prompts_per_step: {PROMPTS}, rollouts_per_prompt: {ROLLOUTS}, lr: {LR}, max_prompt: 31, max_response: 8,
        save_every: 1}}
benchmarks:
  test: {{problems: test, max_response: 8}}
compute: {{profile: cpu, threads: 1, deterministic: true}}
"""


class Row(NamedTuple):
    """One way to train the step."""

    ranks: int
    engines: int
    zero: int = 2
    dynamic: bool = False
    """Whether batches are dynamic and packed, with gradient checkpointing."""

    @property
    def compute(self) -> dict[str, Any]:
        # 30 rollouts: 15 on each of two ranks, in five micro-batches of 3
        fields = {"gpus_per_node": self.ranks, "engines": self.engines, "zero_stage": self.zero, "micro_batch": 3}
        dynamic = {"max_tokens_per_gpu": 128, "packing": True, "gradient_checkpointing": True}
        return fields | (dynamic if self.dynamic else {})


ROWS = [
    Row(2, 1, zero=2),
    Row(2, 1, zero=3, dynamic=True),
    Row(2, 2, zero=2),
    Row(2, 1, zero=0),
]
SAMPLED = ("step", "estimator", "k", "reward", "pass_at_k", "all_incorrect", "all_correct", "few_incorrect", "tokens")
SAMPLED += ("correct_counts", "distinct", "length", "truncated", "reasons")
"""Metrics that the rollouts decide. The others come from the trainer's log-probabilities."""


class Trained(NamedTuple):
    rollouts: pd.DataFrame
    metrics: list[dict[str, Any]]
    update: np.ndarray
    """Change of each weight in the step."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        compute = Compute(profile="cpu", gpus_per_node=2, engines=2, threads=1)
        with ray_cluster(compute, tmp_path_factory.mktemp("cluster") / "ray.log") as joined:
            yield joined


@pytest.fixture(scope="module")
def train(cluster, tmp_path_factory):
    """Train a row once, and return what it left."""
    done: dict[Row, Trained] = {}

    def trained(row: Row) -> Trained:
        if row not in done:
            laid_out = planned(row, tmp_path_factory.mktemp("runs"))
            stages.prepare(laid_out, print)
            [arm] = laid_out.stages
            stages.train(laid_out, arm, cluster, print)
            done[row] = left(arm.directory, laid_out.model)
        return done[row]

    return trained


def planned(row: Row, runs: Path, **fields: Any) -> plan.Plan:
    raw = yaml.safe_load(EXPERIMENT)
    raw["compute"] |= row.compute
    raw["stages"]["arm"] |= fields
    return plan.plan(config.parse(raw), runs)


def left(stage: Path, base: Path | str) -> Trained:
    return Trained(rollouts(stage), metrics(stage), weights(stage / "model") - weights(Path(base)))


def rollouts(stage: Path) -> pd.DataFrame:
    files = sorted((stage / "rollouts").glob("*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


def metrics(stage: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (stage / "metrics.jsonl").read_text().splitlines()]


def weights(model: Path) -> np.ndarray:
    [file] = model.glob("*.safetensors")
    import torch
    from safetensors.torch import load_file as load_torch

    tensors = load_torch(file)
    return torch.cat([tensors[name].float().flatten() for name in sorted(tensors)]).numpy()


@pytest.mark.parametrize(
    "row", ROWS, ids=lambda row: f"{row.ranks}x{row.engines}-zero{row.zero}{'-dynamic' * row.dynamic}"
)
def test_a_step_is_that_of_one_rank(row, train):
    # At ZeRO 0 DeepSpeed takes a step without a gradient when it starts, so Adam's first step is its second.
    one, other = train(Row(1, row.engines, zero=0 if row.zero == 0 else 2)), train(row)
    assert len(other.rollouts) == PROMPTS * ROLLOUTS
    groups = other.rollouts.groupby("problem", sort=False)["sample"].apply(list)
    assert list(groups) == [list(range(ROLLOUTS))] * PROMPTS, "groups are whole and in order"
    assert (other.rollouts.advantage != 0).any()
    # responses, rewards and advantages, each to the last digit
    pd.testing.assert_frame_equal(other.rollouts, one.rollouts, check_exact=True)
    [first], [second] = one.metrics, other.metrics
    assert {name: second[name] for name in SAMPLED} == {name: first[name] for name in SAMPLED}
    apart = np.abs(one.update - other.update).sum() / np.abs(one.update).sum()
    grads, entropy = (abs(second[name] / first[name] - 1) for name in ("grad_norm", "entropy"))
    print(f"\n{row}: updates differ by {apart:.3%}, gradient norms by {grads:.3%}, entropies by {entropy:.3%}")
    assert first["grad_norm"] > 0 and np.abs(one.update).max() > LR / 2
    assert grads < 0.02 and entropy < 0.01 and apart < 0.2


def test_a_stage_whose_rank_is_killed_resumes_to_the_last_digit(cluster, tmp_path_factory, capsys):
    row = Row(2, 1)
    whole, cut = (planned(row, tmp_path_factory.mktemp(name), steps=4) for name in ("whole", "cut"))
    for laid_out in (whole, cut):
        stages.prepare(laid_out, print)
    [undisturbed], [killed] = whole.stages, cut.stages
    stages.train(whole, undisturbed, cluster, print)
    sealed = killed.directory / "checkpoints" / "_actor" / "global_step2" / SEAL
    killer = threading.Thread(target=partial(kill_last_rank, sealed), daemon=True)
    killer.start()
    with pytest.raises(StageFailed):
        stages.train(cut, killed, cluster, print)
    killer.join(timeout=10)
    assert checkpoints.partition(killed.directory / "checkpoints") == checkpoints.Partition(2, weights=False)
    with pytest.raises(ConfigError, match="^compute.gpus_per_node: .* arm were written by 2 ranks"):
        stages.prepare(planned(Row(1, 1), cut.directory.parent, steps=4), print)
    assert not killer.is_alive() and not killed.finished
    stages.train(cut, killed, cluster, print)
    assert [line["step"] for line in metrics(killed.directory)] == [1, 2, 3, 4]
    one, other = left(undisturbed.directory, whole.model), left(killed.directory, cut.model)
    pd.testing.assert_frame_equal(other.rollouts, one.rollouts, check_exact=True)
    assert [line["grad_norm"] for line in other.metrics] == [line["grad_norm"] for line in one.metrics]
    assert np.array_equal(one.update, other.update)


def kill_last_rank(sealed: Path) -> None:
    """SIGKILL one rank of the trainer as soon as a checkpoint is sealed."""
    while not sealed.exists():
        time.sleep(0.01)
    ranks = [process for process, words in command_lines(descendants()) if "PasskPolicy" in " ".join(words)]
    assert len(ranks) == 2
    ranks[-1].kill()
