"""Estimators that need more than rewards, and one of somebody else's, train through the real OpenRLHF."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from passk import advantage, verifiers
from passk.store import reading

from .conftest import EXPERIMENT, Finished, passk

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
    """Beside `small`, whose warm start it shares: three arms of two steps. Gives its directory."""
    installed = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index",
         "--target", str(installed), str(ROOT / "docs" / "examples" / "passk-halfway")],
        check=True,
    )  # fmt: skip
    head, _, rest = EXPERIMENT.replace("name: small", "name: estimators").partition("  pass4:")
    arms = "".join(
        f"  {name}: {STAGE.format(estimator=estimator, more=more)}\n" for name, (estimator, more) in STAGES.items()
    )
    (finished.directory / "estimators.yaml").write_text(head + arms + rest[rest.index("benchmarks:") :])
    ran = subprocess.run(
        passk("run", "estimators.yaml"),
        cwd=finished.directory,
        env={**finished.environment, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    return finished.runs / "estimators"


def rollouts(trained: Path, name: str) -> pd.DataFrame:
    for file in trained.glob("stages/*/stage.json"):
        if json.loads(file.read_text())["name"] == name:
            return pd.concat(pd.read_parquet(part) for part in sorted((file.parent / "rollouts").glob("*.parquet")))
    raise AssertionError(name)


def rows(frame: pd.DataFrame, column: str) -> torch.Tensor:
    return torch.tensor(frame[column].to_numpy(dtype="float32")).view(-1, 8)


def test_a_rule_that_needs_answers_gets_those_that_the_verifier_read(trained):
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


def test_a_rule_that_another_package_installs_trains(trained):
    advantages = rows(rollouts(trained, "halfway"), "advantage")
    assert advantages.shape == (16, 8)
    paid = (advantages > 0).float()
    expected = (advantage.compute("grpo", paid, 1) + advantage.compute("passk_analytical", paid, 4)) / 2
    assert torch.allclose(advantages, expected, atol=1e-6) and advantages.any()


def test_noise_pays_wrong_answers_and_the_record_keeps_what_the_verifier_said(trained):
    frame = rollouts(trained, "noise")
    wrong = frame[frame.reward == 0]
    # on true rewards no estimator of the two would pay a wrong answer
    assert 0.2 < (wrong.advantage > 0).mean() < 0.8
    assert set(frame.reward) <= {0.0, 1.0}
