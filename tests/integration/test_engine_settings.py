"""One experiment with as many of the engine's settings as work together, killed in its rl stage and run again."""

import json
import math
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from passk.files.layout import METRICS
from tests.integration.conftest import MARK, left_after, passk

pytestmark = pytest.mark.slow
STEPS = 6
EXPERIMENT = f"""
name: settings
question: Do the settings of the engine work together?
seed: 3
model: {{tiny: {{}}}}
problems:
  train: {{source: maze, split: train, size: 512, easy_fraction: 1.0, random_move_prob: 0.2, path_length: [2, 3]}}
  test: {{source: maze, split: test, size: 10, easy_fraction: 1.0, path_length: [2, 3]}}
stages:
  warm: {{kind: sft, problems: train, steps: 24, batch_size: 64, lr: 3.0e-3, openrlhf: {{--adam.eps: 1.0e-7}}}}
  arm: {{kind: rl, from: warm, problems: train, advantage: passk_analytical, k: 2, steps: {STEPS}, save_every: 2,
        prompts_per_step: 8, rollouts_per_prompt: 8, lr: 1.0e-3, max_prompt: 31, max_response: 8,
        kl: {{coef: 0.05, estimator: k2, in: loss, reference: warm}},
        loss: {{aggregation: seq-mean-token-mean, dual_clip: 3.0}},
        importance_correction: {{level: token, mode: clip, threshold: [0.5, 2.0]}},
        openrlhf: {{--actor.adam.eps: 1.0e-7, --ref.offload: true}}}}
benchmarks:
  test: {{problems: test, samples: 8, k: [1, 4], max_response: 8}}
compute: {{profile: cpu, threads: 1, micro_batch: 64}}
"""


@dataclass(frozen=True)
class Run:
    stages: dict[str, Path]
    steps_at_kill: int
    report: str

    def metrics(self, stage: str) -> list[dict]:
        return [json.loads(line) for line in (self.stages[stage] / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    directory = tmp_path_factory.mktemp("settings")
    (directory / "settings.yaml").write_text(EXPERIMENT)
    outside = ("RAY_ADDRESS", "PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")
    environment = {name: value for name, value in os.environ.items() if name not in outside}
    environment |= {MARK: str(directory), "PREFECT_HOME": str(directory / "prefect")}
    command = passk("run", "settings.yaml")
    with (directory / "first.txt").open("w") as output:
        first = subprocess.Popen(command, cwd=directory, env=environment, stdout=output, stderr=output)
        try:
            at_kill = killed_after(directory, first, steps=3)
        finally:
            first.send_signal(signal.SIGKILL)
            first.wait()
    left_after(directory, seconds=60)
    second = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=500)
    assert second.returncode == 0, second.stdout[-4000:] + second.stderr[-4000:]
    runs = directory / "runs" / "settings"
    records = {file.parent: json.loads(file.read_text())["name"] for file in runs.glob("stages/*/stage.json")}
    stages = {name: path for path, name in records.items()}
    return Run(stages=stages, steps_at_kill=at_kill, report=(runs / "report.md").read_text())


def killed_after(directory: Path, process: subprocess.Popen, steps: int) -> int:
    """The number of rl steps when there are `steps` at least."""
    deadline = time.monotonic() + 500
    while time.monotonic() < deadline:
        for rollouts in directory.glob("runs/settings/stages/*/rollouts"):
            metrics = rollouts.parent / "metrics.jsonl"
            if metrics.exists() and (done := len(metrics.read_text().splitlines())) >= steps:
                return done
        assert process.poll() is None, (directory / "first.txt").read_text()[-4000:]
        time.sleep(0.05)
    raise AssertionError((directory / "first.txt").read_text()[-4000:])


def test_each_step_stands_once_though_the_run_was_killed(run):
    assert run.steps_at_kill < STEPS, "it was killed in the middle"
    lines = run.metrics("arm")
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    assert all(line.keys() == METRICS.keys() - {"loss"} for line in lines)
    assert "Loading the checkpoint" in (run.stages["arm"] / "log.txt").read_text()


def test_the_distance_from_the_reference_starts_at_zero_and_grows(run):
    kl = [line["kl"] for line in run.metrics("arm")]
    assert 0 <= kl[0] < 1e-3 < max(kl[1:]) and all(map(math.isfinite, kl))


def test_vllms_probabilities_are_compared_with_the_trainers_in_each_step(run):
    for line in run.metrics("arm"):
        assert 0 < line["importance_gap"] < 0.25
        assert 0.75 < line["importance_ratio"] < 1.25
        assert 0 <= line["importance_filtered"] < 0.5
    assert "importance gap" in run.report and "KL" in run.report


def test_openrlhfs_own_flags_reach_the_trainer(run):
    for stage, flag in (("warm", "adam"), ("arm", "adam")):
        assert "eps=1e-07" in (run.stages[stage] / "log.txt").read_text(), flag
