"""One small experiment for all: run by the command line, killed with SIGKILL in the middle, run again."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from passk import cpu
from tests.integration.exposure import Watch
from tests.processes import marked, named

EXPERIMENT = """
name: small
question: Does the whole of it hold together?
seed: 3
model: {tiny: {}}
problems:
  train: {source: maze, split: train, size: 512, easy_fraction: 1.0, random_move_prob: 0.2, path_length: [2, 3]}
  test: {source: maze, split: test, size: 10, easy_fraction: 1.0, path_length: [2, 3]}
stages:
  warm: {kind: sft, problems: train, steps: 24, batch_size: 64, lr: 3.0e-3}
  pass4: {kind: rl, from: warm, problems: train, advantage: passk_analytical, k: [[1, 4], [5, 2]], steps: 8,
          prompts_per_step: 8, rollouts_per_prompt: 8, lr: 3.0e-4, max_prompt: 31,
          max_response: 8, save_every: 3}
benchmarks:
  test: {problems: test, samples: 16, k: [1, 4], max_response: 8}
compute: {profile: cpu, threads: 1, micro_batch: 64}
"""


@dataclass(frozen=True)
class Finished:
    directory: Path
    runs: Path
    first: str
    """what the killed run had printed"""
    second: str
    """what the run after it printed"""
    steps_at_kill: int
    left_behind: list[str]
    """processes that outlived the killed run"""
    environment: dict[str, str]
    seen: Watch
    """what both runs showed of themselves while they ran"""


def passk(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("passk")), *words]


MARK = "PASSK_TEST_RUN"
"""the variable by which every process of a test's run, and of no other, is known: it holds its directory"""


def prepared(directory: Path) -> dict[str, str]:
    """Write the experiment there, and give the environment to run it in."""
    (directory / "small.yaml").write_text(EXPERIMENT)
    outside = ("RAY_ADDRESS", "PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")
    kept = {name: value for name, value in os.environ.items() if name not in outside}
    return {**kept, MARK: str(directory), "PREFECT_HOME": str(directory / "prefect")}


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Finished:
    directory = tmp_path_factory.mktemp("small")
    environment, seen = prepared(directory), Watch(directory / "prefect")
    first = started(directory, environment, "first.txt")
    with seen.of(first.pid):
        try:
            metrics = wait_for_steps(directory, first, steps=5)
        finally:
            first.send_signal(signal.SIGKILL)
            first.wait()
    left_behind = left_after(directory, seconds=30)
    steps = len(metrics.read_text().splitlines())
    second = started(directory, environment, "second.txt")
    with seen.of(second.pid):
        try:
            second.wait(timeout=400)
        finally:
            second.kill()
    said = (directory / "second.txt").read_text()
    assert second.returncode == 0, said[-8000:]
    return Finished(
        directory=directory,
        runs=directory / "runs",
        first=(directory / "first.txt").read_text(),
        second=said,
        steps_at_kill=steps,
        left_behind=left_behind + left_after(directory, seconds=0),
        environment=environment,
        seen=seen,
    )


def started(directory: Path, environment: dict[str, str], output: str) -> subprocess.Popen:
    """Start the small experiment with its output in a file of the directory."""
    with (directory / output).open("w") as file:
        return subprocess.Popen(
            passk("run", "small.yaml"), cwd=directory, env=environment, stdout=file, stderr=subprocess.STDOUT
        )


def wait_for_steps(directory: Path, process: subprocess.Popen, steps: int) -> Path:
    """The metrics file of the rl stage, once it has `steps` lines."""
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        for rollouts in directory.glob("runs/small/stages/*/rollouts"):
            metrics = rollouts.parent / "metrics.jsonl"
            if metrics.exists() and len(metrics.read_text().splitlines()) >= steps:
                return metrics
        assert process.poll() is None, (directory / "first.txt").read_text()[-4000:]
        time.sleep(0.05)
    raise AssertionError(f"no {steps} steps in time:\n{(directory / 'first.txt').read_text()[-4000:]}")


def left_after(directory: Path, seconds: float) -> list[str]:
    """Processes of the run in `directory` that still live when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while True:
        found = named(marked(MARK, str(directory)))
        if not found or time.monotonic() >= deadline:
            return found
        time.sleep(0.5)


@pytest.fixture(scope="module")
def actor_classes():
    """OpenRLHF's modules, imported as a CPU worker does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cpu.ENVIRONMENT_SWITCH, "1")
        patch.setenv("DS_ACCELERATOR", "cpu")
        cpu.install_if_requested()
        from openrlhf.trainer import ppo_trainer, sft_trainer
        from openrlhf.trainer.ppo_utils import experience_maker

        yield ppo_trainer, sft_trainer, experience_maker
