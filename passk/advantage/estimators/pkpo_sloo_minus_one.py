"""PKPO's main estimator: what i adds to the best of the sets that contain i.

Walder & Karkhanis 2025 (arXiv 2505.15201), Eq. 33-34: 1 / C(N, k) sum over sets I with i of (max of I less max of I
without i). The sum of A_i grad log p is unbiased for the gradient of max@k, with the least variance of the three. It
is never negative. On 0/1 rewards an incorrect rollout gets exactly 0, and a correct one
(k/N) C(N-c, k-1) / C(N-1, k-1). Leaving one out takes two rollouts, so k >= 2 (`rloo` serves k = 1).

Computed without a difference. In C(l, k-1) sets i is the only member above a gap d_l. A_i is therefore the sum over
the gaps below i of C(l, k-1) / C(N, k) d_l.
"""

from math import comb

import torch

from passk.advantage import estimator
from passk.advantage.order_statistics import Ranked


@estimator(
    k="2 .. N",
    formula="(k/N) mean of what i adds to the best of the sets of k with i",
    source="Walder & Karkhanis 2025, arXiv 2505.15201, Eq. 33-34",
    estimates="gradient of max@k, unbiased",
    scale="sum",
)
def pkpo_sloo_minus_one(rewards: torch.Tensor, k: int) -> torch.Tensor:
    ranked = Ranked(rewards)
    return ranked.unsorted(ranked.below(ranked.weights(_alone_above, k)))


def _alone_above(n: int, gap: int, k: int) -> float:
    return comb(gap, k - 1) / comb(n, k)
