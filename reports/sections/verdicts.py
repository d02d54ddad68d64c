"""How answers were judged: the share of each reason, in training and on each benchmark. Timeouts and crashes always."""

from collections.abc import Iterator

import pandas as pd

from passk.verifiers import FAILURES
from reports.data.comparison import Comparison
from reports.data.markdown import code, table

RIGHT = "correct"
SHOWN = 5
"""reasons with a column of their own, beside those that are always there; the others share one"""
LONGEST = 40
"""letters of a reason: other packages' verifiers have theirs"""


def verdicts(comparison: Comparison) -> str:
    """A row a stage's training and a checkpoint's benchmark, over all seeds; empty where nothing was judged."""
    rows = list(_rows(comparison))
    if not rows:
        return ""
    totals = pd.concat([shares for _, _, shares in rows], axis=1).fillna(0.0).sum(axis=1)
    wrong = totals.drop([RIGHT, *FAILURES], errors="ignore").sort_index().sort_values(ascending=False, kind="stable")
    shown, rest = list(wrong.index[:SHOWN]), list(wrong.index[SHOWN:])
    header = [
        "checkpoint",
        "on",
        "right",
        *(code(reason, LONGEST) for reason in shown),
        *(["other"] if rest else []),
        *map(code, FAILURES),
    ]
    lines = []
    for label, where, shares in rows:
        values = [shares.get(RIGHT, 0.0), *(shares.get(reason, 0.0) for reason in shown)]
        values += [sum(shares.get(reason, 0.0) for reason in rest)] if rest else []
        values += [shares.get(reason, 0.0) for reason in FAILURES]
        lines.append([code(label), where, *map(_share, values)])
    return table(header, lines, left=2)


def _rows(comparison: Comparison) -> Iterator[tuple[str, str, pd.Series]]:
    """(label, where, share by reason): the mean of the runs that have it."""
    for entry in comparison.entries:
        for benchmark in (None, *comparison.benchmarks):
            shares = []
            for run in entry.runs:
                own = run.reasons[run.reasons["checkpoint"] == entry.checkpoint]
                own = own[own["benchmark"].isna() if benchmark is None else own["benchmark"] == benchmark]
                if not own.empty:
                    shares.append(own.set_index("reason")["share"])
            if shares:
                mean = pd.concat(shares, axis=1).fillna(0.0).mean(axis=1)
                yield entry.label, "its training" if benchmark is None else code(benchmark), mean


def _share(value: float) -> str:
    """Percent, with a digit more where one would make nothing of it."""
    if value == 0:
        return "0"
    return f"{value:.1%}" if value >= 0.0005 else f"{value:.3%}" if value >= 0.000005 else "<0.001%"
