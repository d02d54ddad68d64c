"""Intervals of means over problems, by bootstrap. A problem is one draw from the problems of its kind.

An interval here covers variation between problems. It shows how far the mean over other problems of the same kind may
lie, with new samples. It does not cover run-to-run variation, which passk/statistics/seeds.py does for several runs.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passk.statistics.pass_at_k import Floats

LEVEL = 0.95
SKEWED = 0.05
"""Acceleration above which BCa no longer keeps its level (dev/coverage.py)."""
UNSEEN = 1 / 3
"""Problems added at each end of the scale for skewed values. This is Kerman's (2011) neutral prior: the truth is as
often above as below it. A larger number shifts the interval, a smaller one misses rare values."""
LEAST = 0.25
"""Smallest spread of a resample, as a share of the sample's deviation. Without it a resample without an outlier, whose
values are nearly equal, could put the end of the interval anywhere."""
_NORMAL = NormalDist()
_TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
_CHUNK = 50_000  # numbers drawn at a time; data that fits a processor's cache is twice as fast
_COUNTED = 200_000  # the same for counted problems; a product with few draws reads all figures for little work
_BINS = 20  # with at most one distinct row per so many problems a multinomial is cheaper
_FEW = 7  # so many exponential numbers cost as much as one gamma number
_SHARED = 100  # figures of fewer problems have their own draws, so that no resample is empty
_SAME = 1e-12  # differences such as (0.3 - 0.1) - (0.2 - 0.0) do not count as a spread


@dataclass(frozen=True)
class Estimate:
    """Mean with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def mean_interval(values: ArrayLike, draws: int = 10_000, seed: int = 0) -> Estimate:
    """Return the mean over problems with its 95 % interval: `mean_intervals` of one figure, values [P]."""
    return mean_intervals(scores("values", values)[:, None], draws, seed)[0]


def mean_intervals(values: ArrayLike, draws: int = 10_000, seed: int = 0) -> list[Estimate]:
    """Return means over problems with 95 % intervals, for S figures with values in [0, 1]: [P, S] -> S estimates.

    The method is the BCa bootstrap (Efron 1987), and all figures share the draws. A figure with skewed values has an
    acceleration beyond SKEWED, for example a few solved problems of many. For it the method is the Bayesian bootstrap
    (Rubin 1981). It adds a third of a problem at 0 and at 1, for values that the sample lacks by chance. The interval
    always contains the mean.

    If all values are equal, resampling gives nothing. The interval then covers problems unlike those seen. Their share
    is at most u = z^2 / (problems + z^2), Wilson's bound for none seen, and each would score 0 or 1. For all 0 that is
    Wilson's [0, u], for all 1 his [1 - u, 1].

    The order of the values does not change the interval. Raise ValueError for no values or a value outside [0, 1].
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"values: must have shape [problems, figures], not {table.shape}")
    table = np.column_stack([scores("values", column) for column in table.T])
    return intervals(table, [(0.0, 1.0)] * table.shape[1], draws, seed)


def intervals(values: Floats, ends: list[tuple[float, float] | None], draws: int, seed: int) -> list[Estimate]:
    """Return `mean_intervals` of unchecked figures with different scales. values: [P, S]; ends: S ends of the scales.

    Ends of None mark a scale without ends, such as a length. Such a figure gets the bootstrap-t, or only its mean if
    all values are equal. A problem with NaN is left out of that figure. A figure with only NaN is NaN.
    """
    columns = [column[~np.isnan(column)] for column in values.T]
    pulls = [acceleration(column) for column in columns]
    free = [i for i, pull in enumerate(pulls) if pull is not None and ends[i] is None]
    plain = [i for i, pull in enumerate(pulls) if pull is not None and ends[i] is not None and abs(pull) <= SKEWED]
    off = [values[:, i] - np.sort(columns[i]).mean() for i in free]
    drawn = bootstrap_means(np.column_stack([values[:, plain], *off, *(each**2 for each in off)]), draws, seed).T
    edges = {i: bca(means, columns[i]) for i, means in zip(plain, drawn[: len(plain)], strict=True)}
    for i, means, squares in zip(free, *np.split(drawn[len(plain) :], 2), strict=True):
        edges[i] = studentized(means, squares, columns[i])
    estimates = []
    for i, (column, scale) in enumerate(zip(columns, ends, strict=True)):
        mean = float(np.sort(column).mean()) if len(column) else np.nan
        if pulls[i] is None:
            known = scale is None or not len(column)
            estimates.append(Estimate(mean, mean, mean) if known else all_equal(mean, len(column), *scale))
            continue
        low, high = edges[i] if i in edges else bayesian(column, scale, UNSEEN, draws, seed)
        estimates.append(Estimate(mean, min(low, mean), max(high, mean)))
    return estimates


def all_equal(value: float, problems: int, lowest: float, highest: float) -> Estimate:
    """Return the estimate for equal values on a scale from lowest to highest, as `mean_intervals` describes."""
    z = _NORMAL.inv_cdf(_TAILS[1])
    unseen = z**2 / (problems + z**2)
    return Estimate(value, value - unseen * (value - lowest), value + unseen * (highest - value))


def acceleration(values: Floats) -> float | None:
    """Return BCa's acceleration of a mean: the jackknife's skewness / (6 sqrt(count)). None for equal or no values."""
    if not len(values) or np.ptp(values) < _SAME:
        return None
    deviations = values - values.mean()
    return float((deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5))


def bca(means: Floats, values: Floats) -> tuple[float, float]:
    """Return the 95 % bias-corrected and accelerated quantiles of bootstrap means [draws] of values [P]."""
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
    """Return the 95 % bootstrap-t interval of the mean of values [P] (Efron 1981).

    off, squares: [draws], the mean difference of a resample's values from the sample's mean, and the mean of its
    squares. The distance of a resample's mean is measured by the resample's own spread. With a few long values among
    many, a resample without them has too low a mean and too small a spread. BCa does not see the second
    (dev/coverage.py).
    """
    ordered = np.sort(values)
    mean, deviation = ordered.mean(), ordered.std()
    spread = np.sqrt(np.maximum(squares - off**2, (LEAST * deviation) ** 2))
    low, high = np.quantile(off / spread, _TAILS)
    return float(mean - high * deviation), float(mean - low * deviation)


def bootstrap_means(values: Floats, draws: int, seed: int) -> Floats:
    """Return the means of `draws` resamples of P problems with all their S figures: [P, S] -> [draws, S].

    The counts of the drawn rows are multinomial over the distinct rows. pass@k of n samples has at most n + 1 values
    for any k, so those figures take n + 1 numbers per draw instead of P. For figures that nearly all differ, problems
    are drawn and counted. A problem with NaN is left out of that figure's means.
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
        rows = values[:, same]
        means[:, same] = bootstrap_means(rows[~np.isnan(rows[:, 0])], draws, seed)
    if not any(columns.values()):
        return means
    # Rows are sorted by the figures with few values, so that the counts of those are sums of neighbours.
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
    """Distinct rows of figures, [R, S], with NaN for a missing figure."""

    def __init__(self, rows: Floats) -> None:
        seen = ~np.isnan(rows)
        self._rows, self._some = np.where(seen, rows, 0.0), np.flatnonzero(~seen.all(axis=0))
        self._seen = seen[:, self._some].astype(np.float64)

    def means(self, times: NDArray) -> Floats:
        """Return the means [draws, S]. times: counts of each row, [draws, R], with the same total in each draw."""
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
    """Return the 95 % quantiles of the mean by the Bayesian bootstrap of values [P] and `more` at each of the ends.

    The weight of a problem is exponential, and the weight of several equal values is gamma. Many equal values therefore
    need only one number.
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
        singles = rng.standard_exponential((rows, len(single)))
        together = rng.standard_gamma(shapes, (rows, len(points)))
        chunks.append((singles @ single + together @ points) / (singles.sum(axis=1) + together.sum(axis=1)))
    low, high = np.quantile(np.concatenate(chunks), _TAILS)
    return float(low), float(high)


def scores(name: str, values: ArrayLike) -> Floats:
    """Return checked scores in [0, 1], [P]. Raise ValueError with `name` first."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name}: must be a row of scores, one per problem, not of shape {array.shape}")
    outside = array[~((array >= 0) & (array <= 1))]
    if len(outside):
        raise ValueError(f"{name}: scores must be from 0 to 1, not {outside[0]:g}")
    return array
