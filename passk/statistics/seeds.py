"""Several training runs of one kind on the same problems: estimates for other seeds and other problems.

A bootstrap of three or five seeds is far too narrow (dev/coverage.py), since it never sees more spread than theirs.
The spread of the seeds is therefore estimated as a component of variance. Student's t accounts for their small number.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, stdtr, stdtrit

from passk.statistics.bootstrap import LEVEL, Estimate, mean_interval, scores
from passk.statistics.paired import Comparison, paired_difference, sign_flip_p
from passk.statistics.pass_at_k import Floats


@dataclass(frozen=True)
class Spread:
    """A part of the variance of the mean, and its degrees of freedom."""

    variance: float
    df: int


def mean_over_seeds(values: ArrayLike, draws: int = 10_000, seed: int = 0) -> Estimate:
    """Return the mean over seeds and problems with its 95 % interval for other seeds and other problems: [S, P].

    values: scores in [0, 1], S >= 2 seeds on the same problems. The two are crossed: a seed is better or worse as a
    whole, and a problem is harder or easier for all seeds. The variance of the mean is that of problems plus that of
    seeds, each by analysis of variance, with Satterthwaite's (1946) degrees of freedom. The interval is never narrower
    than `mean_interval` of the problems' means, and is cut at 0 and 1.

    Raise ValueError for fewer than 2 seeds and scores outside [0, 1].
    """
    table = seed_table("values", values)
    problems = table.mean(axis=0)
    half, _ = _student(float(problems.mean()), [problems_spread(problems), _seeds(table)])
    alone = mean_interval(problems, draws, seed)
    low, high = min(alone.low, alone.value - half), max(alone.high, alone.value + half)
    return Estimate(alone.value, max(low, 0.0), min(high, 1.0))


def difference_over_seeds(a: ArrayLike, b: ArrayLike, draws: int = 10_000, seed: int = 0) -> Comparison:
    """Return the mean of a - b with 95 % interval and p-value, for two methods with their own seeds: [S, P], [T, P].

    Both have the same problems in the same order. The seeds are not paired. The interval is as in `mean_over_seeds`,
    with the seeds of both. The p-value is that of the t-test, and never smaller than `sign_flip_p` on the problems'
    means. Raise ValueError as `mean_over_seeds`, and for different numbers of problems.
    """
    first, second = seed_table("a", a), seed_table("b", b)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"b: must have the {first.shape[1]} problems of a, not {second.shape[1]}")
    of_a, of_b = first.mean(axis=0), second.mean(axis=0)
    alone = paired_difference(of_a, of_b, draws, seed)
    half, p = _student(alone.value, [problems_spread(of_a - of_b), _seeds(first), _seeds(second)])
    low, high = min(alone.low, alone.value - half), max(alone.high, alone.value + half)
    return Comparison(alone.value, max(low, -1.0), min(high, 1.0), max(p, sign_flip_p(of_a, of_b, draws, seed)))


def exact_share(successes: int, runs: int) -> Estimate:
    """Return the share of runs with a property, with its exact 95 % interval (Clopper and Pearson 1934).

    Raise ValueError unless 0 <= successes <= runs and runs >= 1.
    """
    if runs < 1 or not 0 <= successes <= runs:
        raise ValueError(f"successes: must be from 0 to the number of runs, not {successes} of {runs}")
    tail, failures = (1 - LEVEL) / 2, runs - successes
    low = betaincinv(successes, failures + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    return Estimate(successes / runs, float(low), float(high))


def problems_spread(means: Floats) -> Spread:
    """Return the spread of problems from their means, [P]."""
    if len(means) == 1:
        return Spread(0.0, 1)
    return Spread(float(means.var(ddof=1)) / len(means), len(means) - 1)


def _seeds(table: Floats) -> Spread:
    """Return the seeds' part of the variance of the mean: the spread of their means minus that of the samples."""
    seeds, problems = table.shape
    rest = interaction(table) / problems
    return Spread(max(float(table.mean(axis=1).var(ddof=1)) - rest, 0.0) / seeds, seeds - 1)


def interaction(table: Floats) -> float:
    """Return the mean square of what neither the seed nor the problem explains: [S, P]."""
    seeds, problems = table.shape
    rest = table - table.mean(axis=0) - table.mean(axis=1)[:, None] + table.mean()
    return float((rest**2).sum()) / ((seeds - 1) * max(problems - 1, 1))


def _student(mean: float, spreads: list[Spread]) -> tuple[float, float]:
    """Return half the interval, and the p-value for a mean of 0."""
    variance = sum(spread.variance for spread in spreads)
    if variance < 1e-24:
        return 0.0, float(abs(mean) < 1e-12)
    df = variance**2 / sum(spread.variance**2 / spread.df for spread in spreads)
    error = math.sqrt(variance)
    return float(stdtrit(df, (1 + LEVEL) / 2)) * error, float(2 * stdtr(df, -abs(mean / error)))


def seed_table(name: str, values: ArrayLike) -> Floats:
    """Return checked scores, [S, P]. Raise ValueError, `name` first, for fewer than 2 seeds or other scores."""
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 2:
        raise ValueError(f"{name}: must have shape [seeds, problems] with 2 seeds or more, not {table.shape}")
    return np.stack([scores(name, row) for row in table])
