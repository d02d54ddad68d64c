"""maj@k: how often the answer that most of k samples give is right. Exact, by counting and not by drawing."""

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passk.statistics.pass_at_k import Floats, wrong_answers

_CHUNK = 15_000  # complex numbers that a block of problems may take: what stays in a processor's cache is faster
_NOTHING = 1e-14  # a number of votes that is less likely than this is left out


def maj_at_k(answers: ArrayLike, correct: ArrayLike, k: int) -> Floats:
    """The unbiased maj@k, also cons@k: the mean over all sets of k of a problem's n samples, [P, n], [P, n] -> [P].

    answers: a whole number for each answer, the same for the same one, and -1 where none was found; correct:
    bool. The most frequent answer of a set is its answer. Right answers are one answer, however they are
    written, since the verifier takes them for equal. A sample without an answer does not vote, unless it is
    right; a set without a vote is wrong. Ties: the set counts by the share of the right one among the tied,
    which is what the one seen first, or one drawn, would get on average. Within 1e-12 for n up to 1,024.

    The right answer has m votes, and for every m the sets of the others are counted in which nobody has more:
    with k of n drawn, the votes are binomial given that they sum to k, so their generating function is a product
    over the answers, and its coefficient is had from its values around the unit circle, some ten standard
    deviations of k many. 1 / (1 + ties) is the integral of y^ties over y from 0 to 1, exact by Gauss's rule.
    Raises ValueError for k outside 1..n.
    """
    return maj_at_each(answers, correct, [k])[0]


def maj_at_each(answers: ArrayLike, correct: ArrayLike, ks: Iterable[int]) -> list[Floats]:
    """`maj_at_k` at each of ks; the answers are counted once."""
    counts = _wrong_counts(answers, correct)
    winners = np.asarray(correct).sum(axis=1)
    n = np.shape(correct)[1]
    found = []
    for k in ks:
        if not 1 <= k <= n:
            raise ValueError(f"k: maj@{k} needs k from 1 to the {n} samples")
        found.append(_chances(n, winners, counts, k))
    return found


def _wrong_counts(answers: ArrayLike, correct: ArrayLike) -> NDArray[np.int64]:
    """How often each wrong answer was given, [P, D], the most frequent first, 0 where there are fewer."""
    voted, first = wrong_answers(answers, correct)
    problems, most = len(voted), max(1, int(first.sum(axis=1).max(initial=0)))
    number = np.cumsum(first, axis=1) - 1
    place = (np.arange(problems)[:, None] * most + number)[voted]
    counts = np.bincount(place, minlength=problems * most).reshape(problems, -1)
    return -np.sort(-counts, axis=1)


def _chances(n: int, winners: NDArray, wrong: NDArray, k: int) -> Floats:
    pmf = _binomials(n, k / n, k)
    total = pmf[n, k]
    others = n - winners
    # with more than half of the votes nobody else can have as many
    won = np.zeros(len(winners))
    for m in range(k // 2 + 1, k + 1):
        won += pmf[winners, m] * pmf[others, k - m]
    exactly = _how_many(wrong, k // 2)
    rivals, pool = (wrong > 0).sum(axis=1), others - wrong.sum(axis=1)  # who cannot reach m votes, or has no vote
    points = _points(n, k)
    turns = np.arange(points // 2 + 1)  # the values at the other points are the conjugates of these
    circle = np.exp(2j * np.pi * np.arange(points) / points)
    pools = np.cumprod(np.vstack([np.ones(len(turns)), np.tile(1 - k / n + k / n * circle[turns], (n, 1))]), axis=0)
    below = np.zeros((int(wrong.max(initial=0)) + 1, len(turns)), dtype=complex)
    for m in range(1, k // 2 + 1):
        below += pmf[: len(below), m - 1, None] * circle[turns * (m - 1) % points]
        chance = pmf[winners, m] * pmf[others, k - m]
        rows = np.flatnonzero((chance > _NOTHING * total) & (pool + m * rivals >= k - m))
        rows = rows[np.argsort(-rivals[rows], kind="stable")]
        equal = pmf[: len(below), m, None] * circle[turns * m % points]
        # of the coefficient of z^(k - m)
        parts = np.where(turns > 0, 2, 1) / points * circle[-turns * (k - m) % points]
        size = max(1, _CHUNK // len(turns))
        for block in (rows[start : start + size] for start in range(0, len(rows), size)):
            ties = _gauss(min(int(rivals[block[0]]), k // m - 1) // 2 + 1)
            values = pools[pool[block]] * _at_most(below, equal, wrong[block], rivals[block], ties)
            won[block] += pmf[winners[block], m] * (values @ parts).real
        rivals, pool = rivals - exactly[:, m], pool + m * exactly[:, m]
    return np.clip(won / total, 0.0, 1.0)


def _at_most(below: NDArray, equal: NDArray, wrong: NDArray, rivals: NDArray, ties: tuple) -> NDArray:
    """Generating function of the rivals' votes, at most m each, over 1 + t where t of them have m: [P, points].

    below, equal: of an answer given c times, less than m votes and m, [C, points]. rivals: how many answers were
    given m times or more, [P], falling. ties: Gauss's nodes and weights for as many as can have m votes at once.
    """
    mean = np.zeros((len(wrong), below.shape[1]), dtype=complex)
    product, factor = np.empty_like(mean), np.empty_like(mean)
    answers = np.ascontiguousarray(wrong[:, : rivals[0]].T)
    ends = np.searchsorted(-rivals, -np.arange(rivals[0]))
    nodes, weights = ties
    for y, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        table = below + y * equal
        product[:] = weight
        for given, end in zip(answers, ends, strict=True):
            table.take(given[:end], axis=0, out=factor[:end], mode="clip")  # the other modes make a copy
            product[:end] *= factor[:end]
        mean += product
    return mean


_gauss = cache(np.polynomial.legendre.leggauss)


def _points(n: int, k: int) -> int:
    """An odd number of points, enough for a coefficient of z^k.

    What a sum over them takes for it is the coefficients of z^(k + j points) too, for all j. However the votes are
    bound, those are at most as in Binomial(n, k/n), where they come to nothing against that of z^k.
    """
    more, fewer = np.arange(k, n), np.arange(k, 0, -1)
    beside = np.zeros(max(k, n - k) + 1)  # at a distance of 1, 2, ... from k, over the one at k
    beside[: n - k] += np.cumprod((n - more) / (more + 1) * (k / max(n - k, 1)))
    beside[:k] += np.cumprod(fewer / (n - fewer + 1) * ((n - k) / k))
    farther = np.cumsum(beside[::-1])[::-1]
    return (int(np.argmax(farther <= _NOTHING)) + 1) | 1


def _how_many(counts: NDArray, most: int) -> NDArray[np.int64]:
    """How many answers were given 0 .. most times, [P, most + 1], the first column empty."""
    few = (counts > 0) & (counts <= most)
    place = (np.arange(len(counts))[:, None] * (most + 1) + counts)[few]
    return np.bincount(place, minlength=len(counts) * (most + 1)).reshape(len(counts), -1)


def _binomials(n: int, q: float, k: int) -> Floats:
    """Binomial(size, q) at 0..k for size 0..n, [n + 1, k + 1], by Pascal's rule: sums of what is not negative."""
    table = np.zeros((n + 1, k + 1))
    table[0, 0] = 1
    for size in range(n):
        table[size + 1] = (1 - q) * table[size]
        table[size + 1, 1:] += q * table[size, :-1]
    return table
