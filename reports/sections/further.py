"""Tables that a benchmark asks for: further metrics (`metrics`), and pass@k by metadata of the problems (`by`)."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from passk.statistics.bootstrap import Estimate, intervals
from passk.statistics.further import Counts, columns
from reports.data import seed_statistics
from reports.data.comparison import Comparison, Entry
from reports.data.markdown import code, inline, table
from reports.data.results import Results
from reports.sections.answer import interval

MOST = 20
"""Values of a metadata field with rows of their own; the rarer ones share one."""
REST = "other values"


def metric_tables(comparison: Comparison) -> list[tuple[str, str]]:
    """Return (benchmark, table) of the further metrics: a row for each checkpoint, a column for each metric and k."""
    tables = []
    for benchmark in comparison.benchmarks:
        names = list(dict.fromkeys(name for config in _configs(comparison, benchmark) for name in config["metrics"]))
        rows: dict[str, dict[str, str]] = {}
        for entry in comparison.sampled if names else ():
            rows[entry.label] = _metrics(comparison, entry, benchmark, names)
        titles = list(dict.fromkeys(title for cells in rows.values() for title in cells))
        if titles:
            lines = [[code(label), *(cells.get(title, "–") for title in titles)] for label, cells in rows.items()]
            tables.append((code(benchmark), table(["checkpoint", *titles], lines)))
    return tables


def field_tables(comparison: Comparison) -> list[tuple[str, str]]:
    """Return (benchmark and field, table) of pass@k by a metadata field: a row for each value and checkpoint."""
    tables = []
    for benchmark in comparison.benchmarks:
        for field in dict.fromkeys(config["by"] for config in _configs(comparison, benchmark) if config["by"]):
            if lines := _by(comparison, benchmark, field):
                ks = comparison.ends(benchmark)
                header = [inline(field), "problems", "checkpoint", *(f"pass@{k}" for k in ks)]
                tables.append((f"{code(benchmark)} by {inline(field)}", table(header, lines)))
    return tables


def _configs(comparison: Comparison, benchmark: str) -> list[dict[str, Any]]:
    """Return the configurations of a benchmark in the experiments that have it."""
    configs = [run.record.config["benchmarks"] for run in comparison.results]
    return [config[benchmark] for config in configs if benchmark in config]


def _metrics(comparison: Comparison, entry: Entry, benchmark: str, names: Sequence[str]) -> dict[str, str]:
    runs, ks = entry.sampled(benchmark), comparison.ks(benchmark)
    if not runs:
        return {}
    cells: dict[str, str] = {}
    for name in names:
        by_run = [dict(columns(name, _counts(run, entry.checkpoint, benchmark), ks)) for run in runs]
        for title in by_run[0]:
            cells[title] = _cell([each[title] for each in by_run], runs, entry.checkpoint, benchmark)
    return cells


def _cell(values: Sequence[Any], runs: Sequence[Results], checkpoint: str, benchmark: str) -> str:
    if isinstance(values[0], Estimate):
        if len(values) == 1:
            return interval(values[0])
        return f"{np.mean([one.value for one in values]):.3f}"  # its interval covers one run's samples
    if len(values) == 1:
        [estimate] = intervals(
            np.asarray(values[0])[:, None], [(0.0, 1.0)], seed_statistics.DRAWS, seed_statistics.SEED
        )
        return "–" if np.isnan(estimate.value) else interval(estimate)
    rows = [pd.Series(one, _problems(run, checkpoint, benchmark)) for one, run in zip(values, runs, strict=True)]
    return "–" if any(row.isna().any() for row in rows) else interval(seed_statistics.mean(rows))


def _problems(run: Results, checkpoint: str, benchmark: str) -> pd.Index:
    counts = run.problems(checkpoint, benchmark)
    assert counts is not None
    return counts.index


def _counts(run: Results, checkpoint: str, benchmark: str) -> Counts:
    counts = run.problems(checkpoint, benchmark)
    assert counts is not None
    n, c = counts["n"].to_numpy(), counts["c"].to_numpy()
    frame = run.ranked
    rows = frame[(frame["checkpoint"] == checkpoint) & (frame["benchmark"] == benchmark)] if len(frame) else frame
    if not len(rows):
        return Counts(n, c)
    last = rows["step"].isna()
    rows = rows[last] if last.any() else rows
    by_problem = rows.set_index("problem").loc[[problem for _, problem in counts.index]]
    return Counts(
        n,
        c,
        [np.asarray(each, dtype=bool) for each in by_problem["correct"]],
        [np.asarray(each, dtype=float) for each in by_problem["logprob"]],
    )


def _by(comparison: Comparison, benchmark: str, field: str) -> list[list[str]]:
    of_run = [_values(run, benchmark, field) for run in comparison.results]
    number = Counter(value for values in of_run for value in values.values())
    if not number:
        return []
    frequent = {value for value, _ in sorted(number.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST]}
    shown = sorted(frequent) + ([REST] if set(number) - frequent else [])
    lines = []
    for value in shown:
        chosen = {
            id(run): {problem for problem, one in values.items() if (one if one in frequent else REST) == value}
            for run, values in zip(comparison.results, of_run, strict=True)
        }
        for entry in comparison.sampled:
            cells, size = _of_value(comparison, entry, benchmark, chosen)
            if size:
                lines.append([inline(value), size, code(entry.label), *cells])
    return lines


def _of_value(
    comparison: Comparison, entry: Entry, benchmark: str, chosen: dict[int, set[str]]
) -> tuple[list[str], str]:
    """Return the cells of a row, and its number of problems; the latter is empty without one."""
    cells, sizes = [], set()
    for k in comparison.ends(benchmark):
        rows = []
        for run in entry.sampled(benchmark):
            values = run.values(entry.checkpoint, benchmark, k)
            part = values[[problem in chosen[id(run)] for _, problem in values.index]]
            if len(part):
                rows.append(part)
        sizes |= {len(row) for row in rows}
        cells.append(interval(seed_statistics.mean(rows)) if rows else "–")
    return cells, " to ".join(str(size) for size in sorted({min(sizes), max(sizes)})) if sizes else ""


def _values(run: Results, benchmark: str, field: str) -> dict[str, str]:
    """Return the value of a field by problem; `difficulty` is a field too."""
    rows = run.traits[run.traits["benchmark"] == benchmark]
    values = {}
    for problem, difficulty, metadata in zip(rows["problem"], rows["difficulty"], rows["metadata"], strict=True):
        value = (json.loads(metadata) | {"difficulty": difficulty}).get(field)
        if value not in (None, "", []):
            values[problem] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return values
