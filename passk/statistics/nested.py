"""Several training runs of the same kind: each with problems of its own, or paired by seed with another kind of run.

passk/statistics/seeds.py has those whose problems are the same for all seeds and whose seeds are not paired. Where the
seed decides the problems too, other seeds bring other problems, and the two are nested instead of crossed.
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
    """Mean over seeds with its 95 % interval for other seeds with other problems: S rows of scores in [0, 1].

    Row s: the scores of seed s on its own problems, of any number; S >= 2. Each seed counts the same. The means of the
    seeds are S independent draws, whose scatter has both the seeds and the problems in it: Student's t with S - 1
    degrees of freedom, and never narrower than the bootstrap over all problems together. (To estimate the two parts
    of the variance apart gives narrower intervals, which hold in 81 to 91 of 100 cases where seeds differ much.)
    Raises ValueError for fewer than 2 seeds and scores outside [0, 1].
    """
    rows = [scores("values", row) for row in values]
    return _nested(rows, mean_interval(np.concatenate(rows), draws, seed), 0.0)


def difference_nested(a: Sequence[ArrayLike], b: Sequence[ArrayLike], draws: int = 10_000, seed: int = 0) -> Estimate:
    """Mean of a - b, paired by seed and problem, as `mean_nested`: row s of both is seed s on the same problems."""
    pairs = [(scores("a", mine), scores("b", theirs)) for mine, theirs in zip(a, b, strict=True)]
    alone = paired_difference(
        np.concatenate([mine for mine, _ in pairs]), np.concatenate([theirs for _, theirs in pairs]), draws, seed
    )
    return _nested([mine - theirs for mine, theirs in pairs], alone, -1.0)


def difference_crossed(a: ArrayLike, b: ArrayLike, draws: int = 10_000, seed: int = 0) -> Estimate:
    """Mean of a - b, [S, P] both: the same S seeds (say, the same warm start) on the same P problems, paired by both.

    Half of it is sqrt(t_s^2 V_s + t_p^2 V_p): V_s the variance of the seeds' means by S, with S - 1 degrees of freedom,
    V_p what is of the problems alone, with P - 1. (One t for the sum, by Satterthwaite, is too small where a few seeds
    differ much: up to 14 % of such intervals are clear of zero where nothing differs.) Never narrower than
    `paired_difference` of the problems' means.
    """
    first, second = _crossed(a, b)
    alone = paired_difference(first.mean(axis=0), second.mean(axis=0), draws, seed)
    half = _half(_parts(first - second), 1 - LEVEL)
    low, high = min(alone.low, alone.value - half), max(alone.high, alone.value + half)
    return Estimate(alone.value, max(low, -1.0), min(high, 1.0))


def crossed_p(a: ArrayLike, b: ArrayLike, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p-value that a and b are alike, paired as in `difference_crossed`: [S, P] both.

    That at which its sqrt(t_s^2 V_s + t_p^2 V_p) is the difference, or of `sign_flip_p` on the problems' means where
    that is larger.
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
    """Two-sided p-value that a and b are alike, paired as in `difference_nested`: S rows each.

    That of the t-test of the S seeds' means, or of `sign_flip_p` on all problems where that is larger.
    """
    mine, theirs = [scores("a", row) for row in a], [scores("b", row) for row in b]
    means = np.array([(ours - others).mean() for ours, others in zip(mine, theirs, strict=True)])
    alone = sign_flip_p(np.concatenate(mine), np.concatenate(theirs), draws, seed)
    error = float(means.std(ddof=1)) / math.sqrt(len(means))
    return alone if error < 1e-12 else max(alone, float(2 * stdtr(len(means) - 1, -abs(means.mean()) / error)))


def _crossed(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    first, second = seed_table("a", a), seed_table("b", b)
    if first.shape != second.shape:
        raise ValueError(f"b: must be of the shape of a, {first.shape}, not {second.shape}")
    return first, second


def _parts(differences: Floats) -> list[Spread]:
    """Of the variance of the mean, [S, P]: that of seeds, and that of problems alone."""
    seeds, problems = differences.shape
    of_seeds = Spread(float(differences.mean(axis=1).var(ddof=1)) / seeds, seeds - 1)
    of_problems = problems_spread(differences.mean(axis=0))
    shared = interaction(differences) / seeds / problems
    return [of_seeds, Spread(max(of_problems.variance - shared, 0.0), of_problems.df)]


def _half(parts: list[Spread], p: float) -> float:
    """Half of the interval that holds 1 - p."""
    return math.sqrt(sum(float(stdtrit(part.df, 1 - p / 2)) ** 2 * part.variance for part in parts))


def _nested(rows: list[Floats], alone: Estimate, lowest: float) -> Estimate:
    """alone: what the problems of all seeds together give; lowest: of the scale that ends at 1."""
    seeds = len(rows)
    if seeds < 2:
        raise ValueError("values: must be of 2 seeds or more")
    means = np.array([row.mean() for row in rows])
    mean, problems = float(means.mean()), np.concatenate(rows)
    if np.ptp(problems) < 1e-12:
        return all_equal(mean, len(problems), lowest, 1.0)
    half = float(stdtrit(seeds - 1, (1 + LEVEL) / 2)) * float(means.std(ddof=1)) / math.sqrt(seeds)
    moved = mean - alone.value  # seeds with fewer problems weigh the same as the others
    low, high = min(mean - half, alone.low + moved), max(mean + half, alone.high + moved)
    return Estimate(mean, max(low, lowest), min(high, 1.0))
