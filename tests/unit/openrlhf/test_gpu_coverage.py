"""docs/gpu-coverage.md lists exactly the flags that the GPU profile and the CPU profile set differently."""

import itertools
import re
from pathlib import Path

import pytest

from passk.experiment import config
from passk.experiment.validate import check
from passk.openrlhf import flags, gpu_coverage
from tests.unit.experiment.test_config import changed, refusal

ROOT = Path(__file__).parents[3]
PATHS = flags.Paths("model", Path("data"), Path("out"))
GPU = {
    "profile": "gpu", "nodes": 2, "gpus_per_node": 8, "engines": 4, "tensor_parallel": 4, "colocate": True,
    "zero_stage": 3, "micro_batch": 8, "max_tokens_per_gpu": 8192, "packing": True, "gradient_checkpointing": True,
    "attention": "flash_attention_2", "memory_utilization": 0.7, "deterministic": True,
}  # fmt: skip
SIZES = {"--rollout.micro_batch_size", "--train.micro_batch_size"}
"""Flags that a profile does not change: they follow the batch."""


def built(compute: dict) -> dict[str, str]:
    experiment = config.parse(changed("compute", compute))
    stages, values = experiment.stages, {}
    for words in (
        flags.sft(stages["warm"], experiment.compute, PATHS, seed=1, max_tokens=64),
        flags.rl(stages["arm"], experiment.compute, PATHS, seed=1),
    ):
        for flag, value in itertools.pairwise([*words, "--"]):
            if flag.startswith("--"):
                values[flag] = "on" if value.startswith("--") else value
    return values


def test_every_flag_of_the_gpu_profile_that_a_cpu_run_sets_otherwise_has_a_row_and_no_other_flag_has_one():
    gpu, cpu = built(GPU), built({"profile": "cpu", "deterministic": True})
    differ = {flag for flag in gpu | cpu if gpu.get(flag) != cpu.get(flag)} - SIZES
    rows = [row.flag for row in gpu_coverage.ROWS if row.flag.startswith("--")]
    assert len(rows) == len(set(rows))
    assert set(rows) == differ


def test_the_page_has_the_table_and_every_file_that_it_names_exists():
    page = (ROOT / "docs" / "gpu-coverage.md").read_text()
    assert page.partition("<!-- table -->\n")[2].partition("\n<!-- end -->")[0] == gpu_coverage.table()
    named = set(re.findall(r"[\w/]+\.py", gpu_coverage.table()))
    assert len(named) >= 3 and all((ROOT / name).is_file() for name in named)


def test_colocation_on_a_cpu_is_refused_before_anything_starts():
    compute = {"profile": "cpu", "colocate": True}
    assert refusal(changed("compute", compute)).startswith("compute.colocate: engines that sleep need CUDA's memory")


def test_an_engine_of_several_processes_on_a_cpu_is_refused_before_anything_starts():
    compute = {"profile": "cpu", "tensor_parallel": 2}
    assert refusal(changed("compute", compute)).startswith("compute.tensor_parallel: an engine on a CPU is one process")


@pytest.mark.parametrize("packing", [False, True])
def test_dynamic_batches_on_a_cpu_are_accepted(packing):
    compute = {"profile": "cpu", "zero_stage": 3, "max_tokens_per_gpu": 256, "packing": packing}
    check(config.parse(changed("compute", compute)))
