"""The main job on real parts: Prefect, OpenRLHF, Ray, DeepSpeed, vLLM, DuckDB, report."""

import itertools
import json
import math
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file

from passk import advantage, verifiers
from passk.files.schema import METRICS, ROLLOUT_COLUMNS, SAMPLE_COLUMNS
from passk.store import reading, rebuild

from .conftest import Finished, passk


def stage(finished: Finished, name: str) -> Path:
    for file in finished.runs.glob("small/stages/*/stage.json"):
        if json.loads(file.read_text())["name"] == name:
            return file.parent
    raise AssertionError(name)


def metrics(finished: Finished, name: str) -> list[dict]:
    return [json.loads(line) for line in (stage(finished, name) / "metrics.jsonl").read_text().splitlines()]


def rollouts(finished: Finished) -> pd.DataFrame:
    files = sorted((stage(finished, "pass4") / "rollouts").glob("*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


def test_a_killed_run_leaves_no_process_behind(finished):
    assert finished.left_behind == []


def test_the_same_command_goes_on_from_the_last_checkpoint(finished):
    assert 5 <= finished.steps_at_kill < 8
    taken = int(re.search(r"resuming from the last checkpoint, step (\d+)", finished.second)[1])
    assert taken in (3, 6)
    log = (stage(finished, "pass4") / "log.txt").read_text()
    assert "Loading the checkpoint" in log
    lines = metrics(finished, "pass4")
    # the steps up to there are the first run's: nobody did them again
    restart = max(b["time"] - a["time"] for a, b in itertools.pairwise(lines))
    assert restart == lines[taken]["time"] - lines[taken - 1]["time"]


def test_every_step_and_rollout_stands_once_in_the_files(finished):
    assert [line["step"] for line in metrics(finished, "pass4")] == list(range(1, 9))
    assert [line["step"] for line in metrics(finished, "warm")] == list(range(1, 25))
    frame = rollouts(finished)
    assert tuple(frame.columns) == tuple(ROLLOUT_COLUMNS)
    assert len(frame) == 8 * 8 * 8
    assert not frame.duplicated(["step", "problem", "sample"]).any()


def test_the_metrics_are_those_of_the_contract_and_agree_with_the_rollouts(finished):
    frame = rollouts(finished)
    for line in metrics(finished, "pass4"):
        assert line.keys() == set(METRICS) - {"loss"}
        own = frame[frame.step == line["step"]]
        right = own.groupby("problem").reward.sum()
        assert math.isclose(line["reward"], own.reward.mean(), abs_tol=1e-6)
        assert math.isclose(line["pass_at_k"]["8"], (right > 0).mean(), abs_tol=1e-9)
        assert math.isclose(line["all_incorrect"], (right == 0).mean(), abs_tol=1e-9)
        assert math.isclose(line["few_incorrect"], (8 - right < line["k"]).mean(), abs_tol=1e-9)
        assert sum(line["correct_counts"]) == 8
        assert line["tokens"] == own.tokens.sum()
        assert line["entropy"] > 0
        assert line["grad_norm"] is not None
        for phase in ("generation", "experience", "training", "sync", "advantage"):
            assert line[f"seconds_{phase}"] > 0
        phases = ("generation", "experience", "training", "sync")
        assert line["seconds"] > sum(line[f"seconds_{phase}"] for phase in phases), "what writing it takes is in it too"
    warm = metrics(finished, "warm")
    assert warm[-1]["loss"] < warm[0]["loss"]


def test_the_seconds_of_the_steps_are_all_the_time_between_them_checkpoints_too(finished):
    for before, after in itertools.pairwise(metrics(finished, "pass4")[-3:]):  # of which the first saves one
        assert math.isclose(after["seconds"], after["time"] - before["time"], rel_tol=0.2, abs_tol=0.5)


def test_the_recorded_advantage_is_the_rule_on_the_recorded_rewards(finished):
    import torch

    frame = rollouts(finished)
    assert frame.reward.between(0, 1).all()
    for step, own in frame.groupby("step"):
        rewards = torch.tensor(own.reward.to_numpy(dtype="float32")).view(-1, 8)
        expected = advantage.compute("passk_analytical", rewards, 4 if step < 5 else 2).flatten().tolist()
        assert own.advantage.tolist() == pytest.approx(expected, abs=1e-7)


def test_a_resumed_run_keeps_the_k_of_its_schedule_and_its_learning_rate(finished):
    lines = metrics(finished, "pass4")
    assert [line["k"] for line in lines] == [4, 4, 4, 4, 2, 2, 2, 2]
    assert [line["lr"] for line in lines] == pytest.approx([3e-4] * 8, rel=1e-4)


def test_the_reward_is_the_verifiers_verdict_on_the_recorded_answer(finished):
    with reading(finished.runs / "passk.duckdb") as store:
        frame = store.execute(
            "select r.response, r.reward, p.answer, p.verifier from rollouts r join problems p on p.id = r.problem"
        ).df()
    assert len(frame) >= 512
    verdicts = [
        verifiers.verify(v, r, a).score for v, r, a in zip(frame.verifier, frame.response, frame.answer, strict=True)
    ]
    assert verdicts == frame.reward.tolist()


def test_the_stage_starts_from_its_parent_and_ends_in_a_model_of_the_same_form(finished):
    base, warm, pass4 = finished.runs / "small" / "model", stage(finished, "warm"), stage(finished, "pass4")
    assert json.loads((pass4 / "stage.json").read_text())["parent"] == warm.name
    assert (pass4 / "model" / "config.json").read_bytes() == (warm / "model" / "config.json").read_bytes()
    weights = [(directory / "model" / "model.safetensors").read_bytes() for directory in (warm, pass4)]
    assert weights[0] != weights[1]
    base, before, after = (load_file(d / "model.safetensors") for d in (base, warm / "model", pass4 / "model"))
    moved = sum(float((after[name] - before[name]).abs().sum()) for name in after)
    assert moved < sum(float((after[name] - base[name]).abs().sum()) for name in after) / 2, "it began at its parent"
    assert not (pass4 / "checkpoints").exists()


def test_every_checkpoint_is_sampled_on_every_held_out_problem(finished):
    records = [json.loads(file.read_text()) for file in finished.runs.glob("small/evaluations/*/evaluation.json")]
    assert sorted(record["checkpoint"] for record in records) == ["pass4", "warm"]
    train = {row for row in rollouts(finished).problem}
    for record in records:
        frame = pd.read_parquet(finished.runs / "small" / "evaluations" / record["key"] / "samples.parquet")
        assert tuple(frame.columns) == tuple(SAMPLE_COLUMNS)
        assert len(frame) == 10 * 16
        assert not frame.duplicated(["problem", "sample"]).any()
        assert not frame.duplicated(["problem", "seed"]).any()
        assert frame.groupby("problem").response.nunique().max() > 1
        assert not set(frame.problem) & train
        assert (frame.logprob <= 0).all()
        assert set(frame.finish_reason) <= {"stop", "length"}


def test_the_store_made_again_from_the_files_is_the_store_that_grew(finished):
    store = finished.runs / "passk.duckdb"

    def contents() -> dict[str, pd.DataFrame]:
        with reading(store) as connection:
            names = [row[0] for row in connection.execute("select table_name from duckdb_tables()").fetchall()]
            return {
                name: connection.execute(f"select * from {name} order by all").df() for name in names if name[0] != "_"
            }

    grown = contents()
    assert len(grown["steps"]) == 24 + 8
    assert len(grown["samples"]) == 2 * 160
    assert rebuild(finished.runs).skipped == []
    for name, frame in contents().items():
        pd.testing.assert_frame_equal(frame, grown[name])


def test_the_report_answers_the_question_and_shows_its_figures(finished):
    report = (finished.runs / "small" / "report.md").read_text()
    assert "Does the whole of it hold together?" in report
    assert "passk run small.yaml" in report
    assert str(finished.directory) not in report
    figures = sorted((finished.runs / "small" / "figures").glob("*.png"))
    assert len(figures) >= 3
    for figure in figures:
        assert f"figures/{figure.name}" in report
        assert figure.stat().st_size > 5_000
    assert "report: runs/small/report.md" in finished.second


def test_running_a_finished_experiment_again_does_nothing_but_say_so(finished):
    files = {file: file.stat().st_mtime_ns for file in (finished.runs / "small").rglob("*") if file.is_file()}
    again = subprocess.run(
        passk("run", "small.yaml"), cwd=finished.directory, env=finished.environment, capture_output=True, text=True
    )
    assert again.returncode == 0
    assert "finished, nothing to do" in again.stdout
    assert "pass4" in again.stdout
    assert files == {file: file.stat().st_mtime_ns for file in (finished.runs / "small").rglob("*") if file.is_file()}
