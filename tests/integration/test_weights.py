"""A tied model on the CPU: vLLM samples with the trainer's weights, and passk stops where it does not.

Every small HF model is tied: its output head is the matrix of the embeddings.
"""

import json
import subprocess
from pathlib import Path

import pytest

from passk.models.log_probs import LIMIT

from .conftest import left_after, passk, prepared

EXPERIMENT = """
name: tied
question: Does vLLM get the weights of a tied model?
seed: 3
model: {tiny: {tie_word_embeddings: true}}
problems:
  train: {source: maze, split: train, count: 256, easy: 1.0, wander: 0.2, shortest: [2, 3]}
  test: {source: maze, split: test, count: 10, easy: 1.0, shortest: [2, 3]}
stages:
  warm: {kind: sft, problems: train, steps: 24, batch_size: 64, lr: 3.0e-3}
  pass4: {kind: rl, from: warm, problems: train, rule: passk_analytical, k: 4, steps: 4, prompts: 8, rollouts: 8,
          lr: 1.0e-2, max_prompt: 31, max_response: 8}
benchmarks:
  test: {problems: test, samples: 4, k: [1, 4], max_response: 8}
compute: {profile: cpu, micro_batch: 64}
"""
# Python runs it at the start of every process of the run: vLLM's reload is what it is without ours.
STALE_HEAD = """
from passk.cpu import weights
weights.model_runner = lambda module: None
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("tied")


@pytest.fixture(scope="module")
def variables(directory):
    variables = prepared(directory)
    (directory / "tied.yaml").write_text(EXPERIMENT)
    return variables


def run(directory: Path, variables: dict[str, str], runs: str) -> subprocess.CompletedProcess[str]:
    command = passk("run", "tied.yaml", "--runs", runs)
    done = subprocess.run(command, cwd=directory, env=variables, capture_output=True, text=True, timeout=450)
    assert left_after(directory, seconds=30) == []
    return done


def gaps(runs: Path) -> list[float]:
    [file] = [path.parent / "metrics.jsonl" for path in runs.glob("tied/stages/*/rollouts")]
    return [json.loads(line)["logprob_gap"] for line in file.read_text().splitlines()]


def test_a_stale_head_stops_the_stage_and_its_message_names_the_step(directory, variables):
    (directory / "stale").mkdir()
    (directory / "stale" / "sitecustomize.py").write_text(STALE_HEAD)
    done = run(directory, variables | {"PYTHONPATH": str(directory / "stale")}, "stale-runs")
    assert done.returncode != 0
    assert "model: step 2: vLLM does not have the model's weights" in done.stdout + done.stderr
    assert len(gaps(directory / "stale-runs")) == 1, "step 1 samples with the weights that vLLM read itself"


def test_with_ours_every_step_has_the_trainers_weights_and_so_has_the_evaluation(directory, variables):
    done = run(directory, variables, "runs")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    found = gaps(directory / "runs")
    assert len(found) == 4 and max(found) < LIMIT / 4
    # `warm` is sampled by a new engine, `pass4` by the same one after a reload.
    [log] = directory.glob("runs/tied/samples/log.txt")
    assert "vLLM's log-probabilities of fixed tokens are" in log.read_text()
