"""Several trainer ranks and vLLM engines on a CPU: the same rollouts, advantages and first update as one rank."""

import json
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import psutil
import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config, plan
from passk.experiment.compute import Compute
from passk.files import layout
from passk.openrlhf import checkpoints
from passk.openrlhf.checkpoints import SEAL
from passk.pipeline import stages
from passk.pipeline.checkpoint_ranks import require_same_partition
from passk.runtime.failures import StageFailed
from passk.runtime.ray_cluster import ray_cluster
from tests.processes import command_lines, descendants

pytestmark = pytest.mark.slow

# Five prompts do not divide among the engines, and micro-batches of 5 do not divide a group of 8.
PROMPTS, ROLLOUTS, LR, STEPS = 5, 8, 1e-3, 3
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
        save_every: 1, export_every: 1}}
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
        fields = {"gpus_per_node": self.ranks, "engines": self.engines, "zero_stage": self.zero, "micro_batch": 5}
        dynamic = {"max_tokens_per_gpu": 128, "packing": True, "gradient_checkpointing": True}
        return fields | (dynamic if self.dynamic else {})

    @property
    def one_rank(self) -> "Row":
        """The row it is compared with. The engines share the prompts and have seeds of their own, so they are equal.

        At ZeRO 0 DeepSpeed takes a step without a gradient when it starts, so Adam's first step is its second.
        """
        return Row(1, self.engines, zero=0 if self.zero == 0 else 2)

    @property
    def name(self) -> str:
        return f"{self.ranks}x{self.engines}-zero{self.zero}{'-dynamic' * self.dynamic}"


ROWS = [
    Row(2, 1),
    Row(2, 1, zero=3, dynamic=True),
    Row(2, 1, zero=0),
    Row(4, 1),
    Row(2, 2),
    Row(2, 4),
    Row(4, 2),
    Row(4, 2, zero=3, dynamic=True),
    Row(4, 4),
]
UNDISTURBED = Row(2, 1)
"""The row that trains all STEPS, for the comparison with a stage that was killed."""
SAMPLED = ("step", "estimator", "k", "reward", "pass_at_k", "all_incorrect", "all_correct", "few_incorrect", "tokens")
SAMPLED += ("correct_counts", "distinct", "length", "truncated", "reasons")
"""Metrics that the rollouts decide. The others come from the trainer's log-probabilities."""


class Trained(NamedTuple):
    stage: Path
    base: Path

    @property
    def metrics(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in layout.metrics(self.stage).read_text().splitlines()]

    @property
    def rollouts(self) -> pd.DataFrame:
        files = layout.rollout_files(self.stage)
        return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)

    @property
    def first_update(self) -> np.ndarray:
        """Change of each weight in the first step."""
        return weights(layout.export_of(self.stage, 1)) - weights(self.base)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        compute = Compute(profile="cpu", gpus_per_node=4, engines=4, threads=1)
        with ray_cluster(compute, tmp_path_factory.mktemp("cluster") / "ray.log") as joined:
            yield joined


@pytest.fixture(scope="module")
def train(cluster, tmp_path_factory):
    """Train a row once, and return what it left."""
    done: dict[Row, Trained] = {}

    def trained(row: Row) -> Trained:
        if row not in done:
            laid_out = planned(row, tmp_path_factory.mktemp("runs"), steps=STEPS if row == UNDISTURBED else 1)
            stages.prepare(laid_out)
            [arm] = laid_out.stages
            stages.train(laid_out, arm, cluster)
            done[row] = Trained(arm.directory, Path(laid_out.model))
        return done[row]

    return trained


def planned(row: Row, runs: Path, **fields: Any) -> plan.Plan:
    raw = yaml.safe_load(EXPERIMENT)
    raw["compute"] |= row.compute
    raw["stages"]["arm"] |= fields
    return plan.plan(config.parse(raw), runs)


def weights(model: Path) -> np.ndarray:
    import torch
    from safetensors.torch import load_file

    [file] = model.glob("*.safetensors")
    tensors = load_file(file)
    return torch.cat([tensors[name].float().flatten() for name in sorted(tensors)]).numpy()


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_step_is_that_of_one_rank(row, train):
    one, other = train(row.one_rank), train(row)
    rollouts = other.rollouts[other.rollouts.step == 1]
    assert len(rollouts) == PROMPTS * ROLLOUTS
    groups = rollouts.groupby("problem", sort=False)["sample"].apply(list)
    assert list(groups) == [list(range(ROLLOUTS))] * PROMPTS, "groups are whole and in order"
    assert (rollouts.advantage != 0).any()
    # responses, rewards and advantages, each to the last digit
    pd.testing.assert_frame_equal(rollouts, one.rollouts, check_exact=True)
    [first], second = one.metrics, other.metrics[0]
    assert {name: second[name] for name in SAMPLED} == {name: first[name] for name in SAMPLED}
    apart = np.abs(one.first_update - other.first_update).sum() / np.abs(one.first_update).sum()
    grads, entropy = (abs(second[name] / first[name] - 1) for name in ("grad_norm", "entropy"))
    loss = abs(second["policy_loss"] - first["policy_loss"])
    print(
        f"\n{row.name}: updates differ by {apart:.3%}, gradient norms by {grads:.3%}, entropies by {entropy:.3%}, "
        f"losses by {loss:.2e}"
    )
    assert first["grad_norm"] > 0 and np.abs(one.first_update).max() > LR / 2
    assert grads < 0.02 and entropy < 0.01 and apart < 0.2 and loss < 0.01


def test_a_stage_whose_rank_is_killed_resumes_to_the_last_digit(cluster, train, tmp_path):
    undisturbed, cut = train(UNDISTURBED), planned(UNDISTURBED, tmp_path, steps=STEPS)
    stages.prepare(cut)
    [killed] = cut.stages
    killer = threading.Thread(target=kill_last_rank, args=(killed.directory,), daemon=True)
    killer.start()
    with pytest.raises(StageFailed):
        stages.train(cut, killed, cluster)
    killer.join(timeout=10)
    assert not killer.is_alive() and not killed.finished
    assert checkpoints.partition(layout.checkpoints(killed.directory)) == checkpoints.Partition(2, weights=False)
    with pytest.raises(ConfigError, match="^compute.gpus_per_node: .* stage arm were written by 2 ranks, and 1 cannot"):
        require_same_partition(planned(Row(1, 1), tmp_path, steps=STEPS))
    require_same_partition(cut)
    stages.train(cut, killed, cluster)
    resumed = Trained(killed.directory, Path(cut.model))
    assert [line["step"] for line in resumed.metrics] == list(range(1, STEPS + 1))
    pd.testing.assert_frame_equal(resumed.rollouts, undisturbed.rollouts, check_exact=True)
    assert [line["grad_norm"] for line in resumed.metrics] == [line["grad_norm"] for line in undisturbed.metrics]
    models = [weights(layout.model(trained.stage)) for trained in (undisturbed, resumed)]
    assert np.array_equal(*models)


def kill_last_rank(stage: Path) -> None:
    """SIGKILL one rank of the trainer as soon as the checkpoint of step 1 is sealed."""
    ranks: list[psutil.Process] = []
    while not (layout.checkpoints(stage) / "_actor" / "global_step1" / SEAL).exists():
        if len(ranks) < 2 and layout.rollouts(stage).exists():
            known = command_lines(descendants())
            ranks = [process for process, words in known if "PasskPolicy" in " ".join(words)]
        time.sleep(0.005)
    assert len(ranks) == 2
    ranks[-1].kill()
