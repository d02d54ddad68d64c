"""Several training runs of one kind, each with its own problems, or paired by seed with runs of another kind.

passk/statistics/seeds.py handles unpaired seeds that share their problems. If the seed also decides the problems,
other seeds bring other problems, and the two are nested instead of crossed.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import stdtr, stdtrit

from passk.statistics.bootstrap import LEVEL, Estimate, all_equal, mean_interval, scores
from passk.statistics.paired import paired_difference, sign_flip_p
from passk.statistics.pass_at_k import Floats
from passk.statistics.seeds import Spread, interaction, problems_spread, seed_table


def mean_nested(values: Sequence[ArrayLike], draws: int = 10_000, seed: int = 0) -> Estimate:
    """Return the mean over seeds with its 95 % interval for other seeds with other problems.

    values: S >= 2 rows of scores in [0, 1]. Row s holds the scores of seed s on its own problems, of any number.

    All seeds have the same weight. Their means are S independent draws, whose scatter includes both the seeds and the
    problems. The interval is Student's t with S - 1 degrees of freedom, and never narrower than the bootstrap over all
    problems together. Separate estimates of the two parts of the variance give narrower intervals, but those hold in
    only 81 to 91 of 100 cases if seeds differ much.

    Raise ValueError for fewer than 2 seeds and scores outside [0, 1].
    """
    rows = [scores("values", row) for row in values]
    return _nested(rows, mean_interval(np.concatenate(rows), draws, seed), 0.0)


def difference_nested(a: Sequence[ArrayLike], b: Sequence[ArrayLike], draws: int = 10_000, seed: int = 0) -> Estimate:
    """Return the mean of a - b as `mean_nested`, paired by seed and problem. Row s: seed s of both, same problems."""
    pairs = [(scores("a", first), scores("b", second)) for first, second in zip(a, b, strict=True)]
    alone = paired_difference(
        np.concatenate([first for first, _ in pairs]), np.concatenate([second for _, second in pairs]), draws, seed
    )
    return _nested([first - second for first, second in pairs], alone, -1.0)


def difference_crossed(a: ArrayLike, b: ArrayLike, draws: int = 10_000, seed: int = 0) -> Estimate:
    """Return the mean of a - b, [S, P] both, with the same S seeds on the same P problems, paired by both.

    Equal seeds share, for example, the warm start. Half of the interval is sqrt(t_s^2 V_s + t_p^2 V_p). V_s is the
    variance of the seeds' means over S, with S - 1 degrees of freedom. V_p is the part of the problems alone, with
    P - 1. The interval is never narrower than `paired_difference` of the problems' means. One t for the sum, by
    Satterthwaite, is too small if a few seeds differ much. Up to 14 % of such intervals then exclude zero although
    nothing differs.
    """
    first, second = _crossed(a, b)
    alone = paired_difference(first.mean(axis=0), second.mean(axis=0), draws, seed)
    half = _half(_parts(first - second), 1 - LEVEL)
    low, high = min(alone.low, alone.value - half), max(alone.high, alone.value + half)
    return Estimate(alone.value, max(low, -1.0), min(high, 1.0))


def crossed_p(a: ArrayLike, b: ArrayLike, draws: int = 10_000, seed: int = 0) -> float:
    """Return the two-sided p-value for equal a and b, paired as in `difference_crossed`: [S, P] both.

    It is the p-value at which the half interval of `difference_crossed` equals the difference. The result is never
    smaller than `sign_flip_p` on the problems' means.
    """
    first, second = _crossed(a, b)
    parts, mean = _parts(first - second), abs(float((first - second).mean()))
    alone = sign_flip_p(first.mean(axis=0), second.mean(axis=0), draws, seed)
    if mean < 1e-12:
        return 1.0
    if _half(parts, 1e-12) <= mean:
        return alone
    return max(alone, float(brentq(lambda p: _half(parts, p) - mean, 1e-12, 1.0)))


def nested_p(a: Sequence[ArrayLike], b: Sequence[ArrayLike], draws: int = 10_000, seed: int = 0) -> float:
    """Return the two-sided p-value for equal a and b, paired as in `difference_nested`: S rows each.

    It is the p-value of the t-test of the S seeds' means, and never smaller than `sign_flip_p` on all problems.
    """
    first, second = [scores("a", row) for row in a], [scores("b", row) for row in b]
    means = np.array([(x - y).mean() for x, y in zip(first, second, strict=True)])
    alone = sign_flip_p(np.concatenate(first), np.concatenate(second), draws, seed)
    error = float(means.std(ddof=1)) / math.sqrt(len(means))
    return alone if error < 1e-12 else max(alone, float(2 * stdtr(len(means) - 1, -abs(means.mean()) / error)))


def _crossed(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    first, second = seed_table("a", a), seed_table("b", b)
    if first.shape != second.shape:
        raise ValueError(f"b: must have the shape of a, {first.shape}, not {second.shape}")
    return first, second


def _parts(differences: Floats) -> list[Spread]:
    """Return two parts of the variance of the mean: that of seeds, and that of problems alone. differences: [S, P]."""
    seeds, problems = differences.shape
    of_seeds = Spread(float(differences.mean(axis=1).var(ddof=1)) / seeds, seeds - 1)
    of_problems = problems_spread(differences.mean(axis=0))
    shared = interaction(differences) / seeds / problems
    return [of_seeds, Spread(max(of_problems.variance - shared, 0.0), of_problems.df)]


def _half(parts: list[Spread], p: float) -> float:
    """Return half of the interval with level 1 - p."""
    return math.sqrt(sum(float(stdtrit(part.df, 1 - p / 2)) ** 2 * part.variance for part in parts))


def _nested(rows: list[Floats], alone: Estimate, lowest: float) -> Estimate:
    """Return the nested interval. alone: interval of all seeds' problems; lowest: lower end of the scale up to 1."""
    seeds = len(rows)
    if seeds < 2:
        raise ValueError("values: must have 2 seeds or more")
    means = np.array([row.mean() for row in rows])
    mean, problems = float(means.mean()), np.concatenate(rows)
    if np.ptp(problems) < 1e-12:
        return all_equal(mean, len(problems), lowest, 1.0)
    half = float(stdtrit(seeds - 1, (1 + LEVEL) / 2)) * float(means.std(ddof=1)) / math.sqrt(seeds)
    moved = mean - alone.value  # seeds have equal weight, whatever their number of problems
    low, high = min(mean - half, alone.low + moved), max(mean + half, alone.high + moved)
    return Estimate(mean, max(low, lowest), min(high, 1.0))
