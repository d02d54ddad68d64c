"""MLflow itself, its store in SQLite."""

import json
import math
import time

import pytest

from passk.runtime.failures import StageFailed
from tests.unit.trackers.stage import Stage


def mlflow_run(stage, uri):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("mazes").experiment_id])
    history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    return run, {name: [(point.step, point.value) for point in points] for name, points in history.items()}


def test_mlflow_goes_on_in_the_same_run_and_has_each_step_once(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    stage = Stage(tmp_path, {"mlflow": {"experiment": "mazes", "uri": uri}})
    with pytest.raises(StageFailed), stage.following() as follow:
        for step in (1, 2, 3):
            stage.step(follow, step)
        raise StageFailed("a worker was lost", "lost")
    first = stage.recorded()
    assert mlflow_run(stage, uri)[0].info.status == "FAILED"
    stage.forget_after(1)
    with stage.following() as follow:
        for step in (2, 3, 4):
            stage.step(follow, step)
        stage.finish()
    run, history = mlflow_run(stage, uri)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "arm"
    # What was sent is not sent again: of the steps that were done twice, the tracker has the first.
    assert history["train/reward"] == [*first, stage.recorded()[-1]]
    assert [step for step, _ in history["train/grad_norm"]] == [2, 4]
    assert (run.data.params["advantage"], run.data.params["k"]) == ("passk_analytical", "4")
    assert run.data.tags["passk.stage"] == stage.planned.record.key


def test_a_long_record_that_no_tracker_had_yet_is_sent_in_pieces_that_mlflow_takes(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    stage = Stage(tmp_path, {"mlflow": {"experiment": "mazes", "uri": uri}})
    lines = [{"step": step, "time": time.time() + step, "reward": math.nan, **dict.fromkeys("abcdefgh", 1.0)}
             for step in range(1, 251)]  # fmt: skip
    stage.metrics.parent.mkdir(parents=True)
    stage.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with stage.following():
        stage.finish()
    _, history = mlflow_run(stage, uri)
    assert [step for step, _ in history["train/a"]] == list(range(1, 251))
    assert len(history["train/reward"]) == 250
    assert not [line for line in stage.said if "may not" in line]


def test_mlflow_has_each_held_out_evaluation_once_after_a_resume(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    stage = Stage(tmp_path, {"mlflow": {"experiment": "mazes", "uri": uri}})
    with pytest.raises(StageFailed), stage.following() as follow:
        stage.evaluate(follow.evaluated, 0, "easy")
        stage.step(follow, 1)
        stage.step(follow, 2)
        stage.evaluate(follow.evaluated, 2, "easy")
        raise StageFailed("a worker was lost", "lost")
    first = stage.evaluated("easy")
    stage.forget_after(1)
    with stage.following() as follow:
        stage.step(follow, 2)
        stage.evaluate(follow.evaluated, 2, "easy")
        stage.evaluate(follow.evaluated, 2, "hard")
        stage.step(follow, 3)
        stage.finish()
    _, history = mlflow_run(stage, uri)
    assert history["held_out/easy/pass_at_k/1"] == first, "of an evaluation that was done twice, the first"
    assert history["held_out/hard/pass_at_k/1"] == stage.evaluated("hard")
    assert [step for step, _ in history["train/reward"]] == [1, 2, 3]
