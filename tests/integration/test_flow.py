"""What the flow makes of stages that fail, under a real Prefect server. The steps themselves stand still here."""

import json
import logging
import os

import pytest

from passk.base.errors import PasskError, SomeFailed
from tasks.retries import FRUITLESS

pytestmark = pytest.mark.slow

STAGES = """
name: arms
question: Do the others go on?
seed: 3
model: {tiny: {}}
problems:
  train: {source: maze, split: train, size: 64}
  test: {source: maze, split: test, size: 8}
stages:
  warm: {kind: sft, problems: train, steps: 2, lr: 1.0e-3}
  bad: &rl {kind: rl, from: warm, problems: train, advantage: grpo, steps: 1,
            prompts_per_step: 4, rollouts_per_prompt: 16,
            lr: 1.0e-4, max_prompt: 31, max_response: 8}
  flaky: {<<: *rl, lr: 2.0e-4}
  child: {<<: *rl, from: bad}
benchmarks:
  test: {problems: test, samples: 8, max_response: 8}
compute: {profile: gpu, max_parallel_stages: 2}
"""


LOST = FRUITLESS + 2


class Lost(PasskError):
    retry = True


def test_a_failed_arm_or_filing_stops_no_other_and_what_was_lost_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:1")  # no cluster is started, and nothing asks this one
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "arms.yaml").write_text(STAGES)
    from prefect.client.orchestration import get_client
    from prefect.logging.handlers import APILogWorker

    from flows.experiment import experiment
    from flows.server import prefect_server
    from tasks import retries
    from tasks import stages as tasks

    calls, asked = [], []

    def train(plan, planned, cluster):
        name = planned.record.name
        calls.append(name)
        if name == "bad":
            raise PasskError("out of memory; see log.txt")
        if name == "flaky" and calls.count("flaky") <= LOST:
            # more often than a stage may that comes no further
            planned.directory.mkdir(parents=True, exist_ok=True)
            with (planned.directory / "metrics.jsonl").open("a") as metrics:
                metrics.write(json.dumps({"step": calls.count("flaky"), "loss": 1.0, "seconds": 1.0}) + "\n")
            raise Lost("a worker died; see log.txt")
        logging.getLogger("passk.pipeline.stages").info("%s: trains", name)

    def evaluate(plan):
        asked.append("evaluate")
        if asked.count("evaluate") == 1:
            raise Lost("vLLM's engine died; see log.txt")

    def ingest(plan):
        asked.append("ingest")
        if asked.count("ingest") == 1:
            raise PasskError("passk.duckdb: still held by a notebook")

    monkeypatch.setattr(tasks.stages, "prepare", lambda plan: asked.append("prepare"))
    monkeypatch.setattr(tasks.stages, "train", train)
    monkeypatch.setattr(tasks.stages, "evaluate", evaluate)
    monkeypatch.setattr(tasks.stages, "ingest", ingest)
    monkeypatch.setattr(tasks.reports, "write_report", lambda store, directory: directory / "experiment.json")
    monkeypatch.setattr(tasks.reports, "results_rows", lambda store, name: [])
    monkeypatch.setattr(retries, "FIRST_SECONDS", 0.1)
    with prefect_server(tmp_path / "prefect.log"):
        with pytest.raises(SomeFailed) as failed:
            experiment("arms.yaml", "runs")
        APILogWorker.drain_all(timeout=60)
        with get_client(sync_client=True) as client:
            logged = [entry for entry in client.read_logs() if entry.message == "warm: trains"]
    assert [(entry.level, entry.task_run_id is not None) for entry in logged] == [(logging.INFO, True)]
    assert "PREFECT_API_URL" not in os.environ

    assert sorted(calls) == ["bad", *["flaky"] * (LOST + 1), "warm"]
    assert calls[0] == "warm"
    assert asked[0] == "prepare"
    assert asked[1:] == ["ingest", "ingest", "evaluate", "evaluate", "ingest"]
    record = json.loads((tmp_path / "runs" / "arms" / "experiment.json").read_text())
    assert record["failures"] == {
        "bad": "out of memory; see log.txt",
        "child": "not trained, since the stage that it starts from failed",
    }
    assert "bad failed: out of memory; see log.txt" in str(failed.value)
    session = record["sessions"][-1]
    trained = {"train warm", "train bad", "train flaky"}
    assert set(session["phases"]) == {"prepare", "start Ray", *trained, "ingest", "evaluate"}
    assert session["ended"] == "failed"
    assert sorted((each["what"], each["reason"]) for each in session["failed"]) == [
        ("evaluate", "vLLM's engine died; see log.txt"),
        ("ingest", "passk.duckdb: still held by a notebook"),
        ("train bad", "out of memory; see log.txt"),
        *[("train flaky", "a worker died; see log.txt")] * LOST,
    ]
