"""Flags of OpenRLHF for a stage. tests/integration/test_contract_flags.py checks that OpenRLHF knows each."""

import itertools
import os
from pathlib import Path

import pytest

from passk.experiment import config
from passk.openrlhf import flags
from passk.runtime import environment
from tests.unit.each import every
from tests.unit.experiment.test_config import changed

ROOT = Path(__file__).parents[3]


def told(raw) -> dict[str, str]:
    experiment = config.parse(raw)
    paths = flags.Paths("model", Path("data"), Path("out"))
    words = flags.sft(experiment.stages["warm"], experiment.compute, paths, seed=1, max_tokens=64)
    return dict(itertools.pairwise(words))


def test_supervised_training_reads_as_many_samples_as_its_steps_take_however_many_they_are():
    said = told(changed("stages.warm", {"kind": "sft", "problems": "train", "steps": 9000, "lr": 1e-3}))
    assert said["--data.max_samples"] == str(9000 * 128)


def test_a_stage_always_goes_on_with_its_record_also_where_a_kill_came_before_its_first_checkpoint():
    experiment = config.parse(changed("compute", {"profile": "cpu"}))
    stage = next(stage for stage in experiment.stages.values() if stage.kind == "rl")
    paths = flags.Paths("model", Path("data"), Path("out"))
    assert "--ckpt.load_enable" in flags.rl(stage, experiment.compute, paths, seed=1)


@pytest.mark.parametrize(("batch", "gpus", "most", "micro"), [(96, 1, 64, 48), (128, 4, 64, 32), (97, 1, 64, 1)])
def test_a_micro_batch_of_supervised_training_divides_its_batch(batch, gpus, most, micro):
    raw = changed("compute", {"profile": "gpu", "gpus_per_node": gpus, "micro_batch": most})
    raw["stages"]["warm"]["batch_size"] = batch
    assert told(raw)["--train.micro_batch_size"] == str(micro)


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_operators_are_compiled_by_the_environments_own_ninja_and_kept_where_stale_locks_are_looked_for(
    monkeypatch, profile
):
    from passk.cpu import operators

    monkeypatch.delenv("TORCH_EXTENSIONS_DIR", raising=False)
    variables = environment.environment(config.Compute(profile=profile))
    assert variables["TORCH_EXTENSIONS_DIR"] == str(operators.DIRECTORY)
    assert variables["PATH"] == operators.path(os.environ)


@every(
    ("loss", "mode", "sums"),
    [
        ({}, "token-mean", False),
        ({"aggregation": "seq-mean-token-mean"}, "seq-mean-token-mean", False),
        ({"aggregation": "seq-mean-token-sum"}, "token-mean", True),
        ({"type": "gspo"}, "seq-mean-token-mean", False),
    ],
)
def test_the_sum_of_tokens_is_openrlhfs_mean_of_tokens_with_another_divisor(loss, mode, sums):
    experiment = config.parse(changed("stages.arm.loss", loss))
    paths = flags.Paths("model", Path("data"), Path("out"))
    words = flags.rl(experiment.stages["arm"], experiment.compute, paths, seed=1)
    assert words[words.index("--actor.loss_agg_mode") + 1] == mode
    assert ("--passk.sum_tokens" in words) is sums


# arXiv 2508.10751, appendix A.2. OpenRLHF counts rollout.batch_size in prompts, train.batch_size in samples.
PAPER = {
    "--algo.kl.init_coef": ["0"],  # left out, OpenRLHF takes 0.01 x KL off each token's reward
    "--actor.entropy_coef": ["0.0"],
    "--actor.eps_clip_low_high": ["0.2", "0.28"],
    "--actor.loss_agg_mode": ["token-mean"],
    "--actor.adam.lr": ["1e-06"],
    "--actor.lr_scheduler": ["constant_with_warmup"],
    "--rollout.batch_size": ["128"],
    "--rollout.n_samples_per_prompt": ["32"],
    "--train.batch_size": ["1024"],  # a mini-batch: 32 prompts x 32 rollouts, four optimizer steps a batch
    "--train.max_epochs": ["1"],
    "--algo.advantage.estimator": ["group_norm"],
}
ONE_NODE = {"--train.colocate_all": [], "--vllm.enable_sleep": [], "--ds.enable_sleep": []}


@pytest.mark.parametrize(("arm", "warm_up"), [("pass1", 10 / 450), ("pass4", 10 / 300), ("pass4-pass1", 0.0)])
def test_the_papers_experiment_is_trained_with_the_papers_settings(arm, warm_up):
    experiment = config.load(ROOT / "experiments" / "qwen2.5-7b-maze.yaml")
    paths = flags.Paths("model", Path("data"), Path("out"))
    said: dict[str, list[str]] = {}
    for word in flags.rl(experiment.stages[arm], experiment.compute, paths, seed=1):
        if word.startswith("--"):
            assert word not in said
            values = said[word] = []
        else:
            values.append(word)
    expected = {**PAPER, **ONE_NODE, "--actor.lr_warmup_ratio": [str(warm_up)]}
    assert {flag: said.get(flag) for flag in expected} == expected
