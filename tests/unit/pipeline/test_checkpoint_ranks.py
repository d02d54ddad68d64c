"""A stage resumes on the number of ranks and the ZeRO stage that wrote its checkpoints; another one is one line."""

from pathlib import Path

import pytest

from passk.base.errors import ConfigError
from passk.experiment import config
from passk.experiment.plan import plan
from passk.openrlhf.checkpoints import SEAL, Partition, partition
from passk.pipeline.checkpoint_ranks import require_same_partition
from tests.unit.experiment.test_config import changed

OPTIMIZER = "bf16_zero_pp_rank_{}_mp_rank_00_optim_states.pt"
WEIGHTS = "zero_pp_rank_{}_mp_rank_00_model_states.pt"


def saved(directory: Path, step: int, *names: str, sealed: bool = True) -> None:
    checkpoint = directory / f"global_step{step}"
    checkpoint.mkdir(parents=True)
    for name in (*names, "mp_rank_00_model_states.pt", *([SEAL] if sealed else [])):
        (checkpoint / name).touch()


def test_the_newest_sealed_checkpoint_counts(tmp_path):
    assert partition(tmp_path) is None
    saved(tmp_path / "_actor", 1)
    assert partition(tmp_path) == Partition(0, False), "each rank has it whole"
    saved(tmp_path / "_actor", 9, OPTIMIZER.format(0))
    assert partition(tmp_path) == Partition(1, False)
    saved(tmp_path / "_actor", 10, *(name.format(rank) for rank in range(12) for name in (OPTIMIZER, WEIGHTS)))
    saved(tmp_path / "_actor", 11, OPTIMIZER.format(0), sealed=False)
    assert partition(tmp_path) == Partition(12, True)


@pytest.mark.parametrize(
    ("ranks", "zero", "refused"),
    [
        (2, 2, None),
        (2, 1, None),
        (2, 0, "compute.zero_stage: the checkpoints of stage warm were written with ZeRO 1 or 2, and 0 cannot "),
        (
            1,
            2,
            "compute.gpus_per_node: the checkpoints of stage warm were written by 2 ranks, and 1 cannot ",
        ),
        (4, 2, "compute.gpus_per_node: "),
        (2, 3, "compute.zero_stage: the checkpoints of stage warm were written with ZeRO 1 or 2, and 3 cannot "),
    ],
)
def test_another_number_of_ranks_is_refused_with_its_fix(tmp_path, ranks, zero, refused):
    raw = changed("compute", {"profile": "cpu", "gpus_per_node": ranks, "zero_stage": zero})
    laid_out = plan(config.parse(raw), tmp_path)
    require_same_partition(laid_out)
    warm = laid_out.stages[0]
    saved(warm.own_directory / "checkpoints", 1, OPTIMIZER.format(0), OPTIMIZER.format(1))
    if refused is None:
        require_same_partition(laid_out)
        return
    with pytest.raises(ConfigError) as error:
        require_same_partition(laid_out)
    assert str(error.value).startswith(refused) and "; set " in str(error.value) and "or delete " in str(error.value)
    (warm.own_directory / "manifest.json").touch()
    require_same_partition(laid_out)  # a finished stage does not resume


def test_a_supervised_stage_has_the_ranks_of_one_node(tmp_path):
    raw = changed("compute", {"profile": "cpu", "nodes": 2, "gpus_per_node": 2, "engines": 1})
    laid_out = plan(config.parse(raw), tmp_path)
    saved(laid_out.stages[0].own_directory / "checkpoints", 1, OPTIMIZER.format(0), OPTIMIZER.format(1))
    require_same_partition(laid_out)


@pytest.mark.parametrize(("ranks", "zero"), [(1, 0), (4, 0), (2, 1), (2, 2), (2, 3)])
def test_any_number_of_ranks_resumes_at_zero_0_and_no_other_zero_stage_does(tmp_path, ranks, zero):
    raw = changed("compute", {"profile": "cpu", "gpus_per_node": ranks, "zero_stage": zero})
    laid_out = plan(config.parse(raw), tmp_path)
    saved(laid_out.stages[0].own_directory / "checkpoints", 1)
    if zero == 0:
        require_same_partition(laid_out)
    else:
        with pytest.raises(ConfigError, match="^compute.zero_stage: .* were written with ZeRO 0, and "):
            require_same_partition(laid_out)


def test_a_directory_that_is_no_checkpoint_of_deepspeed_is_left_to_the_trainer(tmp_path):
    (tmp_path / "global_step1").mkdir()
    (tmp_path / "global_step1" / SEAL).touch()
    assert partition(tmp_path) is None
