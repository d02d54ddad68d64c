"""Figures of merit of each problem: arrays in, arrays out, numpy alone.

P problems with n samples each. All figures are of one problem, [P], so that the interval of their mean can be
had from passk/statistics/bootstrap.py; maj@k is in passk/statistics/maj_at_k.py.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def pass_at_k(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> Floats:
    """The unbiased pass@k of Chen et al. 2021 (arXiv 2107.03374): 1 - C(n-c, k) / C(n, k).

    n samples of a problem, c of them right, k drawn without replacement: the chance of one right or more. The
    three are broadcast against each other. Within 1e-12 for n up to 10,000. Raises ValueError for k > n, k < 1,
    c outside 0..n, and numbers that are not whole.
    """
    n, c, k = _counts(n, c, k)
    return 1.0 - _all_from(n, n - c, k)


def pass_hat_k(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> Floats:
    """The unbiased pass^k of Yao et al. 2024 (arXiv 2406.12045): C(c, k) / C(n, k).

    The chance that k samples drawn without replacement are all right; else as `pass_at_k`.
    """
    n, c, k = _counts(n, c, k)
    return _all_from(n, c, k)


def avg_at_n(scores: ArrayLike) -> Floats:
    """avg@n: the mean score of each problem's samples, [P, n] -> [P]; on 0/1 scores pass@1."""
    return _samples("scores", scores).mean(axis=1)


def cumulative_solve_rate(correct: ArrayLike) -> Floats:
    """Share of problems solved at least once by then, in the order of the tries: [P, T] -> [T].

    T may be the samples of an evaluation or the steps of a training (Walder & Karkhanis 2025, arXiv 2505.15201);
    a try that was not made is False. It never falls, and its last value is pass@T of the same samples.
    """
    return np.logical_or.accumulate(_booleans("correct", correct), axis=1).mean(axis=0)


def distinct_wrong(answers: ArrayLike, correct: ArrayLike) -> Floats:
    """Distinct answers among a problem's wrong samples, over those samples: [P, n] codes, [P, n] -> [P].

    answers: a whole number for each answer, the same for the same one, and -1 where none was found. A sample
    without an answer is not counted, above or below. NaN where no wrong sample has an answer. The share falls as
    the wrong samples grow in number, whatever the model: compare it where the numbers are alike.
    """
    wrong, first = wrong_answers(answers, correct)
    return _over(first.sum(axis=1), wrong.sum(axis=1))


def wrong_answers(answers: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Each problem's samples sorted by their answer: whether one is wrong and has one, whether it is the first with it.

    answers, correct: as in `distinct_wrong`; [P, n], [P, n] -> [P, n], [P, n]. The same answers stand side by side.
    """
    codes, right = np.asarray(answers), _booleans("correct", correct)
    if codes.shape != right.shape or codes.dtype.kind not in "iu":
        raise ValueError(f"answers: must be {right.shape} whole numbers, -1 where there is none")
    codes = np.sort(np.where(right, -1, codes), axis=1)
    wrong = codes >= 0
    first = wrong.copy()
    first[:, 1:] &= codes[:, 1:] != codes[:, :-1]
    return wrong, first


def token_mean(means: ArrayLike, tokens: ArrayLike) -> Floats:
    """Mean over all tokens of a problem's samples, from the mean of each sample: [P, n], [P, n] -> [P].

    Of log-probabilities, nats, or of entropies. A sample of no tokens counts nothing, whatever stands there; a
    problem without a token has NaN. Less the log-probability is an unbiased estimate of the policy's entropy
    where the tokens were drawn at temperature 1 and top-p 1, and elsewhere not an entropy.
    """
    values, counts = _samples("means", means), _samples("tokens", tokens)
    if values.shape != counts.shape or (counts < 0).any():
        raise ValueError(f"tokens: must be {values.shape} counts, one a sample")
    return _over(np.where(counts > 0, values, 0.0) * counts, counts)


def share(marked: ArrayLike) -> Floats:
    """Share of a problem's samples that are marked, such as the truncated ones: [P, n] of bool -> [P]."""
    return _booleans("marked", marked).mean(axis=1)


def _all_from(n: NDArray, c: NDArray, k: NDArray) -> Floats:
    """C(c, k) / C(n, k): the chance that k of n are all from among c of them.

    With w = n - c it is the product over i < w of (n - k - i) / (n - i). One table a pair of n and k holds it for all
    w; its error is below w (1 - k/n)^w 2^-52, which is below n 2^-54: 5.6e-13 for n = 10,000.
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


def _counts(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    n, c, k = np.broadcast_arrays(_whole("n", n), _whole("c", c), _whole("k", k))
    if (k < 1).any():
        raise ValueError(f"k: must be 1 or more, not {k[k < 1].flat[0]}")
    if (k > n).any():
        first = np.argmax(k > n)
        raise ValueError(f"k: pass@{k.flat[first]} needs as many samples, and n is {n.flat[first]}")
    if ((c < 0) | (c > n)).any():
        first = np.argmax((c < 0) | (c > n))
        raise ValueError(f"c: must be from 0 to n = {n.flat[first]}, not {c.flat[first]}")
    return n, c, k


def _whole(name: str, numbers: ArrayLike) -> NDArray[np.int64]:
    """SQL sums come as floats: whole ones are taken."""
    given = np.asarray(numbers)
    if given.dtype.kind not in "iuf" or (given.dtype.kind == "f" and not (given == np.floor(given)).all()):
        raise ValueError(f"{name}: must be whole numbers")
    return given.astype(np.int64)


def _samples(name: str, values: ArrayLike) -> Floats:
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] == 0:
        raise ValueError(f"{name}: must be of shape [problems, samples], not {given.shape}")
    return given


def _booleans(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    given = np.asarray(values)
    if given.ndim != 2 or given.shape[1] == 0 or given.dtype != np.bool_:
        raise ValueError(f"{name}: must be booleans of shape [problems, samples], not {given.dtype} of {given.shape}")
    return given


def _over(above: NDArray, below: NDArray) -> Floats:
    if above.ndim == 2:
        above, below = above.sum(axis=1), below.sum(axis=1)
    return np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)
