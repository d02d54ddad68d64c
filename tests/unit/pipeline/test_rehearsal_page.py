"""The page of a rehearsal before its run: every part has a line, every flag that differs is listed once."""

from pathlib import Path

import pytest

from passk.experiment import config
from passk.experiment.plan import plan
from passk.experiment.rehearsal import rehearsal
from passk.models import published_sizes
from passk.pipeline.rehearsal_page import BANNER, page

ROOT = Path(__file__).parents[3]
SIZE = published_sizes.find("Qwen/Qwen2.5-7B-Instruct")


@pytest.fixture
def written(tmp_path):
    def write(size) -> str:
        real = config.load(ROOT / "experiments" / "qwen2.5-7b-maze.yaml")
        laid_out = plan(rehearsal(real, cores=2, model=str(tmp_path / "runs" / "model")), tmp_path / "runs")
        return page(real, laid_out, tokenizer="None.", size=size, file="qwen.yaml")

    return write


def rows(text: str, heading: str) -> dict[str, list[str]]:
    """Return the table below a heading by its first cell."""
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    cells = {line[0]: line[1:] for line in lines[2:]}
    assert len(cells) == len(lines) - 2, "each line once"
    return cells


def test_every_stage_evaluation_and_problem_set_has_a_line_that_says_what_is_missing(written):
    text = written(SIZE)
    assert text.startswith("# Rehearsal of qwen2.5-7b-maze\n\n" + BANNER)
    seen = rows(text, "Exercised")
    assert seen["stage pass4-pass1"][0].startswith("rl: 0 of 2 steps")
    assert seen["evaluation of base on maze-7"][0] == "not finished"
    assert seen["problems test-11"][0] == "source maze, template instruct, verifier maze"
    assert seen["topology"][0].startswith("2 ranks, 2 engines, ZeRO 3, packed sequences, dynamic batches")
    assert all(cells[-1].startswith("`rehearsals/rehearsal-qwen2.5-7b-maze/") for cells in seen.values())
    assert "15 stages or evaluations did not finish." in text  # 3 stages, 4 checkpoints on 3 benchmarks


def test_the_flags_that_a_cpu_cannot_take_are_listed_one_by_one(written):
    listed = rows(written(SIZE), "Not exercised")
    assert listed["`--vllm.sync_backend`"][:2] == ["nccl", "gloo"]
    assert listed["`--train.colocate_all`"][:2] == ["on", "-"]
    assert listed["`--actor.num_gpus_per_node`"][:2] == ["8", "2"]
    assert listed["`--ds.attn_implementation`"][0] == "flash_attention_2"
    assert "`--ds.zero_stage`" not in listed


def test_the_estimate_is_there_or_says_what_is_missing(written):
    assert rows(written(SIZE), "What the real run needs")["weights"][0] == "7.62 B"
    assert "are not known on this machine. Download its config.json" in written(None)


def test_fields_that_are_cut_down_alike_share_a_row_and_no_path_of_this_machine_is_shown(written, tmp_path):
    cut = rows(written(SIZE), "Cut down")
    stages = "pass1, pass4, pass4-pass1"
    assert cut[f"`stages.{stages}.max_prompt`"][:2] == ["1024", "8192"]
    assert cut["`stages.pass1, pass4-pass1.rollouts_per_prompt`"] == ["32", "4", "the fewest that the estimator takes"]
    assert cut["`stages.pass4.rollouts_per_prompt`"][:2] == ["32", "8"]
    assert cut["`benchmarks.maze-7, maze-9, maze-11.k`"] == ["[1, 8]", "[1]", "no k above the number of samples"]
    assert cut["`model.path`"][1] == "model", "the stand-in, relative to the directory of runs"
    assert str(tmp_path) not in written(SIZE)
