"""maj@k: how often the answer that most of k samples give is right. Exact, by counting and not by drawing."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passk.evaluate.estimators import Floats, _codes

_CHUNK = 400_000  # floats that one block of problems may take: what stays in a processor's cache is faster
_NOTHING = 1e-16  # a number of votes that is less likely than this is left out


def maj_at_k(answers: ArrayLike, correct: ArrayLike, k: int) -> Floats:
    """The unbiased maj@k, also cons@k: the mean over all sets of k of a problem's n samples, [P, n], [P, n] -> [P].

    answers: a whole number for each answer, the same for the same one, and -1 where none was found; correct:
    bool. The most frequent answer of a set is its answer. Right answers are one answer, however they are
    written, since the verifier takes them for equal. A sample without an answer does not vote, unless it is
    right; a set without a vote is wrong. Ties: the set counts by the share of the right one among the tied,
    which is what the one seen first, or one drawn, would get on average. Within 1e-12 for n up to 1,024.

    The right answer has m votes, and for every m the sets of the others are counted in which nobody has more:
    with k of n drawn, the votes are binomial given that they sum to k, so their generating function is a product
    over the answers, and 1 / (1 + ties) is the integral of y^ties over y from 0 to 1, exact by Gauss's rule.
    Raises ValueError for k outside 1..n.
    """
    codes, right = _codes(answers, correct)
    problems, n = right.shape
    if not 1 <= k <= n:
        raise ValueError(f"k: maj@{k} needs k from 1 to the {n} samples")
    winners, wrong = right.sum(axis=1), _wrong_counts(codes, right)
    result = np.empty(problems)
    rows = max(1, _CHUNK // (wrong.shape[1] + 4 * (k + 1)))
    for start in range(0, problems, rows):
        block = slice(start, start + rows)
        result[block] = _chances(n, winners[block], wrong[block], k)
    return result


def _wrong_counts(codes: NDArray, right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How often each wrong answer was given, [P, D], the most frequent first, 0 where there are fewer."""
    problems = len(codes)
    codes = np.sort(np.where(right, -1, codes), axis=1)
    voted = codes >= 0
    starts = voted.copy()
    starts[:, 1:] &= codes[:, 1:] != codes[:, :-1]
    number = np.cumsum(starts, axis=1) - 1
    most = int(starts.sum(axis=1).max(initial=0))
    place = (np.arange(problems)[:, None] * max(most, 1) + number)[voted]
    counts = np.bincount(place, minlength=problems * max(most, 1)).reshape(problems, -1)
    return -np.sort(-counts, axis=1)


def _chances(n: int, winners: NDArray, wrong: NDArray, k: int) -> Floats:
    pmf = _binomials(n, k / n, k)
    own = pmf[winners]  # [P, k + 1]
    total = pmf[n, k]
    others = n - winners
    # with more than half of the votes nobody else can have as many
    won = np.zeros(len(winners))
    for m in range(k // 2 + 1, k + 1):
        won += own[:, m] * pmf[others, k - m]
    for m in range(1, k // 2 + 1):
        rivals = (wrong >= m).sum(axis=1)
        pool = others - np.where(wrong >= m, wrong, 0).sum(axis=1)  # who cannot reach m votes, or has no vote
        possible = np.flatnonzero(own[:, m] * pmf[others, k - m] > _NOTHING * total)
        if not len(possible):
            continue
        most = min(int(rivals[possible].max()), k // m - 1)
        nodes, weights = np.polynomial.legendre.leggauss(most // 2 + 1)
        for y, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            sets = _at_most(pmf, pool[possible], wrong[possible], m, k - m, y)
            won[possible] += weight * own[possible, m] * sets
    return np.clip(won / total, 0.0, 1.0)


def _at_most(pmf: NDArray, pool: NDArray, wrong: NDArray, m: int, votes: int, y: float) -> Floats:
    """Chance that the others have `votes` samples in all, none more than m, each that has m weighed by y: [P]."""
    ways = pmf[pool, : votes + 1].copy()
    for rival in range(wrong.shape[1]):
        rows = np.flatnonzero(wrong[:, rival] >= m)
        if not len(rows):
            break
        chances = pmf[wrong[rows, rival], : m + 1].copy()
        chances[:, m] *= y
        old = ways[rows]
        new = chances[:, :1] * old
        for i in range(1, min(m, votes) + 1):
            new[:, i:] += chances[:, i : i + 1] * old[:, : votes + 1 - i]
        ways[rows] = new
    return ways[:, votes]


def _binomials(n: int, q: float, k: int) -> Floats:
    """Binomial(size, q) at 0..k for size 0..n, [n + 1, k + 1], by Pascal's rule: sums of what is not negative."""
    table = np.zeros((n + 1, k + 1))
    table[0, 0] = 1
    for size in range(n):
        table[size + 1] = (1 - q) * table[size]
        table[size + 1, 1:] += q * table[size, :-1]
    return table
