"""dev/chaos_kill.py on real processes: a flow that makes a step at a time, and resumes from its last checkpoint."""

import json
import random
import sys
import time

import pytest

from dev import chaos_kill
from dev.chaos_kill import NotRecovered, kill
from dev.chaos_run import FLOW, KINDS, Run
from dev.chaos_setups import NAME, SAVE_EVERY, SETUPS, STEPS

FLOW_PROGRAM = """
import sys, time
from pathlib import Path
stage, last, every = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
saved = [int(seal.parent.name.removeprefix("global_step")) for seal in stage.glob("checkpoints/*/seal.json")]
step, metrics = max(saved, default=0), stage / "metrics.jsonl"
lines = metrics.read_text().splitlines(keepends=True) if metrics.exists() else []
metrics.write_text("".join(lines[:step]))
while step < last:
    time.sleep(0.3)
    step += 1
    with metrics.open("a") as file:
        file.write("{}\\n")
    if step % every == 0:
        seal = stage / "checkpoints" / f"global_step{step}" / "seal.json"
        seal.parent.mkdir(parents=True)
        seal.write_text("{}")
(stage / "manifest.json").write_text("{}")
"""


class Stepping(Run):
    """A run whose flow is FLOW_PROGRAM."""

    steps = STEPS

    def keep_going(self) -> None:
        stage = self.runs / NAME / "stages" / "key"
        stage.mkdir(parents=True, exist_ok=True)
        if self.flow is not None and self.flow.poll() == 0:
            self.ended = True
        elif self.flow is None or self.flow.poll() is not None:
            words = [str(stage), str(self.steps), str(SAVE_EVERY), "run", f"{NAME}.yaml"]
            self.flow = self._start([sys.executable, "-c", FLOW_PROGRAM, *words])


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(chaos_kill, "TWO_AT_ONCE", 0.0)
    monkeypatch.setattr(chaos_kill, "SUSPENDED_SECONDS", 0.5)
    run = Stepping(tmp_path, SETUPS[0], seed=1)
    yield run
    run.close()
    assert not run.scratch.exists()
    assert run.left() == []


def until(run, steps):
    deadline = time.monotonic() + 60
    while run.standing().steps < steps and time.monotonic() < deadline:
        run.keep_going()
        time.sleep(0.02)


@pytest.mark.parametrize(("name", "lost", "ended"), [("SIGKILL", True, True), ("SIGSTOP", False, False)])
def test_a_killed_flow_is_started_again_and_what_it_does_again_is_counted(run, monkeypatch, name, lost, ended):
    monkeypatch.setattr(chaos_kill, "SIGNALS", {name: 1})
    until(run, SAVE_EVERY + 2)
    done = kill(run, FLOW, random.Random(0))
    assert (done.kinds, done.signal, done.flow_ended) == ([FLOW], name, ended)
    assert (done.lost > 0) == lost and not done.too_much
    assert done.lost <= done.at["steps"] - done.at["checkpoint"]
    assert json.loads(json.dumps(done.at)) == done.at


def test_a_kind_of_which_none_lives_is_not_killed(run):
    until(run, 1)
    assert all(kill(run, kind, random.Random(0)) is None for kind in KINDS if kind != FLOW)


def test_a_run_that_comes_no_further_is_told(run, monkeypatch):
    monkeypatch.setattr(chaos_kill, "SIGNALS", {"SIGKILL": 1})
    monkeypatch.setattr(chaos_kill, "PATIENCE_SECONDS", 0.5)
    until(run, 1)
    monkeypatch.setattr(run, "keep_going", lambda: None)
    with pytest.raises(NotRecovered, match="no recovery in .* from killing flow at "):
        kill(run, FLOW, random.Random(0))
