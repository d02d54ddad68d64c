"""Problems that one method solves and the other does not."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from reports.data.comparison import Comparison, Entry
from reports.data.markdown import code, table

LISTED = 5
"""Number of listed problems for each pair, direction and benchmark."""


@dataclass(frozen=True)
class Solved:
    """Problems of a benchmark that two methods solve, over all seeds; solved: at least one sample is correct."""

    of: str
    to: str
    benchmark: str
    both: int
    only_of: int
    only_to: int
    neither: int
    most: pd.DataFrame
    """Problems that only `of` solves: problem, c, n; those with most correct samples first."""
    most_to: pd.DataFrame
    """The same for `to`."""


def solved(comparison: Comparison) -> list[Solved]:
    """Return the counts for each pair of methods and benchmark; empty without a pair."""
    return [
        one
        for of, to in comparison.comparisons
        for benchmark in comparison.benchmarks
        for one in _solved(comparison, of, to, benchmark)
    ]


def _solved(comparison: Comparison, of: Entry, to: Entry, benchmark: str) -> Iterator[Solved]:
    parts = []
    for ours, theirs in comparison.pairs(of, to, benchmark):
        mine, other = ours.problems(of.checkpoint, benchmark), theirs.problems(to.checkpoint, benchmark)
        if mine is not None and other is not None:
            parts.append(mine[["n", "c"]].join(other[["n", "c"]], how="inner", rsuffix="_to"))
    if not parts:
        return
    both = pd.concat(parts).groupby(level="problem").sum()
    by_of, by_to = both["c"] > 0, both["c_to"] > 0
    yield Solved(
        of.label, to.label, benchmark, int((by_of & by_to).sum()), int((by_of & ~by_to).sum()),
        int((by_to & ~by_of).sum()), int((~by_of & ~by_to).sum()),
        _most(both[by_of & ~by_to], "c", "n"), _most(both[by_to & ~by_of], "c_to", "n_to"),
    )  # fmt: skip


def _most(frame: pd.DataFrame, count: str, samples: str) -> pd.DataFrame:
    counts = frame[[count, samples]].set_axis(["c", "n"], axis=1).reset_index()
    return counts.sort_values(["c", "problem"], ascending=[False, True]).head(LISTED)


def counts_table(counts: list[Solved]) -> str:
    """Return the table of counts, one row for each pair and benchmark."""
    rows = [
        [f"{code(s.of)} against {code(s.to)}", code(s.benchmark), *map(str, (s.both, s.only_of, s.only_to, s.neither))]
        for s in counts
    ]
    return table(["checkpoints", "benchmark", "both", "only the first", "only the second", "neither"], rows, left=2)


def problems_table(counts: list[Solved]) -> str:
    """Return the problems that only one method solves; empty without any."""
    rows = [
        [code(method), code(other), code(s.benchmark), code(row.problem), f"{row.c} of {row.n}"]
        for s in counts
        for method, other, most in ((s.of, s.to, s.most), (s.to, s.of, s.most_to))
        for row in most.itertuples()
    ]
    return table(["solved by", "not by", "benchmark", "problem", "correct"], rows, left=4) if rows else ""
