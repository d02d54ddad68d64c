"""What OpenRLHF is told of a stage; that it knows each flag is tests/integration/test_contract_flags.py's matter."""

import itertools
import os
from pathlib import Path

import pytest

from passk import config
from passk.openrlhf import environment, flags
from tests.unit.test_config import changed


def told(raw) -> dict[str, str]:
    experiment = config.parse(raw)
    paths = flags.Paths("model", Path("data"), Path("out"))
    words = flags.sft(experiment.stages["warm"], experiment.compute, paths, seed=1, chat=False, max_tokens=64)
    return dict(itertools.pairwise(words))


def test_supervised_training_reads_as_many_samples_as_its_steps_take_however_many_they_are():
    said = told(changed("stages.warm", {"kind": "sft", "problems": "train", "steps": 9000, "lr": 1e-3}))
    assert said["--data.max_samples"] == str(9000 * 128)


def test_a_stage_always_goes_on_with_its_record_also_where_a_kill_came_before_its_first_checkpoint():
    experiment = config.parse(changed("compute", {"profile": "cpu"}))
    stage = next(stage for stage in experiment.stages.values() if stage.kind == "rl")
    paths = flags.Paths("model", Path("data"), Path("out"))
    assert "--ckpt.load_enable" in flags.rl(stage, experiment.compute, paths, seed=1, chat=False)


@pytest.mark.parametrize(("batch", "gpus", "most", "micro"), [(96, 1, 64, 48), (128, 4, 64, 32), (97, 1, 64, 1)])
def test_a_micro_batch_of_supervised_training_divides_its_batch(batch, gpus, most, micro):
    raw = changed("compute", {"profile": "gpu", "gpus_per_node": gpus, "micro_batch": most})
    raw["stages"]["warm"]["batch_size"] = batch
    assert told(raw)["--train.micro_batch_size"] == str(micro)


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_operators_are_compiled_by_the_environments_own_ninja_and_kept_where_stale_locks_are_looked_for(
    monkeypatch, profile
):
    from passk.openrlhf.cpu import operators

    monkeypatch.delenv("TORCH_EXTENSIONS_DIR", raising=False)
    variables = environment.environment(config.Compute(profile=profile))
    assert variables["TORCH_EXTENSIONS_DIR"] == str(operators.DIRECTORY)
    assert variables["PATH"] == operators.path(os.environ)
