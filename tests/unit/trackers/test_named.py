"""What an experiment may name, and what is refused before anything starts."""

import importlib.util

import pytest
import wandb
import yaml

from passk import trackers
from passk.base.errors import ConfigError
from passk.experiment import config
from passk.trackers.scalars import scalars
from tests.unit.each import every
from tests.unit.experiment.test_config import GOOD, refusal
from tests.unit.trackers.stage import KEY, Stage


def test_scalars_are_the_numbers_of_a_line_under_names_that_every_tracker_takes():
    line = {"step": 3, "time": 1.0, "k": 4, "grad_norm": None, "estimator": "grpo", "correct_counts": [1, 2]}
    line |= {"pass_at_k": {"4": 0.5}, "reasons": {"no answer: 100% (cut)": 1}}
    assert scalars(line) == {"train/k": 4, "train/pass_at_k/4": 0.5, "train/reasons/no answer_ 100_ _cut_": 1}


@every(
    ("named", "field", "mend"),
    [
        ({"wandb": {"project": "mazes", "api_key": KEY}}, "trackers.wandb.api_key", "choose one of entity, project"),
        ({"wandb": {}}, "trackers.wandb.project", "required"),
        ({"wandb": {"project": "a/b"}}, "trackers.wandb.project", "pattern"),
        ({"mlfow": {}}, "trackers.mlfow", "did you mean mlflow?"),
        ({"mlflow": {"experiment": "m", "token": KEY}}, "trackers.mlflow.token", "choose one of experiment, uri"),
        ({"mlflow": {"experiment": "m", "uri": f"https://ann:{KEY}@host"}}, "trackers.mlflow", "MLFLOW_TRACKING_PASS"),
        ({"mlflow": {"experiment": "m", "uri": f"https://{KEY}@host"}}, "trackers.mlflow", "MLFLOW_TRACKING_PASS"),
        ({"mlflow": {"experiment": "m", "uri": f"postgresql://ann:{KEY}@host/db"}}, "trackers.mlflow", "_PASSWORD"),
    ],
)
def test_a_key_or_a_password_in_the_file_is_refused_and_not_repeated(named, field, mend):
    line = refusal({**yaml.safe_load(GOOD), "trackers": named})
    assert line.startswith(f"{field}:") and mend in line
    assert KEY not in line


def test_a_tracker_changes_no_key(tmp_path):
    def keys(stage):
        return [entry.record.key for entry in (*stage.plan.stages, *stage.plan.evaluations)]

    both = {"wandb": {"project": "mazes"}, "mlflow": {"experiment": "mazes", "uri": "sqlite:///m.db"}}
    assert keys(Stage(tmp_path)) == keys(Stage(tmp_path, both))


def required(named):
    trackers.require(config.parse({**yaml.safe_load(GOOD), "trackers": named}))


def test_wandb_without_a_login_is_refused_before_anything_starts(monkeypatch, tmp_path):
    named = {"wandb": {"project": "mazes"}}
    with pytest.raises(ConfigError, match=r"^trackers\.wandb: has no login; .*WANDB_API_KEY.*WANDB_MODE=offline$"):
        required(named)
    monkeypatch.setenv("WANDB_API_KEY", "short")
    wandb.teardown()
    with pytest.raises(ConfigError, match=r"^trackers\.wandb: .*40\+ characters"):
        required(named)
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("WANDB_MODE", "offline")
    wandb.teardown()
    required(named)


def test_a_tracker_that_is_not_installed_or_mlflow_without_an_address_is_refused(monkeypatch):
    with pytest.raises(ConfigError, match=r"^trackers\.mlflow\.uri: is missing; .*MLFLOW_TRACKING_URI"):
        required({"mlflow": {"experiment": "mazes"}})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    required({"mlflow": {"experiment": "mazes"}})
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    with pytest.raises(ConfigError, match=r"^trackers\.mlflow: .*pip install mlflow-skinny"):
        required({"mlflow": {"experiment": "mazes"}})
