"""Estimators that need more than rewards, and one of another package, train through the real OpenRLHF."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from passk import advantage, verifiers
from passk.store import reading

from .conftest import EXPERIMENT, Finished, passk

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STAGE = (
    "{{kind: rl, from: warm, problems: train, advantage: {estimator}, {more}, steps: 2, prompts_per_step: 8, "
    "rollouts_per_prompt: 8, lr: 2.0e-4, max_prompt: 31, max_response: 8, evaluate: false}}"
)
STAGES = {
    # cold, so that an answer is met more than once in a group: of answers that all differ edas changes nothing
    "edas": ("edas", "options: {base: w_reinforce, beta: 0.3}, temperature: 0.1"),
    "halfway": ("halfway", "k: 4, false_positive_rate: 0.5"),  # whatever the tiny model solves, groups are mixed
    "noise": ("passk_adaptive", "k: 4, false_positive_rate: 0.5, entropy_coef: 0.003"),
}


@pytest.fixture(scope="module")
def trained(finished: Finished, tmp_path_factory) -> Path:
    """Beside a copy of `small`, whose warm start it shares: three rl stages of two steps. Return its directory."""
    directory = tmp_path_factory.mktemp("estimators")
    shutil.copytree(finished.runs, directory / "runs")
    installed = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index",
         "--target", str(installed), str(ROOT / "docs" / "examples" / "passk-halfway")],
        check=True,
    )  # fmt: skip
    head, _, rest = EXPERIMENT.replace("name: small", "name: estimators").partition("  pass4:")
    stages = "".join(
        f"  {name}: {STAGE.format(estimator=estimator, more=more)}\n" for name, (estimator, more) in STAGES.items()
    )
    (directory / "estimators.yaml").write_text(head + stages + rest[rest.index("benchmarks:") :])
    ran = subprocess.run(
        passk("run", "estimators.yaml"),
        cwd=directory,
        env={**finished.environment, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    return directory / "runs" / "estimators"


def rollouts(trained: Path, name: str) -> pd.DataFrame:
    for file in trained.glob("stages/*/stage.json"):
        if json.loads(file.read_text())["name"] == name:
            return pd.concat(pd.read_parquet(part) for part in sorted((file.parent / "rollouts").glob("*.parquet")))
    raise AssertionError(name)


def rows(frame: pd.DataFrame, column: str) -> torch.Tensor:
    return torch.tensor(frame[column].to_numpy(dtype="float32")).view(-1, 8)


def test_an_estimator_that_needs_answers_gets_those_that_the_verifier_extracted(trained):
    frame = rollouts(trained, "edas")
    with reading(trained.parent / "passk.duckdb") as store:
        problems = store.execute("select distinct id, answer, verifier from problems").df().set_index("id")
    read = [
        verifiers.verify(problems.verifier[row.problem], row.response, problems.answer[row.problem]).extracted or None
        for row in frame.itertuples()
    ]
    answers = [read[i : i + 8] for i in range(0, len(read), 8)]
    expected = advantage.compute("edas", rows(frame, "reward"), 1, answers=answers, base="w_reinforce", beta=0.3)
    assert torch.allclose(rows(frame, "advantage"), expected, atol=1e-6)
    assert any(len(set(group)) < 8 for group in answers)
    base = advantage.compute("w_reinforce", rows(frame, "reward"), 1)
    assert not torch.allclose(expected, base, atol=1e-3)


def test_an_estimator_that_another_package_installs_trains(trained):
    advantages = rows(rollouts(trained, "halfway"), "advantage")
    assert advantages.shape == (16, 8)
    rewarded = (advantages > 0).float()
    expected = (advantage.compute("grpo", rewarded, 1) + advantage.compute("passk_analytical", rewarded, 4)) / 2
    assert torch.allclose(advantages, expected, atol=1e-6) and advantages.any()


def test_noise_rewards_incorrect_rollouts_and_the_record_keeps_the_verdicts(trained):
    frame = rollouts(trained, "noise")
    incorrect = frame[frame.reward == 0]
    # on true rewards neither estimator gives an incorrect rollout a positive advantage
    assert 0.2 < (incorrect.advantage > 0).mean() < 0.8
    assert set(frame.reward) <= {0.0, 1.0}
