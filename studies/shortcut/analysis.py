"""Outcome of each run and of each cell: who leaves the shortcut, with exact intervals, and whether theory holds."""

from typing import NamedTuple

import pandas as pd
from scipy.stats import binomtest

from passk.statistics.seeds import exact_share
from studies.shortcut import theory
from studies.shortcut.data import METHODS, RUN

SKILL_NEEDED = 0.5
"""Smallest pass@1 on incorrect hints after the stage `skill`; a run below it is empty and counts nowhere."""
MARGIN = 0.05
"""Distance of e from the two predicted turning points, and from all between them, that does not test theory."""


class Share(NamedTuple):
    """Number of runs that leave, of how many, with the exact 95 % interval of the share."""

    leave: int
    runs: int

    @property
    def interval(self) -> tuple[float, float]:
        """Return the interval of Clopper and Pearson."""
        estimate = exact_share(self.leave, self.runs)
        return estimate.low, estimate.high


def outcomes(problems: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each run and method: RUN, method, correct, incorrect, every and leaves.

    correct and incorrect are the pass@1 on problems with such a hint, `every` weighs them by e. Empty runs are left
    out.
    """
    table = _pass_at_1(problems)
    skill = table[table["method"] == "skill"].set_index(RUN)["incorrect"]
    empty = set(skill[skill < SKILL_NEEDED].index)
    table = table[[key not in empty for key in table[RUN].itertuples(index=False, name=None)]]
    table = table[table["method"].isin(METHODS)]
    every = table["e"] * table["correct"] + (1 - table["e"]) * table["incorrect"]
    return table.assign(every=every, leaves=table["incorrect"] > 0.5).reset_index(drop=True)


def empty_runs(problems: pd.DataFrame) -> pd.DataFrame:
    """Return the runs whose skill was not learned: RUN and incorrect."""
    table = _pass_at_1(problems)
    table = table[(table["method"] == "skill") & (table["incorrect"] < SKILL_NEEDED)]
    return table[[*RUN, "incorrect"]].reset_index(drop=True)


def _pass_at_1(problems: pd.DataFrame) -> pd.DataFrame:
    scored = problems.assign(score=problems["c"] / problems["n"])
    means = scored.groupby([*RUN, "method", "hint_correct"])["score"].mean().unstack("hint_correct")
    return means.rename(columns={True: "correct", False: "incorrect"}).dropna().reset_index()


def share(rows: pd.DataFrame) -> Share:
    """Return the share of the rows that leave."""
    return Share(int(rows["leaves"].sum()), len(rows))


def paired_p(rows: pd.DataFrame) -> tuple[int, int, int, float]:
    """Compare the methods of a cell by the runs that have both.

    Returns the number of runs, those in which only passk_pass1 leaves, those in which only pass1 leaves, and the exact
    two-sided p-value of McNemar's test.
    """
    both = rows.pivot(index=RUN, columns="method", values="leaves").reindex(columns=list(METHODS)).dropna()
    first, second = (both[method].astype(bool) for method in METHODS)
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    p = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    return len(both), gained, lost, float(p)


def near(e: float, luck: float, method: str) -> bool:
    """Return whether e is near the turning point, which depends on the skill of the start.

    Turning points have two digits, as in the declaration.
    """
    points = [theory.turning_point(luck, method, start=start) for start in (theory.START, theory.WEAK)]
    defined = [round(point, 2) for point in points if point is not None]
    return bool(defined) and round(min(defined) - MARGIN, 2) <= e <= round(max(defined) + MARGIN, 2)


def verdict(rows: pd.DataFrame, e: float, luck: float, method: str) -> str:
    """Return whether most runs of a method do what theory predicts; a cell near the turning point does not count."""
    if near(e, luck, method):
        return "near"
    leaving = share(rows)
    if 2 * leaving.leave == leaving.runs:
        return "undecided"
    agree = (2 * leaving.leave > leaving.runs) == theory.end(e, luck, method).leaves
    return "yes" if agree else "**no**"
