"""The tables that a benchmark asks for: metrics from the counts, best-of by log-probability, pass@k by metadata."""

import json

import numpy as np
import pandas as pd
import pytest

from passk.base.errors import ConfigError
from passk.problems import preparation
from passk.statistics.counts import best_of_k, cover_at, g_pass_at_k
from reports.data.comparison import Comparison
from reports.data.results import load
from reports.sections.answer import interval
from reports.sections.further import MOST, REST, field_tables, metric_tables
from reports.sections.tables import main_table
from tests.unit.reports.conftest import amend, ingest_again, text_of

METRICS = ["g-pass@0.5", "cover@0.25", "bayes", "best-of"]


@pytest.fixture
def asked(filed):
    """The run whose benchmark `easy` asks for everything, with log-probabilities that differ."""
    record = json.loads((filed.directory / "experiment.json").read_text())
    record["config"]["benchmarks"]["easy"] |= {"metrics": METRICS, "by": "shortest"}
    draw = np.random.default_rng(0)
    for file in filed.directory.glob("evaluations/*/samples.parquet"):
        frame = pd.read_parquet(file)
        frame["logprob"] = draw.normal(size=len(frame))
        frame.to_parquet(file)
    amend(filed, config=record["config"])
    ingest_again(filed, *filed.evaluations())
    return filed


def rows_of(text):
    header, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_the_metrics_are_those_of_the_counts_and_samples(asked):
    comparison = Comparison([load(asked.store, asked.name)])
    [(name, text)] = metric_tables(comparison)
    rows = rows_of(text)
    assert name == "`easy`" and len(rows) == len(comparison.sampled)
    run = comparison.results[0]
    k = comparison.ks("easy")[-1]
    for row, entry in zip(rows, comparison.sampled, strict=True):
        counts = run.problems(entry.checkpoint, "easy")
        n, c = counts["n"].to_numpy(), counts["c"].to_numpy()
        assert float(row[f"G-Pass@{k} (0.5)"].split()[0]) == pytest.approx(g_pass_at_k(n, c, k, 0.5).mean(), abs=6e-4)
        assert float(row["Cover@0.25"].split()[0]) == pytest.approx(cover_at(n, c, 0.25).mean(), abs=6e-4)
        assert float(row["Bayes@N"].split()[0]) == pytest.approx(((1 + c) / (2 + n)).mean(), abs=6e-4)
        [file] = [
            file
            for file in asked.directory.glob("evaluations/*/samples.parquet")
            if (own := json.loads((file.parent / "evaluation.json").read_text()))["benchmark"] == "easy"
            and own["checkpoint"] == entry.checkpoint
        ]
        frame = pd.read_parquet(file).sort_values(["problem", "sample"])
        shape = (len(n), n[0])
        best = best_of_k(frame["correct"].to_numpy().reshape(shape), frame["logprob"].to_numpy().reshape(shape), k)
        assert float(row[f"best-of-{k}"].split()[0]) == pytest.approx(best.mean(), abs=6e-4)


def test_pass_at_k_by_a_field_is_that_of_its_problems(asked):
    comparison = Comparison([load(asked.store, asked.name)])
    [(name, text)] = field_tables(comparison)
    rows = rows_of(text)
    assert name == "`easy` by shortest" and {row["shortest"] for row in rows} == {str(2 + i) for i in range(9)}
    first = comparison.sampled[0]
    values = comparison.results[0].values(first.checkpoint, "easy", 1)
    whole = [row for row in rows if row["checkpoint"] == f"`{first.label}`"]
    assert sum(int(row["problems"]) for row in whole) == len(values)
    for row in whole:
        part = [value for (_, p), value in values.items() if 2 + int(p.rpartition("-")[2]) % 9 == int(row["shortest"])]
        assert float(row["pass@1"].split()[0]) == pytest.approx(np.mean(part), abs=6e-4)


def test_the_report_shows_them_where_they_are_asked_for_only(asked, seeds_text):
    text = text_of(asked.store, asked.name)
    assert "### Further metrics" in text and "### By metadata of the problems" in text
    assert "### Further metrics" not in seeds_text and "### By metadata of the problems" not in seeds_text


def test_several_seeds_are_one_row(seeds):
    for run in seeds:
        record = json.loads((run.directory / "experiment.json").read_text())
        record["config"]["benchmarks"]["easy"] |= {"metrics": ["cover@0.5", "bayes"], "by": "difficulty"}
        amend(run, config=record["config"])
    comparison = Comparison([load(run.store, run.name) for run in seeds])
    [(_, text)], [(_, by)] = metric_tables(comparison), field_tables(comparison)
    for row, entry in zip(rows_of(text), comparison.sampled, strict=True):
        shares = [cover_at(one["n"], one["c"], 0.5).mean() for run in entry.runs
                  if (one := run.problems(entry.checkpoint, "easy")) is not None]  # fmt: skip
        assert float(row["Cover@0.5"].split()[0]) == pytest.approx(np.mean(shares), abs=6e-4)
    assert {row["difficulty"] for row in rows_of(by)} == {"easy"}
    for row, entry in zip(rows_of(by), comparison.sampled, strict=True):
        assert row["pass@1"] == interval(comparison.estimate(entry, "easy", 1))


def test_a_field_with_many_values_pools_the_rare_ones(asked):
    for file in asked.directory.glob("problems/easy.parquet"):
        frame = pd.read_parquet(file)
        frame["metadata"] = [json.dumps({"shortest": f"value {i}"}) for i in range(len(frame))]
        frame.to_parquet(file)
        ingest_again(asked, file)
    [(_, text)] = field_tables(Comparison([load(asked.store, asked.name)]))
    values = {row["shortest"] for row in rows_of(text)}
    assert len(values) <= MOST + 1 and (REST in values) == (len(frame) > MOST)


def test_an_unknown_field_is_one_line_before_anything_starts(filed):
    file = filed.directory / "problems" / "easy.parquet"
    preparation.require_metadata("benchmarks.easy.by", "shortest", file)
    with pytest.raises(ConfigError, match=r"^benchmarks\.easy\.by: no problem has the metadata 'short'; did you mean"):
        preparation.require_metadata("benchmarks.easy.by", "short", file)


def test_temperatures_of_one_benchmark_have_a_row_each_and_no_mean_of_all(filed):
    record = json.loads((filed.directory / "experiment.json").read_text())
    assert Comparison([load(filed.store, filed.name)]).groups == ["all", "easy", "hard"]
    record["config"]["benchmarks"]["hard"] = record["config"]["benchmarks"]["easy"] | {"temperature": 0.6}
    amend(filed, config=record["config"])
    comparison = Comparison([load(filed.store, filed.name)])
    assert comparison.groups == ["easy", "hard"] and comparison.together == []
    header, rows = main_table(comparison, str, str)
    assert header[:2] == ["benchmark", "checkpoint"]
    assert [row[0] for row in rows] == ["easy"] * len(comparison.sampled) + ["hard"] * len(comparison.sampled)
    assert "temperature 0.6" in text_of(filed.store, filed.name)
