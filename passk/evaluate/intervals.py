"""Intervals of means over problems, by bootstrap. A problem is one draw from the problems of its kind.

What varies from problem to problem is the error that an interval here shows: it says how far the mean over
other problems of the same kind may lie, with the samples that they would get. It says nothing of another
training run: passk/evaluate/seeds.py does, where there are several.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passk.evaluate.estimators import Floats

LEVEL = 0.95
SKEWED = 0.05
"""the acceleration from where BCa no longer holds its level (bench/coverage.py)"""
UNSEEN = 1 / 3
"""problems added at each end of the scale where values are skewed: Kerman's (2011) neutral prior, from which the truth
is as often above as below; more of them shift the interval, fewer let it miss what is rare"""
_NORMAL = NormalDist()
_TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
_CHUNK = 1_000_000  # drawn numbers at a time: some 12 MB
_BINS = 20  # a draw over fewer distinct rows than a share of 1 / _BINS of all is cheaper as a multinomial
_SAME = 1e-12  # differences such as (0.3 - 0.1) - (0.2 - 0.0) are not a spread


@dataclass(frozen=True)
class Estimate:
    value: float
    low: float
    high: float


def mean_interval(values: ArrayLike, draws: int = 10_000, seed: int = 0) -> Estimate:
    """Mean over problems with its 95 % interval: `mean_intervals` of one figure, values [P]."""
    return mean_intervals(scores("values", values)[:, None], draws, seed)[0]


def mean_intervals(values: ArrayLike, draws: int = 10_000, seed: int = 0) -> list[Estimate]:
    """Means over problems with their 95 % intervals, of S figures with values in [0, 1]: [P, S] -> S of them.

    BCa bootstrap (Efron 1987); all figures share the draws. Where a figure's values are skewed (an acceleration
    beyond SKEWED, such as a few problems solved of many) it is the Bayesian bootstrap (Rubin 1981) with a third of
    a problem more at 0 and at 1, for those that the sample happens to lack. It never leaves the mean outside.

    Where all values are equal nothing can be resampled. Then the interval is what problems unlike those seen
    could do: their share is at most u = z^2 / (problems + z^2), Wilson's bound for none seen, and each would
    score 0 or 1. For all 0 that is Wilson's [0, u], for all 1 his [1 - u, 1].

    The same values give the same interval, in whatever order they stand. Raises ValueError for no values or
    one outside [0, 1].
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 2:
        raise ValueError(f"values: must be of shape [problems, figures], not {given.shape}")
    given = np.column_stack([scores("values", column) for column in given.T])
    rows, counts = np.unique(given, axis=0, return_counts=True)
    pulls = [acceleration(column) for column in given.T]
    plain = [i for i, pull in enumerate(pulls) if pull is not None and abs(pull) <= SKEWED]
    edges = {}
    if plain:
        means = bootstrap_means(rows[:, plain], counts, draws, np.random.default_rng(seed))
        edges = {i: bca(own, given[:, i]) for i, own in zip(plain, means.T, strict=True)}
    found = []
    for i, column in enumerate(given.T):
        mean = float(counts @ rows[:, i] / len(column))
        if pulls[i] is None:
            found.append(all_equal(mean, len(column), 0.0, 1.0))
            continue
        low, high = edges[i] if i in edges else bayesian(column, (0.0, 1.0), UNSEEN, draws, seed)
        found.append(Estimate(mean, min(low, mean), max(high, mean)))
    return found


def all_equal(value: float, problems: int, lowest: float, highest: float) -> Estimate:
    """Of `problems` values that are all the same, on a scale from lowest to highest: as `mean_intervals` says."""
    z = _NORMAL.inv_cdf(_TAILS[1])
    unseen = z**2 / (problems + z**2)
    return Estimate(value, value - unseen * (value - lowest), value + unseen * (highest - value))


def acceleration(values: Floats) -> float | None:
    """BCa's, for a mean: by the jackknife a sixth of the skewness over the root of the count. None: all are equal."""
    if np.ptp(values) < _SAME:
        return None
    deviations = values - values.mean()
    return float((deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5))


def bca(means: Floats, values: Floats) -> tuple[float, float]:
    """The 95 % bias-corrected and accelerated quantiles of bootstrap means [draws] of values [P]."""
    mean, draws = values.mean(), len(means)
    ties = np.abs(means - mean) < _SAME
    below = (np.count_nonzero((means < mean) & ~ties) + np.count_nonzero(ties) / 2) / draws
    bias = _NORMAL.inv_cdf(min(max(below, 1 / draws), 1 - 1 / draws))
    pull = acceleration(values)
    edges = []
    for tail in _TAILS:
        shifted = bias + _NORMAL.inv_cdf(tail)
        edges.append(_NORMAL.cdf(bias + shifted / (1 - (pull or 0.0) * shifted)))
    low, high = np.quantile(means, edges)
    return float(low), float(high)


def bootstrap_means(rows: Floats, counts: NDArray, draws: int, rng: np.random.Generator) -> Floats:
    """Means of resamples, [draws, S], of a sample in which rows [D, S] stand counts [D] times.

    How often each row is drawn is multinomial over the D distinct rows: pass@k of n samples has at most n + 1
    values, so that is far less than drawing problems one by one, and the same. Where nearly all rows differ it
    is got by counting drawn problems.
    """
    total = int(counts.sum())
    bins = len(rows) * _BINS <= total
    of_problem = np.repeat(np.arange(len(rows)), counts)
    size = max(1, _CHUNK // (len(rows) if bins else total))
    chunks = []
    for done in range(0, draws, size):
        number = min(size, draws - done)
        if bins:
            weights = rng.multinomial(total, counts / total, size=number)
        else:
            drawn = rng.integers(0, total, (number, total), dtype=np.uint16 if total <= 2**16 else np.uint32)
            places = of_problem[drawn] + np.arange(number)[:, None] * len(rows)
            weights = np.bincount(places.ravel(), minlength=number * len(rows)).reshape(number, -1)
        chunks.append(weights @ rows)
    return np.concatenate(chunks) / total


def bayesian(values: Floats, ends: tuple[float, float], more: float, draws: int, seed: int) -> tuple[float, float]:
    """The 95 % quantiles of the mean by the Bayesian bootstrap of values [P] and `more` at each of the ends.

    A problem's weight is exponential, that of equal ones together gamma, so one number is drawn a distinct value.
    """
    rng = np.random.default_rng(seed)
    points, counts = np.unique(values, return_counts=True)
    points, shapes = np.append(points, ends), np.append(counts, (more, more))
    size = max(1, _CHUNK // len(points))
    chunks = []
    for done in range(0, draws, size):
        weights = rng.standard_gamma(shapes, size=(min(size, draws - done), len(points)))
        chunks.append(weights @ points / weights.sum(axis=1))
    low, high = np.quantile(np.concatenate(chunks), _TAILS)
    return float(low), float(high)


def scores(name: str, values: ArrayLike) -> Floats:
    """[P] scores in [0, 1], or a ValueError that names them."""
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or len(given) == 0:
        raise ValueError(f"{name}: must be a row of scores, one a problem, not of shape {given.shape}")
    outside = given[~((given >= 0) & (given <= 1))]
    if len(outside):
        raise ValueError(f"{name}: scores are from 0 to 1, not {outside[0]:g}")
    return given
