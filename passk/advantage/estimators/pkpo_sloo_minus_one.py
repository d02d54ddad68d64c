"""PKPO proper: what i adds to the best of the sets that it is in.

Walder & Karkhanis 2025 (arXiv 2505.15201), Eq. 33-34: 1 / C(N, k) sum over sets I with i of (max of I less
max of I without i). sum of A_i grad log p is unbiased for the gradient of max@k, with the least variance of
the three. Never negative; on 0/1 rewards a wrong answer gets exactly 0 and a right one
(k/N) C(N-c, k-1) / C(N-1, k-1). It takes two rollouts to leave one out: k >= 2 (for k = 1 there is `rloo`).

Computed without a difference: i is above a gap d_l alone in C(l, k-1) sets, so A_i is the sum over the gaps
below i of C(l, k-1) / C(N, k) d_l.
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
