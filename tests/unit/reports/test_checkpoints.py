"""A row of several checkpoints of one run is their mean, its interval is over problems, and a chosen one is named."""

import json

import numpy as np
import pytest

from passk.files.layout import EvaluationRecord, write_json
from passk.statistics.bootstrap import mean_intervals
from passk.statistics.pass_at_k import pass_at_k
from passk.store import reading
from reports.data.comparison import Comparison
from reports.data.results import load
from tests.unit.reports.conftest import ingest_again, text_of
from tests.unit.synthetic_run import ABILITY, VERSIONS, write_evaluation

STEPS = (12, 15)
"""Steps of the earlier checkpoints of the stage pass1, whose last step is 18."""


def add(run, step: int, *, best: bool = False) -> None:
    """Write the evaluations of an earlier checkpoint of pass1 on both benchmarks."""
    record = json.loads((run.directory / "experiment.json").read_text())
    rng = np.random.default_rng(step)
    for benchmark in ("easy", "hard"):
        key = f"key-pass1-{benchmark}-{'best' if best else step}"
        of = f"pass1{'@best' if best else ''}"
        config = record["config"]["benchmarks"][benchmark]
        evaluation = EvaluationRecord(
            key, run.name, of, "key-pass1", benchmark, benchmark, config, 17 + step, VERSIONS, step, best
        )
        # a problem is about as hard for each checkpoint of a run
        logits = 6 * (counts(run, f"key-pass1-{benchmark}") / 16 - 0.5) - 0.05 * step
        write_evaluation(run, evaluation, logits, 16, rng)
        record["evaluations"].append(key)
    write_json(run.directory / "experiment.json", record)


def keep(run, **choice) -> None:
    """Write the choice of pass1 and its outcome into the configuration and the manifest."""
    record = json.loads((run.directory / "experiment.json").read_text())
    record["config"]["stages"]["pass1"]["keep_best"] = choice
    write_json(run.directory / "experiment.json", record)
    manifest = run.directory / "stages" / "key-pass1" / "manifest.json"
    models = {"keep": {"every": 3, "best": choice}, "last": [18], "best": 12}
    write_json(manifest, json.loads(manifest.read_text()) | {"models": models})


def counts(run, key: str) -> np.ndarray:
    """Correct samples of each problem, straight from the file."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(run.directory / "evaluations" / key / "samples.parquet").to_pandas()
    return table.groupby("problem")["correct"].sum().sort_index().to_numpy()


def added(run) -> list:
    """What the tests here change: the experiment's record, the stage pass1, and the evaluations that a store lacks."""
    of_run = {f"key-{stage}-{benchmark}" for stage in ABILITY for benchmark in ("easy", "hard")}
    new = [path for path in run.evaluations() if path.name not in of_run]
    return [run.directory, run.directory / "stages" / "key-pass1", *new]


def test_the_row_is_the_mean_over_checkpoints_and_its_interval_is_over_problems_alone(filed):
    run = filed
    for step in STEPS:
        add(run, step)
    ingest_again(run, *added(run))
    keys = ["key-pass1-easy", *(f"key-pass1-easy-{step}" for step in STEPS)]
    each = np.stack([counts(run, key) for key in keys])
    comparison = Comparison([load(run.store, run.name)])
    entry = next(entry for entry in comparison.sampled if entry.label == "pass1")
    for k in (1, 8):
        values = np.stack([pass_at_k(16, row, k) for row in each])  # [checkpoints, problems]
        [expected] = mean_intervals(values.mean(axis=0)[:, None])
        found = comparison.estimate(entry, "easy", k)
        assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))
        as_problems = mean_intervals(values.reshape(-1, 1))[0]
        assert found.high - found.low > as_problems.high - as_problems.low, "checkpoints are no problems of their own"
    assert len(entry.runs) == 1 and not comparison.between_methods[0].several_runs, "nor are they training runs"
    with reading(run.store) as store:
        [(view, problems)] = store.execute(
            "SELECT pass_at_k, problems FROM pass_at_k WHERE checkpoint = 'pass1' AND benchmark = 'easy' AND k = 8"
        ).fetchall()
    assert view == pytest.approx(np.stack([pass_at_k(16, row, 8) for row in each]).mean())
    assert problems == each.shape[1]


def test_the_report_says_which_checkpoints_a_row_is_of_and_how_far_they_are_apart(filed):
    run = filed
    for step in STEPS:
        add(run, step)
    ingest_again(run, *added(run))
    text = text_of(run.store, run.name)
    assert "`pass1`: mean over the last 3 checkpoints of each training run." in text
    each = [counts(run, key) for key in ("key-pass1-hard", *(f"key-pass1-hard-{step}" for step in STEPS))]
    means = [float(pass_at_k(16, row, 1).mean()) for row in each]
    spread = f"{min(means):.3f} to {max(means):.3f}, SD {np.std(means, ddof=1):.3f}"
    row = next(line for line in text.splitlines() if "12, 15, 18" in line and "`hard`" in line)
    assert spread in row
    assert "no run-to-run variation" in text


def test_the_best_checkpoint_has_a_row_of_its_own_and_a_choice_on_a_compared_benchmark_is_flagged(filed):
    run = filed
    add(run, 12, best=True)
    keep(run, benchmark="hard", k=8, select_on_test=True)
    ingest_again(run, *added(run))
    text = text_of(run.store, run.name)
    rows = [line for line in text.splitlines() if line.startswith("| all together") and "pass1" in line]
    assert any("`pass1@best`" in line for line in rows) and any("`pass1` " in line for line in rows)
    assert (
        "`pass1@best`: the model of step 12 of 18, which has the highest held-out pass@8 on `hard` of its training. "
        "**Selected on `hard`**, on which this report also compares: its values there are too high." in text
    )
    comparison = Comparison([load(run.store, run.name)])
    estimates = {entry.label: comparison.estimate(entry, "hard", 8) for entry in comparison.sampled}
    assert estimates["pass1@best"].value == pytest.approx(pass_at_k(16, counts(run, "key-pass1-hard-best"), 8).mean())
    assert estimates["pass1"].value == pytest.approx(pass_at_k(16, counts(run, "key-pass1-hard"), 8).mean())


def test_a_choice_on_a_validation_benchmark_is_not_flagged(filed):
    run = filed
    add(run, 12, best=True)
    keep(run, benchmark="held", k=8)
    ingest_again(run, *added(run))
    text = text_of(run.store, run.name)
    assert "the highest held-out pass@8 on `held` of its training." in text and "Selected on" not in text


def test_best_checkpoints_are_compared_with_each_other_where_both_methods_have_one(filed):
    run = filed
    add(run, 12, best=True)
    record = json.loads((run.directory / "experiment.json").read_text())
    for benchmark in ("easy", "hard"):
        key = f"key-pass4-pass1-{benchmark}-best"
        config = record["config"]["benchmarks"][benchmark]
        of = ("pass4-pass1@best", "key-pass4-pass1")
        evaluation = EvaluationRecord(key, run.name, *of, benchmark, benchmark, config, 9, VERSIONS, 3, True)
        write_evaluation(run, evaluation, np.linspace(-2, 2, 16), 16, np.random.default_rng(0))
        record["evaluations"].append(key)
    write_json(run.directory / "experiment.json", record)
    ingest_again(run, *added(run))
    comparison = Comparison([load(run.store, run.name)])
    pairs = [(of.label, to.label) for of, to in comparison.comparisons]
    assert pairs == [("pass4-pass1", "pass1"), ("pass4-pass1@best", "pass1@best")]


def test_a_field_that_an_earlier_record_lacks_and_that_is_not_used_does_not_split_the_seeds_of_a_design(seeds):
    record = json.loads((seeds[0].directory / "experiment.json").read_text())
    record["config"]["benchmarks"]["easy"]["validation"] = False
    record["config"]["stages"]["pass1"] |= {"evaluate_last": None, "keep_best": None, "stop_when": None}
    write_json(seeds[0].directory / "experiment.json", record)
    ingest_again(seeds[0], seeds[0].directory)
    comparison = Comparison([load(seeds[0].store, run.name) for run in seeds])
    assert [len(design) for design in comparison.designs] == [3]
