"""The frontier figure and the table of the training's health."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reports.data.comparison import Comparison
from reports.data.results import load
from reports.figures import frontier
from reports.sections.health import health
from tests.unit.reports.conftest import ingest_again, text_of


def stage(first: int, steps: int, value: float) -> pd.DataFrame:
    index = range(first, first + steps)
    return pd.DataFrame({"pass@1": np.linspace(value, value + 0.1, steps), "pass@k": 2 * value}, index=index)


def test_a_point_is_the_mean_of_a_window_of_one_stage_and_of_all_runs():
    runs = [stage(1, 160, 0.1), stage(1, 160, 0.3)]
    points = frontier.joined({"a": runs, "b": [stage(161, 170, 0.4)]})
    assert list(points["stage"]) == ["a"] * 8 + ["b"] * 8, "330 steps have windows of 20"
    assert points["pass@1"].iloc[0] == pytest.approx(np.mean([run["pass@1"].iloc[:20] for run in runs]))
    assert points["pass@k"].iloc[:8].tolist() == pytest.approx([0.4] * 8)
    last = stage(161, 170, 0.4)["pass@1"].iloc[140:]
    assert points["pass@1"].iloc[-1] == pytest.approx(last.mean()), "the last window takes the rest of the steps"
    assert frontier.joined({}).empty


def test_each_method_is_one_line_through_all_its_stages(filed_once, tmp_path):
    comparison = Comparison([load(filed_once.store, filed_once.name)])
    paths = {trained.entry.label: frontier.path(trained, 8) for trained in comparison.trained_methods}
    assert list(dict.fromkeys(paths["pass4-pass1"]["stage"])) == ["pass4", "pass4-pass1"]
    assert set(paths["pass1"]["stage"]) == {"pass1"} and len(paths["pass1"]) == 18
    steps = comparison.results[0].steps
    own = steps[steps["stage"] == "pass1"].sort_values("step")
    assert paths["pass1"]["pass@1"].tolist() == pytest.approx([curve[1] for curve in own["pass_at_k"]])
    assert frontier.draw(comparison, tmp_path / "frontier")
    assert "pass@8 over pass@1" in re.sub(r"<!--\s*(.*?)\s*-->", r"\1", (tmp_path / "frontier.svg").read_text())


def test_without_a_step_there_is_no_figure_and_no_table(filed_once, tmp_path):
    run = load(filed_once.store, filed_once.name)
    empty = Comparison([replace(run, steps=run.steps.iloc[:0])])
    assert not frontier.draw(empty, tmp_path / "frontier") and not (tmp_path / "frontier.svg").exists()
    assert health(empty) == ""


def test_the_health_table_has_the_gap_between_the_weights_and_whether_clipping_was_active(filed, text_once):
    text = text_once
    assert re.search(r"^\| `pass1` +\| +– \| +– \| +0 \| +0\.4 \| +0\.4 \| +1\.0% \|$", text, re.M)
    assert "PPO clipping was never active" in text
    metrics = filed.directory / "stages" / "key-pass1" / "metrics.jsonl"
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    for i, line in enumerate(lines):
        line |= {"logprob_gap": 0.02 if i else 0.2, "clip_ratio": 0.5 if i == 0 else 0.0}
    metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ingest_again(filed, metrics.parent)
    text = text_of(filed.store, filed.name)
    assert re.search(r"^\| `pass1` +\| +0\.03 \| +0\.2 \| +0\.0278 \|", text, re.M)
    assert "never active" not in text
