"""How a report describes the runs of its experiment: wall time, retries, commits."""

import json
import re

import pytest

from passk.store import rebuild
from reports.data.comparison import Comparison
from reports.data.results import load
from reports.sections import provenance
from tests.unit.reports.conftest import amend, text_of


def wall_clock(run):
    """Return phase -> wall time in seconds, as printed in the report."""
    text = text_of(run.store, run.name)
    rows = re.findall(r"^\| (\S[^|]*?) +\| +([-\d.,]+) \| +[-\d.]+% \|$", text, re.M)
    return dict(rows)


def test_provenance_says_command_versions_seed_hashes_and_a_dirty_tree(filed_once):
    text = text_of(filed_once.store, filed_once.name)
    for part in (
        "passk run experiments/maze-cpu.yaml",
        "vllm 0.29.0",
        "Seeds: 17",
        "`key-pass4`",
        "uncommitted changes",
    ):
        assert part in text


def test_code_that_changed_between_two_runs_is_named_for_each(filed):
    """The stages of the first run keep its commit."""

    def code_fact(*codes):
        sessions = [{"seconds": 9.0, "phases": {}} | ({"code": code} if code else {}) for code in codes]
        amend(filed, sessions=sessions, code={"commit": "latest", "dirty": False})
        facts = provenance.facts(Comparison([load(filed.store, filed.name)]))
        return next(fact for fact in facts if fact.startswith("Code: ")).removeprefix("Code: ")

    one, two = {"commit": "one", "dirty": False}, {"commit": "two", "dirty": True}
    assert code_fact(one, two, one) == (
        "`one`, clean (runs 1 and 3 of the command); `two`, with uncommitted changes (run 2 of the command)"
    )
    assert code_fact(one, one) == "`one`, clean"
    assert code_fact(None, None) == "`latest`, clean"
    assert code_fact(None, two) == "`two`, with uncommitted changes (run 2 of the command); not recorded for run 1"


def test_the_wall_time_is_accounted_for_to_what_no_phase_has(filed):
    phases = {"prepare": 10.0, "train pass1": 60.0, "evaluate": 20.0}
    amend(filed, sessions=[{"started": "2026-11-21T02:00:00Z", "seconds": 97.5, "phases": phases}] * 2)
    seconds = wall_clock(filed)
    assert seconds["total"] == "195" and seconds["orchestration: between these phases"] == "15.0"
    assert seconds["training steps"] == "46.8" and seconds["preparation"] == "20.0"
    assert seconds["evaluation"] == f"{8 * 4.25:.1f}" and seconds["start-up of the evaluation engine"] == "6.0"
    assert "The experiment took 2 runs of the command; each" in text_of(filed.store, filed.name)


def test_what_ran_in_parallel_counts_once_and_the_start_of_the_process_is_orchestration(filed):
    phases = {"start Ray": 5.0, "train pass1": 60.0, "train pass4": 50.0, "ingest": 3.0, "evaluate": 20.0}
    amend(filed, sessions=[{"before": 8.0, "seconds": 100.0, "busy": 95.0, "phases": phases, "ended": "done"}])
    seconds = wall_clock(filed)
    assert seconds["total"] == "108" and seconds["orchestration: between these phases"] == "5.0"
    assert seconds["orchestration: imports and start of the server"] == "8.0"
    assert seconds["parallel stages, counted twice above"] == "-43.0"


def test_the_time_of_a_stage_that_is_not_finished_is_not_called_the_launch_of_others(filed):
    (filed.directory / "stages" / "key-pass4-pass1" / "manifest.json").unlink()
    rebuild(filed.runs)
    amend(filed, sessions=[{"seconds": 300.0, "phases": {"train pass1": 90.0, "train pass4-pass1": 200.0}}])
    seconds = wall_clock(filed)
    assert seconds["unfinished stages"] == "200"
    assert seconds["launch and end of the jobs, repeated steps"] == "21.7"  # 90 less 18 steps of 2.6 and 21.5


def test_retried_work_has_its_count_its_steps_and_its_reason(filed):
    lost = {"what": "train pass4", "reason": "the Ray | cluster `died`"}
    amend(
        filed,
        sessions=[
            {"seconds": 9.0, "phases": {}, "failed": [{**lost, "step": 3}, {**lost, "step": 5}], "ended": None},
            {"seconds": 9.0, "failed": [{"what": "evaluate", "step": None, "reason": "x"}], "ended": "failed"},
            {"seconds": 9.0, "phases": {}, "failed": [], "ended": "done"},
        ],
    )  # fmt: skip
    text = text_of(filed.store, filed.name)
    row = re.search(r"^\| `train pass4` +\| 2 +\| 1 +\| 3, 5 +\| finished +\| (.*?) +\|$", text, re.M)
    assert row[1] == "`` the Ray ¦ cluster `died` ``"
    assert re.search(r"^\| `evaluate` +\| 1 +\| 2 +\| – +\| finished +\| `x` +\|$", text, re.M)
    assert "The experiment took 3 runs of the command (1 done, 1 failed and 1 stopped or killed)" in text


def test_gpu_hours_are_counted_where_there_are_gpus(filed):
    record = json.loads((filed.directory / "experiment.json").read_text())
    engines = {"engines": 4, "tensor_parallel": 2, "colocate": False}
    compute = {"profile": "gpu", "nodes": 2, "gpus_per_node": 4, **engines}
    config = {**record["config"], "compute": compute}
    amend(filed, config=config)
    text = text_of(filed.store, filed.name)
    wall, generation, *_, startup = re.search(r"^\| GPU hours +\|[ |]+(.*?) +\|$", text, re.M)[1].split("|")
    steps = 18 + 12 + 6
    # supervised training holds the four of one node, and no engine
    assert float(wall) == pytest.approx((16 * steps * 2.6 + 4 * 6 * 0.2) / 3600, abs=0.005)
    assert float(generation) == pytest.approx(16 * steps * 1.1 / 3600, abs=0.005)
    assert float(startup) == pytest.approx((16 * 3 + 4) * 21.5 / 3600, abs=0.005)
    sampled = re.search(r"^\| `warm` +\| `easy` +\| +16 \|.*\| +(\S+) \|$", text[text.index("\nEvaluation:") :], re.M)
    assert float(sampled[1]) == pytest.approx(16 * 4.25 / 3600, abs=0.005)
