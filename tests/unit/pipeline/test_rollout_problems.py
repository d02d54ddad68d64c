"""Sets of a stage's rollouts are made when a stage is about to train on them, from the files of the finished stage."""

import json
import random

import pandas as pd
import pytest
import yaml

from passk import problems
from passk.base.errors import ConfigError
from passk.experiment import config, plan
from passk.pipeline import rollout_problems, stages

EXPERIMENT = """
name: again
question: Does it help to train on what failed?
seed: 1
model: {tiny: {layers: 1, alphabet: bytes, max_length: 1024}}
problems:
  train: {source: maze, split: train, size: 8, easy_fraction: 1.0}
  failed: {source: rollouts, stage: first, pass_rate: [0, 0.5]}
  revised: {source: rollouts, stage: first, make: revise}
  test: {source: maze, split: test, size: 2, easy_fraction: 1.0}
stages:
  warm: {kind: sft, problems: train, steps: 1, lr: 1.0e-3}
  first: {kind: rl, from: warm, problems: train, advantage: grpo, steps: 1, lr: 1.0e-3, max_prompt: 31, max_response: 8}
  again: {kind: rl, from: first, mix: {train: 1, failed: 2}, advantage: grpo, steps: 1, lr: 1.0e-3, max_prompt: 31,
          max_response: 8}
  revise: {kind: rl, from: again, problems: revised, advantage: grpo, steps: 1, lr: 1.0e-3, max_prompt: 31,
           max_response: 8}
benchmarks:
  test: {problems: test, max_response: 8}
compute: {profile: cpu}
"""


@pytest.fixture
def laid_out(tmp_path):
    """A prepared experiment whose stage `first` has rollouts: half of each of the first four problems is correct."""
    one = plan.plan(config.parse(yaml.safe_load(EXPERIMENT)), tmp_path)
    stages.prepare(one)
    assert not one.problems["failed"].exists() and one.problems["train"].exists()
    first = next(planned for planned in one.stages if planned.record.name == "first")
    ids = list(problems.load(one.problems["train"])["id"])
    rows = [
        {"problem": name, "reward": float(place >= 4 or sample), "response": "LR"}
        for place, name in enumerate(ids)
        for sample in (0, 1)
    ]
    random.Random(1).shuffle(rows)
    directory = first.directory / "rollouts"
    directory.mkdir(parents=True)
    pd.DataFrame(rows).to_parquet(directory / "step-000001.parquet")
    (first.directory / "manifest.json").write_text(json.dumps({"steps": 1}))
    return one


def of(laid_out, name):
    return next(planned for planned in laid_out.stages if planned.record.name == name)


def test_a_stage_gets_the_failed_problems_and_the_union_with_its_other_set(laid_out):
    rollout_problems.prepare(laid_out, of(laid_out, "again"))
    train = problems.load(laid_out.problems["train"]).to_list()
    failed = problems.load(laid_out.problems["failed"]).to_list()
    assert [row["id"] for row in failed] == [row["id"] for row in train[:4]]
    assert all(json.loads(row["metadata"])["pass_rate"] == 0.5 for row in failed)
    union = problems.load(laid_out.training_problems(of(laid_out, "again"))).to_list()
    assert [row["id"] for row in union] == [row["id"] for row in train], "a problem of both stands in it once"
    assert not laid_out.problems["revised"].exists(), "which another stage makes"
    before = laid_out.problems["failed"].stat().st_mtime_ns
    rollout_problems.prepare(laid_out, of(laid_out, "again"))
    assert laid_out.problems["failed"].stat().st_mtime_ns == before


def test_a_prompt_that_is_longer_than_the_stage_takes_is_refused_when_it_is_made(laid_out):
    with pytest.raises(ConfigError) as error:
        rollout_problems.prepare(laid_out, of(laid_out, "revise"))
    assert str(error.value).startswith("stages.revise.max_prompt: the prompt of maze-")
    assert "OpenRLHF would cut off its beginning" in str(error.value)


def test_a_stage_without_such_sets_reads_nothing(laid_out):
    of(laid_out, "first").directory.joinpath("rollouts", "step-000001.parquet").unlink()
    rollout_problems.prepare(laid_out, of(laid_out, "first"))


def test_a_set_without_a_problem_names_its_field(laid_out):
    directory = of(laid_out, "first").directory / "rollouts"
    pd.DataFrame({"problem": ["unknown"], "reward": [0.0], "response": [""]}).to_parquet(
        directory / "step-000001.parquet"
    )
    with pytest.raises(ConfigError, match=r"^problems\.failed\.pass_rate: no problem of first has a pass rate from"):
        rollout_problems.prepare(laid_out, of(laid_out, "again"))
