"""Tail extrapolation: the gradient of the best of k, extrapolated from the upper tail of a group.

TEA, arXiv 2605.10716. For a Gaussian upper tail the expected best of k is mu + c sigma, with mu and sigma the mean and
deviation of the tail. k may exceed N. The paper's advantage was not available: this one is a reconstruction. Let the
tail be the rollouts at or above the ceil(share N)-th best reward, a its part of the group. A rollout of the tail gets

    A_i = (r_i - mu + c ((r_i - mu)^2 - sigma^2) / (2 sigma)) / a,    c = (e_k - m_a) / s_a

and every other 0. e_k is the expected best of k standard normal numbers, m_a and s_a are the mean and deviation of the
best part a of them. So mu + c sigma is exact for normal rewards. A_i is N times its derivative by the weight of rollout
i, the tail held fixed. It sums to 0. A tail whose rewards are all equal gets 0.

On rewards of 0 and 1 the tail says nothing, so a batch that has both and nothing else is refused.
"""

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Annotated

import torch
from pydantic import Field

from passk.advantage import estimator


@estimator(
    k="any",
    graded=True,
    formula="on the best part a: (r_i - mu + c ((r_i - mu)^2 - sigma^2) / (2 sigma)) / a, else 0",
    source="arXiv 2605.10716 (advantage reconstructed)",
    estimates="gradient of mu + c sigma of the upper tail, as N grows",
)
def tea(rewards: torch.Tensor, k: int, *, share: Annotated[float, Field(gt=0, le=1)] = 0.25) -> torch.Tensor:
    n = rewards.shape[1]
    least = rewards.topk(math.ceil(share * n - 1e-9), dim=1).values[:, -1:]
    tail = rewards >= least  # [P, N]
    size = tail.sum(dim=1, keepdim=True)
    off = (rewards - (rewards * tail).sum(dim=1, keepdim=True) / size) * tail
    off = off - off.sum(dim=1, keepdim=True) / size * tail  # the mean of large rewards has a rounding error
    variance = off.square().sum(dim=1, keepdim=True) / size
    flat = (rewards.amax(dim=1, keepdim=True) == least).expand_as(rewards)
    curved = (off.square() - variance) / (2 * variance.sqrt()).masked_fill(flat[:, :1], 1.0)
    beyond = torch.tensor(_coefficients(n, k), dtype=torch.float64, device=rewards.device).take(size)
    return ((off + beyond * curved) * tail * n / size).masked_fill(flat, 0.0)


@lru_cache(maxsize=64)
def _coefficients(n: int, k: int) -> list[float]:
    """Return c for a tail of 1 .. N rollouts, at the same index; that of 0 is 0."""
    best, normal = best_of(k), NormalDist()
    values = [0.0]
    for size in range(1, n):
        threshold = normal.inv_cdf(1 - size / n)
        mean = normal.pdf(threshold) * n / size
        values.append((best - mean) / math.sqrt(1 + threshold * mean - mean * mean))
    return [*values, best]


def best_of(k: int) -> float:
    """Return the expected largest of k standard normal numbers, by Simpson's rule; its error is below 1e-9."""
    intervals, end = 4000, 12.0

    def density(x: float) -> float:  # P(largest > x) - P(largest < -x)
        above = math.erfc(x / math.sqrt(2)) / 2
        return -math.expm1(k * math.log1p(-above)) - above**k

    step = end / intervals
    inner = sum((4 if i % 2 else 2) * density(step * i) for i in range(1, intervals))
    return (density(0.0) + inner + density(end)) * step / 3
