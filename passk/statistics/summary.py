"""All figures of merit of one evaluation, with their intervals over problems."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passk.statistics import pass_at_k
from passk.statistics.bootstrap import Estimate, intervals
from passk.statistics.maj_at_k import maj_at_each
from passk.statistics.pass_at_k import Floats


@dataclass(frozen=True)
class Samples:
    """What was sampled, [P, n] each: P problems, n samples a problem."""

    score: NDArray
    correct: NDArray[np.bool_]
    answer: NDArray[np.integer]
    """a code, the same for the same answer; -1 where none was found"""
    tokens: NDArray
    truncated: NDArray[np.bool_]
    logprob: NDArray
    """mean over the response's tokens, nats"""
    on_policy: bool
    """drawn at temperature 1 and top-p 1: less the log-probability then estimates the entropy"""


def by_problem(samples: Samples, k: Iterable[int], votes: Iterable[int] = ()) -> dict[str, Floats]:
    """Figures of each problem, by name, [P] each: pass@k and pass^k at each of k, maj@k at each of votes.

    NaN where a problem has nothing to tell: no wrong answer, no token. Raises ValueError as the estimators do.
    """
    n, c = samples.correct.shape[1], samples.correct.sum(axis=1)
    k = list(k)
    found = {f"avg@{n}": pass_at_k.avg_at_n(samples.score)}
    found |= {f"pass@{i}": pass_at_k.pass_at_k(n, c, i) for i in k}
    found |= {f"pass^{i}": pass_at_k.pass_hat_k(n, c, i) for i in k}
    votes = list(votes)
    if votes:
        majority = maj_at_each(samples.answer, samples.correct, votes)
        found |= {f"maj@{i}": own for i, own in zip(votes, majority, strict=True)}
    found["distinct_wrong"] = pass_at_k.distinct_wrong(samples.answer, samples.correct)
    found["truncated"] = pass_at_k.share(samples.truncated)
    found["length"] = pass_at_k.avg_at_n(samples.tokens)
    found["logprob"] = pass_at_k.token_mean(samples.logprob, samples.tokens)
    if samples.on_policy:
        found["entropy"] = -found["logprob"]
    return found


def summary(figures: dict[str, Floats], draws: int = 10_000, seed: int = 0) -> dict[str, Estimate]:
    """The means of `by_problem` over problems with their 95 % intervals, by name.

    All by one set of draws, as `intervals` has them; problems with NaN are left out, and a figure without any other
    is NaN.
    """
    own = intervals(np.column_stack(list(figures.values())), [_ends(name) for name in figures], draws, seed)
    return dict(zip(figures, own, strict=True))


def _ends(name: str) -> tuple[float, float] | None:
    return None if name in ("length", "logprob", "entropy") else (0.0, 1.0)
