"""Intervals of means over problems, by bootstrap. A problem is one draw from the problems of its kind.

What varies from problem to problem is the error that an interval here shows: it says how far the mean over
other problems of the same kind may lie, with the samples that they would get. It says nothing of another
training run: passk/statistics/seeds.py does, where there are several.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passk.statistics.pass_at_k import Floats

LEVEL = 0.95
SKEWED = 0.05
"""the acceleration from where BCa no longer holds its level (dev/coverage.py)"""
UNSEEN = 1 / 3
"""problems added at each end of the scale where values are skewed: Kerman's (2011) neutral prior, from which the truth
is as often above as below; more of them shift the interval, fewer let it miss what is rare"""
LEAST = 0.25
"""of the sample's deviation: a resample that has less counts as having that, lest one without an outlier, which is
nearly all equal, put the end of the interval anywhere"""
_NORMAL = NormalDist()
_TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
_CHUNK = 50_000  # drawn numbers at a time: what stays in a processor's cache is twice as fast
_COUNTED = 200_000  # the same where problems are counted: a product with few draws reads all figures for little work
_BINS = 20  # up to a distinct row in so many problems a multinomial is the cheaper way
_FEW = 7  # so many exponential numbers take as long as one of a gamma distribution
_SHARED = 100  # figures of the same fewer problems have draws of their own, so that none is without any
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
    return intervals(given, [(0.0, 1.0)] * given.shape[1], draws, seed)


def intervals(values: Floats, ends: list[tuple[float, float] | None], draws: int, seed: int) -> list[Estimate]:
    """`mean_intervals` of figures on scales of their own, [P, S], unchecked; S ends of the scales.

    None: a scale without ends, such as a length. Of that always the bootstrap-t, and nothing but the mean where all are
    equal. A problem with NaN has no say in that figure; a figure without any other is NaN.
    """
    own = [column[~np.isnan(column)] for column in values.T]
    pulls = [acceleration(column) for column in own]
    free = [i for i, pull in enumerate(pulls) if pull is not None and ends[i] is None]
    plain = [i for i, pull in enumerate(pulls) if pull is not None and ends[i] is not None and abs(pull) <= SKEWED]
    off = [values[:, i] - np.sort(own[i]).mean() for i in free]
    drawn = bootstrap_means(np.column_stack([values[:, plain], *off, *(each**2 for each in off)]), draws, seed).T
    edges = {i: bca(means, own[i]) for i, means in zip(plain, drawn[: len(plain)], strict=True)}
    for i, means, squares in zip(free, *np.split(drawn[len(plain) :], 2), strict=True):
        edges[i] = studentized(means, squares, own[i])
    found = []
    for i, (column, scale) in enumerate(zip(own, ends, strict=True)):
        mean = float(np.sort(column).mean()) if len(column) else np.nan
        if pulls[i] is None:
            known = scale is None or not len(column)
            found.append(Estimate(mean, mean, mean) if known else all_equal(mean, len(column), *scale))
            continue
        low, high = edges[i] if i in edges else bayesian(column, scale, UNSEEN, draws, seed)
        found.append(Estimate(mean, min(low, mean), max(high, mean)))
    return found


def all_equal(value: float, problems: int, lowest: float, highest: float) -> Estimate:
    """Of `problems` values that are all the same, on a scale from lowest to highest: as `mean_intervals` says."""
    z = _NORMAL.inv_cdf(_TAILS[1])
    unseen = z**2 / (problems + z**2)
    return Estimate(value, value - unseen * (value - lowest), value + unseen * (highest - value))


def acceleration(values: Floats) -> float | None:
    """BCa's, for a mean: by the jackknife the skewness over 6 roots of the count. None: all are equal, or none."""
    if not len(values) or np.ptp(values) < _SAME:
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


def studentized(off: Floats, squares: Floats, values: Floats) -> tuple[float, float]:
    """The 95 % bootstrap-t interval of the mean of values [P] (Efron 1981).

    off, squares: [draws], of each resample the mean of what its values are off the sample's mean, and of the squares
    of that. How far a resample's mean is off is measured by its own spread: of a few long values among many, one
    without them has both too low a mean and too little spread, and BCa does not see the second (dev/coverage.py).
    """
    ordered = np.sort(values)
    mean, deviation = ordered.mean(), ordered.std()
    spread = np.sqrt(np.maximum(squares - off**2, (LEAST * deviation) ** 2))
    low, high = np.quantile(off / spread, _TAILS)
    return float(mean - high * deviation), float(mean - low * deviation)


def bootstrap_means(values: Floats, draws: int, seed: int) -> Floats:
    """Means of `draws` resamples of P problems with all their S figures: [P, S] -> [draws, S].

    How often each row is drawn is multinomial over the distinct rows: pass@k of n samples has at most n + 1 values
    at whatever k, so those figures take n + 1 numbers a draw, and not P. Figures that nearly all differ are got by
    drawing problems and counting them. A problem with NaN is left out of that figure's means.
    """
    problems = len(values)
    few, many = np.zeros(problems, dtype=np.int64), np.zeros(problems, dtype=np.int64)
    columns: dict[bool, list[int]] = {True: [], False: []}
    means = np.empty((draws, values.shape[1]))
    apart: dict[bytes, list[int]] = {}
    for i, column in enumerate(values.T):
        seen = ~np.isnan(column)
        if seen.sum() < min(_SHARED, problems):
            apart.setdefault(seen.tobytes(), []).append(i)
            continue
        points, code = np.unique(column, return_inverse=True)
        both = np.unique(few * len(points) + code, return_inverse=True)
        small = len(both[0]) * _BINS <= problems
        columns[small].append(i)
        if small:
            few = both[1]
        else:
            many = np.unique(many * len(points) + code, return_inverse=True)[1]
    for same in apart.values():
        own = values[:, same]
        means[:, same] = bootstrap_means(own[~np.isnan(own[:, 0])], draws, seed)
    if not any(columns.values()):
        return means
    # sorted by the rows of the figures with few values, so that how often those were drawn is a sum of neighbours
    code = few * (many.max(initial=0) + 1) + many
    _, first, counts = np.unique(code, return_index=True, return_counts=True)
    begins = np.flatnonzero(np.diff(few[first], prepend=-1))
    weights = _counted if columns[False] else _multinomial
    size = max(1, _COUNTED // problems if columns[False] else _CHUNK // len(first))
    of_few = _Rows(values[np.ix_(first[begins], columns[True])])
    of_many = _Rows(values[np.ix_(first, columns[False])])
    rng = np.random.default_rng(seed)
    for done in range(0, draws, size):
        times = weights(counts, min(size, draws - done), rng)
        if columns[True]:
            means[done : done + size, columns[True]] = of_few.means(np.add.reduceat(times, begins, axis=1))
        if columns[False]:
            means[done : done + size, columns[False]] = of_many.means(times)
    return means


class _Rows:
    """Distinct rows of figures, [R, S], NaN where there is none."""

    def __init__(self, rows: Floats) -> None:
        seen = ~np.isnan(rows)
        self._rows, self._some = np.where(seen, rows, 0.0), np.flatnonzero(~seen.all(axis=0))
        self._seen = seen[:, self._some].astype(np.float64)

    def means(self, times: NDArray) -> Floats:
        """times: how often each row is drawn, [draws, R], as often together in each draw -> [draws, S]"""
        drawn = times.astype(np.float64)
        means = drawn @ self._rows
        among = np.full_like(means, drawn[0].sum())
        if len(self._some):
            among[:, self._some] = drawn @ self._seen
        return means / among


def _multinomial(counts: NDArray, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    total = counts.sum()
    return rng.multinomial(total, counts / total, size=draws)


def _counted(counts: NDArray, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    total, rows = int(counts.sum()), len(counts)
    drawn = rng.integers(0, total, (draws, total), dtype=np.int64)
    if rows < total:
        drawn = np.repeat(np.arange(rows), counts)[drawn]
    drawn += np.arange(draws)[:, None] * rows
    return np.bincount(drawn.ravel(), minlength=draws * rows).reshape(draws, rows)


def bayesian(values: Floats, ends: tuple[float, float], more: float, draws: int, seed: int) -> tuple[float, float]:
    """The 95 % quantiles of the mean by the Bayesian bootstrap of values [P] and `more` at each of the ends.

    A problem's weight is exponential, that of equal ones together gamma: where many are equal, one number is drawn
    for all of them.
    """
    rng = np.random.default_rng(seed)
    points, counts = np.unique(values, return_counts=True)
    few = counts <= _FEW
    single = np.repeat(points[few], counts[few])
    points, shapes = np.append(points[~few], ends), np.append(counts[~few], (more, more))
    size = max(1, _CHUNK // (len(single) + len(points)))
    chunks = []
    for done in range(0, draws, size):
        rows = min(size, draws - done)
        own, together = rng.standard_exponential((rows, len(single))), rng.standard_gamma(shapes, (rows, len(points)))
        chunks.append((own @ single + together @ points) / (own.sum(axis=1) + together.sum(axis=1)))
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
