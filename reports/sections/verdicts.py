"""Table of verdicts: the share of each reason of the verifier in training and on each benchmark."""

from collections.abc import Iterator

import pandas as pd

from passk.verifiers import FAILURES
from reports.data.comparison import Comparison
from reports.data.markdown import code, table

CORRECT = "correct"
SHOWN = 5
"""Number of reasons with their own column, besides `correct` and the failures; the others share one column."""
LONGEST = 40
"""Characters of a reason; a verifier of another package may have long ones."""


def verdicts(comparison: Comparison) -> str:
    """Return a table of verdicts over all seeds: a row for each trained stage, and for each checkpoint and benchmark.

    Empty without a verdict.
    """
    rows = list(_rows(comparison))
    if not rows:
        return ""
    totals = pd.concat([shares for _, _, shares in rows], axis=1).fillna(0.0).sum(axis=1)
    incorrect = totals.drop([CORRECT, *FAILURES], errors="ignore").sort_index()
    incorrect = incorrect.sort_values(ascending=False, kind="stable")
    shown, rest = list(incorrect.index[:SHOWN]), list(incorrect.index[SHOWN:])
    header = [
        "checkpoint",
        "on",
        "correct",
        *(code(reason, LONGEST) for reason in shown),
        *(["other"] if rest else []),
        *map(code, FAILURES),
    ]
    lines = []
    for label, where, shares in rows:
        values = [shares.get(CORRECT, 0.0), *(shares.get(reason, 0.0) for reason in shown)]
        values += [sum(shares.get(reason, 0.0) for reason in rest)] if rest else []
        values += [shares.get(reason, 0.0) for reason in FAILURES]
        lines.append([code(label), where, *map(_share, values)])
    return table(header, lines, left=2)


def _rows(comparison: Comparison) -> Iterator[tuple[str, str, pd.Series]]:
    """Yield (label, training or benchmark, share by reason), the mean over the runs."""
    for entry in comparison.entries:
        for benchmark in (None, *comparison.benchmarks):
            shares = []
            for run in entry.runs:
                rows = run.reasons[run.reasons["checkpoint"] == entry.checkpoint]
                rows = rows[rows["benchmark"].isna() if benchmark is None else rows["benchmark"] == benchmark]
                if not rows.empty:
                    shares.append(rows.set_index("reason")["share"])
            if shares:
                mean = pd.concat(shares, axis=1).fillna(0.0).mean(axis=1)
                yield entry.label, "its training" if benchmark is None else code(benchmark), mean


def _share(value: float) -> str:
    """Return a share in percent, with more digits for a share that would round to zero."""
    if value == 0:
        return "0"
    return f"{value:.1%}" if value >= 0.0005 else f"{value:.3%}" if value >= 0.000005 else "<0.001%"
