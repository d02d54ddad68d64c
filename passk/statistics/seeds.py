"""Several training runs of the same kind, each on the same problems: what other seeds and other problems would give.

A bootstrap of three or five seeds is far too narrow (dev/coverage.py), since it never sees more spread than
theirs; so the spread of the seeds is estimated as a component of variance, and Student's t makes up for how few.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from passk.statistics.bootstrap import LEVEL, Estimate, mean_interval, scores
from passk.statistics.paired import Comparison, paired_difference, sign_flip_p
from passk.statistics.pass_at_k import Floats


@dataclass(frozen=True)
class Spread:
    """A part of the variance of the mean, and its degrees of freedom."""

    variance: float
    df: int


def mean_over_seeds(values: ArrayLike, draws: int = 10_000, seed: int = 0) -> Estimate:
    """Mean over seeds and problems with its 95 % interval for other seeds and other problems: [S, P].

    values: scores in [0, 1], S >= 2 seeds on the same problems. The two are crossed: a seed is better or worse
    as a whole, a problem harder or easier for all. Variance of the mean = that of problems + that of seeds, each
    by analysis of variance; Satterthwaite's (1946) degrees of freedom. Never narrower than `mean_interval`
    of the problems' means, and cut at 0 and 1. Raises ValueError for fewer than 2 seeds and scores outside [0, 1].
    """
    table = seed_table("values", values)
    problems = table.mean(axis=0)
    half, _ = _student(float(problems.mean()), [problems_spread(problems), _seeds(table)])
    alone = mean_interval(problems, draws, seed)
    low, high = min(alone.low, alone.value - half), max(alone.high, alone.value + half)
    return Estimate(alone.value, max(low, 0.0), min(high, 1.0))


def difference_over_seeds(a: ArrayLike, b: ArrayLike, draws: int = 10_000, seed: int = 0) -> Comparison:
    """Mean of a - b with 95 % interval and p-value, two ways of training with seeds of their own: [S, P], [T, P].

    The same problems in the same order; the seeds are not paired. As `mean_over_seeds`, with the seeds of both;
    the p-value is that of the t-test, or of `sign_flip_p` on the problems' means where that is larger. Raises
    ValueError as there, and for problems that differ in number.
    """
    first, second = seed_table("a", a), seed_table("b", b)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"b: must have the {first.shape[1]} problems of a, not {second.shape[1]}")
    ours, theirs = first.mean(axis=0), second.mean(axis=0)
    alone = paired_difference(ours, theirs, draws, seed)
    half, p = _student(alone.value, [problems_spread(ours - theirs), _seeds(first), _seeds(second)])
    low, high = min(alone.low, alone.value - half), max(alone.high, alone.value + half)
    return Comparison(alone.value, max(low, -1.0), min(high, 1.0), max(p, sign_flip_p(ours, theirs, draws, seed)))


def problems_spread(means: Floats) -> Spread:
    """Of problems, by their means: [P]."""
    if len(means) == 1:
        return Spread(0.0, 1)
    return Spread(float(means.var(ddof=1)) / len(means), len(means) - 1)


def _seeds(table: Floats) -> Spread:
    """What the seeds add to the variance of the mean: the spread of their means, less what samples explain of it."""
    seeds, problems = table.shape
    rest = interaction(table) / problems
    return Spread(max(float(table.mean(axis=1).var(ddof=1)) - rest, 0.0) / seeds, seeds - 1)


def interaction(table: Floats) -> float:
    """Mean square of what neither the seed nor the problem explains: [S, P]."""
    seeds, problems = table.shape
    rest = table - table.mean(axis=0) - table.mean(axis=1)[:, None] + table.mean()
    return float((rest**2).sum()) / ((seeds - 1) * max(problems - 1, 1))


def _student(mean: float, spreads: list[Spread]) -> tuple[float, float]:
    """Half the interval, and the p-value of a mean of 0."""
    variance = sum(spread.variance for spread in spreads)
    if variance < 1e-24:
        return 0.0, float(abs(mean) < 1e-12)
    df = variance**2 / sum(spread.variance**2 / spread.df for spread in spreads)
    error = math.sqrt(variance)
    return float(stdtrit(df, (1 + LEVEL) / 2)) * error, float(2 * stdtr(df, -abs(mean / error)))


def seed_table(name: str, values: ArrayLike) -> Floats:
    """[S, P], checked. Raises ValueError, `name` first, for fewer than 2 seeds and scores outside [0, 1]."""
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 2 or given.shape[0] < 2:
        raise ValueError(f"{name}: must be of shape [seeds, problems] with 2 seeds or more, not {given.shape}")
    return np.stack([scores(name, row) for row in given])
