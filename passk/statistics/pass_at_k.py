"""Metrics of each problem. The functions take arrays and return arrays, and need only numpy.

There are P problems with n samples each. Every metric has a value per problem, [P], so that
passk/statistics/bootstrap.py can compute the interval of its mean. passk/statistics/maj_at_k.py has maj@k.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def pass_at_k(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> Floats:
    """Return the unbiased pass@k of Chen et al. 2021 (arXiv 2107.03374): 1 - C(n-c, k) / C(n, k).

    n: samples of a problem; c: correct ones; k: number drawn without replacement. The result is the chance of at least
    one correct sample. The three arguments are broadcast. The error is below 1e-12 for n up to 10,000. Raise ValueError
    for k > n, k < 1, c outside 0..n, and numbers that are not whole.
    """
    n, c, k = checked_counts(n, c, k)
    return 1.0 - _all_from(n, n - c, k)


def pass_hat_k(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> Floats:
    """Return the unbiased pass^k of Yao et al. 2024 (arXiv 2406.12045): C(c, k) / C(n, k).

    It is the chance that k samples drawn without replacement are all correct. Arguments and errors as `pass_at_k`.
    """
    n, c, k = checked_counts(n, c, k)
    return _all_from(n, c, k)


def avg_at_n(scores: ArrayLike) -> Floats:
    """Return avg@n, the mean score of each problem's samples, [P, n] -> [P]. On 0/1 scores it is pass@1."""
    return _samples("scores", scores).mean(axis=1)


def distinct_incorrect(answers: ArrayLike, correct: ArrayLike) -> Floats:
    """Return distinct incorrect answers over incorrect samples with an answer, per problem: [P, n], [P, n] -> [P].

    answers: a whole number per answer, equal for equal answers, and -1 for no answer. A sample without an answer is not
    counted. The result is NaN if no incorrect sample has an answer. The share falls as incorrect samples grow in
    number, for any model, so compare it only for similar numbers.
    """
    incorrect, first = incorrect_answers(answers, correct)
    return _over(first.sum(axis=1), incorrect.sum(axis=1))


def incorrect_answers(answers: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which samples, sorted by answer, are incorrect with an answer, and which are the first with that answer.

    answers, correct: as in `distinct_incorrect`; [P, n], [P, n] -> [P, n], [P, n]. Equal answers are neighbours.
    """
    codes, correct = np.asarray(answers), _booleans("correct", correct)
    if codes.shape != correct.shape or codes.dtype.kind not in "iu":
        raise ValueError(f"answers: must be {correct.shape} whole numbers, -1 for no answer")
    codes = np.sort(np.where(correct, -1, codes), axis=1)
    incorrect = codes >= 0
    first = incorrect.copy()
    first[:, 1:] &= codes[:, 1:] != codes[:, :-1]
    return incorrect, first


def token_mean(means: ArrayLike, tokens: ArrayLike) -> Floats:
    """Return the mean over all tokens of a problem's samples, from the mean of each sample: [P, n], [P, n] -> [P].

    means: log-probabilities in nats, or entropies. tokens: counts. A sample without tokens does not count, whatever its
    mean. A problem without tokens has NaN. The negative log-probability is an unbiased estimate of the policy's entropy
    if the tokens were drawn at temperature 1 and top-p 1. Otherwise it is not an entropy.
    """
    values, counts = _samples("means", means), _samples("tokens", tokens)
    if values.shape != counts.shape or (counts < 0).any():
        raise ValueError(f"tokens: must be {values.shape} counts, one per sample")
    return _over(np.where(counts > 0, values, 0.0) * counts, counts)


def share(marked: ArrayLike) -> Floats:
    """Return the share of a problem's samples that are marked, such as truncated ones: [P, n] of bool -> [P]."""
    return _booleans("marked", marked).mean(axis=1)


def _all_from(n: NDArray, c: NDArray, k: NDArray) -> Floats:
    """Return C(c, k) / C(n, k), the chance that k of n are all among c of them.

    With w = n - c it is the product over i < w of (n - k - i) / (n - i). One table per pair of n and k holds it for all
    w. Its error is below w (1 - k/n)^w 2^-52, which is below n 2^-54: 5.6e-13 for n = 10,000.
    """
    result = np.empty(n.shape)
    if not result.size:
        return result
    n, k, w, flat = n.ravel(), k.ravel(), (n - c).ravel(), result.reshape(-1)
    order = np.lexsort((k, n))
    changes = np.flatnonzero((np.diff(n[order]) != 0) | (np.diff(k[order]) != 0)) + 1
    for rows in np.split(order, changes):
        samples, drawn = int(n[rows[0]]), int(k[rows[0]])
        factors = np.ones(int(w[rows].max()) + 1)
        i = np.arange(len(factors) - 1)
        factors[1:] = np.maximum(samples - drawn - i, 0) / (samples - i)
        flat[rows] = np.cumprod(factors)[w[rows]]
    return result


def checked_counts(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    n, c, k = np.broadcast_arrays(_whole("n", n), _whole("c", c), _whole("k", k))
    if (k < 1).any():
        raise ValueError(f"k: must be 1 or more, not {k[k < 1].flat[0]}")
    if (k > n).any():
        first = np.argmax(k > n)
        raise ValueError(f"k: pass@{k.flat[first]} needs {k.flat[first]} samples or more, not n = {n.flat[first]}")
    if ((c < 0) | (c > n)).any():
        first = np.argmax((c < 0) | (c > n))
        raise ValueError(f"c: must be from 0 to n = {n.flat[first]}, not {c.flat[first]}")
    return n, c, k


def _whole(name: str, numbers: ArrayLike) -> NDArray[np.int64]:
    """Return whole numbers as integers. SQL sums are floats, so whole floats are accepted."""
    array = np.asarray(numbers)
    if array.dtype.kind not in "iuf" or (array.dtype.kind == "f" and not (array == np.floor(array)).all()):
        raise ValueError(f"{name}: must be whole numbers")
    return array.astype(np.int64)


def _samples(name: str, values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name}: must have shape [problems, samples], not {array.shape}")
    return array


def _booleans(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype != np.bool_:
        raise ValueError(f"{name}: must be booleans of shape [problems, samples], not {array.dtype} of {array.shape}")
    return array


def _over(above: NDArray, below: NDArray) -> Floats:
    if above.ndim == 2:
        above, below = above.sum(axis=1), below.sum(axis=1)
    return np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)
