"""Compute all metrics of one evaluation, with their intervals over problems."""

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
    """Samples of an evaluation. Each array is [P, n]: P problems, n samples per problem."""

    score: NDArray
    correct: NDArray[np.bool_]
    answer: NDArray[np.integer]
    """Code of the answer, equal for equal answers; -1 for no answer."""
    tokens: NDArray
    truncated: NDArray[np.bool_]
    logprob: NDArray
    """Mean over the response's tokens, in nats."""
    on_policy: bool
    """Whether temperature and top-p were 1, so that the negative log-probability estimates the entropy."""


def by_problem(samples: Samples, k: Iterable[int], votes: Iterable[int] = ()) -> dict[str, Floats]:
    """Return metrics of each problem by name, [P] each: pass@k and pass^k for each of k, maj@k for each of votes.

    A metric is NaN for a problem without data: no incorrect answer, no token. Raise ValueError as the metrics do.
    """
    n, c = samples.correct.shape[1], samples.correct.sum(axis=1)
    k = list(k)
    metrics = {f"avg@{n}": pass_at_k.avg_at_n(samples.score)}
    metrics |= {f"pass@{i}": pass_at_k.pass_at_k(n, c, i) for i in k}
    metrics |= {f"pass^{i}": pass_at_k.pass_hat_k(n, c, i) for i in k}
    votes = list(votes)
    if votes:
        majority = maj_at_each(samples.answer, samples.correct, votes)
        metrics |= {f"maj@{i}": values for i, values in zip(votes, majority, strict=True)}
    metrics["distinct_incorrect"] = pass_at_k.distinct_incorrect(samples.answer, samples.correct)
    metrics["truncated"] = pass_at_k.share(samples.truncated)
    metrics["length"] = pass_at_k.avg_at_n(samples.tokens)
    metrics["logprob"] = pass_at_k.token_mean(samples.logprob, samples.tokens)
    if samples.on_policy:
        metrics["entropy"] = -metrics["logprob"]
    return metrics


def summary(figures: dict[str, Floats], draws: int = 10_000, seed: int = 0) -> dict[str, Estimate]:
    """Return the means of `by_problem` over problems with their 95 % intervals, by name.

    All metrics share one set of draws, as in `intervals`. Problems with NaN are left out of a metric, and a metric with
    only NaN is NaN.
    """
    estimates = intervals(np.column_stack(list(figures.values())), [_ends(name) for name in figures], draws, seed)
    return dict(zip(figures, estimates, strict=True))


def _ends(name: str) -> tuple[float, float] | None:
    return None if name in ("length", "logprob", "entropy") else (0.0, 1.0)
