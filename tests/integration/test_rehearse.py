"""`passk rehearse` of a GPU experiment: its whole graph on this CPU, with its own chat template, and no result left."""

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from passk.experiment.model import TinyModel
from passk.models.tiny import make_tiny
from tests.integration.conftest import passk, prepared

pytestmark = pytest.mark.slow

GPU = """
name: small
question: Does it run?
seed: 3
model: {path: MODEL}
problems:
  train: {source: maze, split: train, size: 512, easy_fraction: 1.0, path_length: [2, 3], template: instruct}
  test: {source: maze, split: test, size: 100, easy_fraction: 1.0, path_length: [2, 3], template: instruct}
stages:
  arm: {kind: rl, problems: train, advantage: passk_analytical, k: {from: 2, to: 1, at: 50}, steps: 99,
        prompts_per_step: 64, rollouts_per_prompt: 16, mini_batch_prompts: 32, lr: 1.0e-6, max_prompt: 2000,
        max_response: 500, evaluate_every: 20}
benchmarks:
  test: {problems: test, samples: 16, k: [1, 4, 8], max_response: 500}
compute: {profile: gpu, gpus_per_node: 8, engines: 8, colocate: true, zero_stage: 3, micro_batch: 8, packing: true,
          max_tokens_per_gpu: 16384, gradient_checkpointing: true, attention: flash_attention_2}
"""
TEMPLATE = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %} [answer]"


class Rehearsed(NamedTuple):
    runs: Path
    directory: Path
    output: str
    page: str


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory) -> Rehearsed:
    directory = tmp_path_factory.mktemp("rehearsed")
    environment = prepared(directory)
    model = directory / "model"
    make_tiny(TinyModel(alphabet="bytes", max_length=4096), model, seed=1)
    (model / "chat_template.jinja").write_text(TEMPLATE)
    (directory / "small.yaml").write_text(GPU.replace("MODEL", str(model)))
    done = subprocess.run(
        passk("rehearse", "small.yaml"), cwd=directory, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    own = directory / "runs" / "rehearsals" / "rehearsal-small"
    return Rehearsed(directory / "runs", own, done.stdout, (own / "rehearsal.md").read_text())


def test_every_stage_and_evaluation_of_the_graph_finished(rehearsed):
    assert "All stages and evaluations finished." in rehearsed.page
    [stage] = (rehearsed.directory / "stages").iterdir()
    lines = [json.loads(line) for line in (stage / "metrics.jsonl").read_text().splitlines()]
    assert [line["k"] for line in lines] == [2, 1], "each k of the schedule"
    assert len((stage / "evaluations.jsonl").read_text().splitlines()) == 3  # steps 0, 1 and 2
    log = (stage / "log.txt").read_text()
    assert "dynamic_batch_enable=True" in log and "zero_stage=3" in log


def test_nothing_of_it_is_a_result(rehearsed):
    assert not (rehearsed.runs / "passk.duckdb").exists()
    assert (rehearsed.directory.parent / "passk.duckdb").exists()
    report = (rehearsed.directory / "report.md").read_text()
    assert "**This is a rehearsal of `small`, not a result.**" in report
    assert "rehearsal, not a result: runs/rehearsals/rehearsal-small/rehearsal.md" in rehearsed.output
    done = subprocess.run(
        passk("ingest"), cwd=rehearsed.runs.parent, env=prepared(rehearsed.runs.parent), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, "store: runs/passk.duckdb: nothing new"), done.stderr


def test_the_page_says_what_was_exercised_and_estimates_the_real_run(rehearsed):
    assert "The tokenizer and the chat template are those of" in rehearsed.page
    assert "| `--vllm.sync_backend` | nccl | gloo |" in rehearsed.page
    assert "| arm: tokens a step | 2.56 M |" in rehearsed.page  # 64 x 16 rollouts x 2,500 tokens
