"""Which problems one method solves that the other does not."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from reports.data.comparison import Comparison, Entry
from reports.data.markdown import code, table

LISTED = 5


@dataclass(frozen=True)
class Solved:
    """Problems of a benchmark, all seeds together; solved: right at least once among its samples."""

    of: str
    to: str
    benchmark: str
    both: int
    only_of: int
    only_to: int
    neither: int
    most: pd.DataFrame
    """of those solved by `of` alone: problem, c, n; most often right first"""
    most_to: pd.DataFrame


def solved(comparison: Comparison) -> list[Solved]:
    """For each pair of methods and benchmark; empty where nothing can be compared."""
    return [
        one
        for of, to in comparison.comparisons
        for benchmark in comparison.benchmarks
        for one in _solved(comparison, of, to, benchmark)
    ]


def _solved(comparison: Comparison, of: Entry, to: Entry, benchmark: str) -> Iterator[Solved]:
    parts = []
    for ours, theirs in comparison.comparisons(of, to, benchmark):
        mine, other = ours.problems(of.checkpoint, benchmark), theirs.problems(to.checkpoint, benchmark)
        if mine is not None and other is not None:
            parts.append(mine[["n", "c"]].join(other[["n", "c"]], how="inner", rsuffix="_to"))
    if not parts:
        return
    both = pd.concat(parts).groupby(level="problem").sum()
    own, others = both["c"] > 0, both["c_to"] > 0
    yield Solved(
        of.label, to.label, benchmark, int((own & others).sum()), int((own & ~others).sum()),
        int((others & ~own).sum()), int((~own & ~others).sum()),
        _most(both[own & ~others], "c", "n"), _most(both[others & ~own], "c_to", "n_to"),
    )  # fmt: skip


def _most(frame: pd.DataFrame, count: str, samples: str) -> pd.DataFrame:
    found = frame[[count, samples]].set_axis(["c", "n"], axis=1).reset_index()
    return found.sort_values(["c", "problem"], ascending=[False, True]).head(LISTED)


def counts_table(found: list[Solved]) -> str:
    rows = [
        [f"{code(s.of)} against {code(s.to)}", code(s.benchmark), *map(str, (s.both, s.only_of, s.only_to, s.neither))]
        for s in found
    ]
    return table(["methods", "benchmark", "both", "only the first", "only the second", "neither"], rows, left=2)


def problems_table(found: list[Solved]) -> str:
    """The problems that tell the methods apart best; empty where there is none."""
    rows = [
        [code(method), code(other), code(s.benchmark), code(row.problem), f"{row.c} of {row.n}"]
        for s in found
        for method, other, most in ((s.of, s.to, s.most), (s.to, s.of, s.most_to))
        for row in most.itertuples()
    ]
    return table(["solved by", "not by", "benchmark", "problem", "right"], rows, left=4) if rows else ""
