"""OrderGrad: any mean of the k rewards of a set by rank, not only the best. `statistic` and `level` choose it.

arXiv 2606.06096. A_i is the mean of the statistic over the sets of k with i, less its mean over the sets without i:

    top         mean of the best ceil(level k) of the k, as for best-of-k with several picks
    cvar        mean of the worst ceil(level k): the lower tail
    quantile    the ceil(level k)-th reward from the worst

The smallest level of `top` is the best of k: (N/k) `maxpo`. A level of 1 is the mean, (1/k) `rloo`. The
source also has interpolated quantiles, which are left out. Groups whose rewards are all equal get 0.

A gap d_l of the sorted rewards counts with the weight of the ranks above it. How many of a set lie at or below the gap
is hypergeometric, so no set is enumerated.
"""

from fractions import Fraction
from functools import lru_cache
from math import ceil, comb
from typing import Annotated, Literal

import torch
from pydantic import Field

from passk.advantage import estimator
from passk.advantage.order_statistics import Ranked


@estimator(
    k="< N",
    formula="mean of the statistic over the sets of k with i - that over the sets without i",
    source="arXiv 2606.06096",
    estimates="(1/k) gradient of the expected statistic of k rollouts, unbiased",
)
def ordergrad(
    rewards: torch.Tensor,
    k: int,
    *,
    statistic: Literal["top", "cvar", "quantile"],
    level: Annotated[float, Field(gt=0, le=1)],
) -> torch.Tensor:
    ranked = Ranked(rewards)
    higher, lower = _weights(rewards.shape[1], k, statistic, ceil(level * k - 1e-9)).to(rewards.device).unbind(dim=1)
    return ranked.unsorted(ranked.below(higher) - ranked.above(lower))


@lru_cache(maxsize=64)
def _weights(n: int, k: int, statistic: str, place: int) -> torch.Tensor:
    """Return what each gap adds to a rollout above it, and takes from one at or below it, [N-1, 2]."""
    by_rank = {
        "top": [int(rank >= k - place) for rank in range(k)],
        "cvar": [int(rank < place) for rank in range(k)],
        "quantile": [int(rank == place - 1) for rank in range(k)],
    }[statistic]
    above = [sum(by_rank[h:]) for h in range(k + 1)]

    def mean(rest: int, low: int, drawn: int, others: int) -> Fraction:
        """Mean weight above a gap over sets of `drawn` of `rest`; `low` and `others` more are below it."""
        high = rest - low
        least, most = max(0, drawn - high), min(low, drawn)
        ways, total = comb(low, least) * comb(high, drawn - least), 0
        for h in range(least, most + 1):  # ways: those with h of `low`, each from the one before
            total += ways * above[h + others]
            ways = ways * (low - h) * (drawn - h) // ((h + 1) * (high - drawn + h + 1))
        return Fraction(total, comb(rest, drawn) * above[0])

    rows = []
    for gap in range(1, n):
        higher = mean(n - 1, gap, k - 1, 0) - mean(n - 1, gap, k, 0)
        lower = mean(n - 1, gap - 1, k, 0) - mean(n - 1, gap - 1, k - 1, 1)
        rows.append((float(higher), float(lower)))
    return torch.tensor(rows, dtype=torch.float64)
