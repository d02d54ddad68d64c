"""Figures of merit: arrays in, arrays out, numpy alone.

What varies from problem to problem is the error that an interval here shows: it says how far the mean over
other problems of the same kind may lie. It says nothing of another training run: that takes more seeds.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
_NORMAL = NormalDist()
_CHUNK = 1_000_000  # drawn indices at a time: some 12 MB


@dataclass(frozen=True)
class Estimate:
    value: float
    low: float
    high: float


def pass_at_k(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> NDArray[np.float64]:
    """The unbiased pass@k of Chen et al. 2021 (arXiv 2107.03374): 1 - C(n-c, k) / C(n, k).

    n samples of a problem, c of them right, k drawn without replacement; the three are broadcast against each
    other. Exact to 1e-12. Raises ValueError for k > n, k < 1, c outside 0..n, and numbers that are not whole.
    """
    n, c, k = np.broadcast_arrays(_whole("n", n), _whole("c", c), _whole("k", k))
    if (k < 1).any():
        raise ValueError(f"k: must be 1 or more, not {k[k < 1].flat[0]}")
    if (k > n).any():
        first = np.argmax(k > n)
        raise ValueError(f"k: pass@{k.flat[first]} needs as many samples, and n is {n.flat[first]}")
    if ((c < 0) | (c > n)).any():
        first = np.argmax((c < 0) | (c > n))
        raise ValueError(f"c: must be from 0 to n = {n.flat[first]}, not {c.flat[first]}")
    without = np.ones(n.shape)
    for drawn in range(int(k.max(initial=0))):
        # the chance that one more draw is wrong too; 0 from where no wrong one is left
        wrong = np.maximum(n - c - drawn, 0) / np.maximum(n - drawn, 1)
        without = without * np.where(drawn < k, wrong, 1.0)
    return 1.0 - without


def mean_interval(values: ArrayLike, draws: int = 10_000, seed: int = 0) -> Estimate:
    """Mean over problems with its 95 % interval: BCa bootstrap (Efron 1987) over problems.

    values: [problems], a score in [0, 1] each, such as a problem's pass@k. The same values give the same
    interval, in whatever order they stand. Raises ValueError for no values or one outside [0, 1].

    Where all values are equal nothing can be resampled. Then the interval is what problems unlike those
    seen could do: their share is at most u = z^2 / (problems + z^2), Wilson's bound for none seen, and each
    would score 0 or 1. For all 0 that is Wilson's [0, u], for all 1 his [1 - u, 1].
    """
    return _interval(_scores("values", values), draws, seed, lowest=0.0, highest=1.0)


def paired_difference(a: ArrayLike, b: ArrayLike, draws: int = 10_000, seed: int = 0) -> Estimate:
    """Mean of a - b over problems with its 95 % interval, as `mean_interval`; pairs are resampled.

    a, b: [problems], scores in [0, 1] of two checkpoints on the same problems in the same order. Pairing
    takes out how hard a problem is, so the interval is narrower than the two means suggest. Raises
    ValueError for lengths that differ and as `mean_interval` does.
    """
    a, b = _scores("a", a), _scores("b", b)
    if len(a) != len(b):
        raise ValueError(f"b: must have the {len(a)} problems of a, not {len(b)}")
    return _interval(a - b, draws, seed, lowest=-1.0, highest=1.0)


def _interval(values: NDArray[np.float64], draws: int, seed: int, *, lowest: float, highest: float) -> Estimate:
    values = np.sort(values)
    mean, count = float(values.mean()), len(values)
    # differences such as (0.3 - 0.1) - (0.2 - 0.0) are not a spread
    if values[-1] - values[0] < 1e-12:
        z = _NORMAL.inv_cdf((1 + LEVEL) / 2)
        unseen = z**2 / (count + z**2)
        return Estimate(mean, mean - unseen * (mean - lowest), mean + unseen * (highest - mean))

    means = _bootstrap_means(values, draws, seed)
    ties = np.abs(means - mean) < 1e-12
    below = (np.count_nonzero((means < mean) & ~ties) + np.count_nonzero(ties) / 2) / draws
    bias = _NORMAL.inv_cdf(min(max(below, 1 / draws), 1 - 1 / draws))
    deviations = values - mean
    # the jackknife's acceleration, which for a mean is a sixth of the skewness over the root of the count
    acceleration = float((deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5))
    edges = []
    for tail in ((1 - LEVEL) / 2, (1 + LEVEL) / 2):
        shifted = bias + _NORMAL.inv_cdf(tail)
        edges.append(_NORMAL.cdf(bias + shifted / (1 - acceleration * shifted)))
    low, high = np.quantile(means, edges)
    return Estimate(mean, float(low), float(high))


def _bootstrap_means(values: NDArray[np.float64], draws: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    rows = max(1, _CHUNK // len(values))
    chunks = []
    for done in range(0, draws, rows):
        size = (min(rows, draws - done), len(values))
        chunks.append(values[rng.integers(0, len(values), size, dtype=np.int32)].mean(axis=1))
    return np.concatenate(chunks)


def _whole(name: str, numbers: ArrayLike) -> NDArray[np.int64]:
    """SQL sums come as floats: whole ones are taken."""
    given = np.asarray(numbers)
    if given.dtype.kind not in "iuf" or (given.dtype.kind == "f" and not (given == np.floor(given)).all()):
        raise ValueError(f"{name}: must be whole numbers")
    return given.astype(np.int64)


def _scores(name: str, values: ArrayLike) -> NDArray[np.float64]:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or len(scores) == 0:
        raise ValueError(f"{name}: must be a row of scores, one a problem, not of shape {scores.shape}")
    outside = scores[~((scores >= 0) & (scores <= 1))]
    if len(outside):
        raise ValueError(f"{name}: scores are from 0 to 1, not {outside[0]:g}")
    return scores
