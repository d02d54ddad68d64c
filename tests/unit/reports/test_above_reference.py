"""With several seeds and a reference line, a report counts the runs that end above the line."""

import json

import pytest

from passk.statistics.bootstrap import mean_interval
from reports import results_table
from reports.data.comparison import Comparison
from reports.data.results import load
from reports.sections.above_reference import above_reference, above_sentences
from tests.unit.reports.conftest import amend, text_of

LABEL = "reward of copying | the hint"


def drawn(runs, value, of=None):
    """Give the benchmark `hard` of all runs, or of some, a reference line."""
    for run in of or runs:
        record = json.loads((run.directory / "experiment.json").read_text())
        benchmarks = record["config"]["benchmarks"]
        benchmarks["hard"]["reference_line"] = {"value": value, "label": LABEL}
        amend(run, config={**record["config"], "benchmarks": benchmarks})
    return Comparison([load(run.store, run.name) for run in runs])


def test_the_runs_above_the_line_are_counted_for_each_method_with_an_exact_interval(seeds, compared, seeds_text):
    whole = compared
    assert above_reference(whole) == [] and "reference line" not in seeds_text
    low = {
        method: sorted(mean_interval(run.values(method, "hard", 1).to_numpy()).low for run in whole.results)
        for method in ("pass1", "pass4-pass1")
    }
    value = (low["pass4-pass1"][0] + low["pass4-pass1"][1]) / 2
    assert low["pass1"][-1] < value, "the runs do not differ, and the test shows nothing"
    shares = above_reference(drawn(seeds, value))
    assert [(one.method, one.benchmark, one.above, one.runs) for one in shares] == [
        ("pass1", "hard", 0, 3), ("pass4-pass1", "hard", 2, 3),
    ]  # fmt: skip
    assert (shares[0].share.low, shares[0].share.high) == pytest.approx((0, 0.7076), abs=1e-4)
    (sentence,) = above_sentences(shares, str)
    assert sentence.endswith(
        "of hard at pass@1: 0 of 3 of pass1 (0.000 [0.000, 0.708]) and 2 of 3 of pass4-pass1 (0.667 [0.094, 0.992])."
    )
    text = text_of(seeds[0].store, *(run.name for run in seeds))
    assert "### Runs above the reference line" in text and sentence.replace("hard", "`hard`")[:30] in text
    assert r"(reward of copying \| the hint) | 2 of 3" in " ".join(text.split())


def test_a_run_at_the_line_is_not_above_it(seeds, compared):
    mean = min(run.values("pass4-pass1", "hard", 1).mean() for run in compared.results)
    above = {one.method: one.above for one in above_reference(drawn(seeds, mean - 1e-6))}
    assert above["pass4-pass1"] < 3


def test_one_run_has_no_share_and_two_different_lines_are_none(seeds):
    assert above_reference(drawn(seeds[:1], 0.0)) == []
    assert "Runs above" not in results_table(seeds[0].store, seeds[0].name)
    assert above_reference(drawn(seeds, 0.5, of=seeds[1:])) == []
