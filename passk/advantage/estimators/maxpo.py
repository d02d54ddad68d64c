"""MaxPO: leave two out. Compare i with every other j, each with the same k-1 of the rest.

"On Advantage Estimates for Max@K" (arXiv 2606.06080), reconstructed from its abstract. A_i is k/N times the mean of
max(T and i) - max(T and j), over j other than i and over sets T of k-1 without both. The sum of A_i grad log p is
unbiased for the gradient of max@k, and A sums to 0. On 0/1 rewards it is w (r_i - c/N) with
w = k / (N-1) C(N-c-1, k-1) / C(N-2, k-1). k < N. Groups whose rewards are all equal get 0.

Computed in O(N log N). A gap d_l lies between i and j for l (N - l) pairs. It decides for the sets T that stay at or
below rank l.
"""

from math import comb

import torch

from passk.advantage import estimator
from passk.advantage.order_statistics import Ranked


@estimator(
    k="< N",
    formula="(k/N) mean over j and sets T of max(T + i) - max(T + j)",
    source="arXiv 2606.06080 (reconstructed from the abstract)",
    estimates="gradient of max@k, unbiased",
    scale="sum",
)
def maxpo(rewards: torch.Tensor, k: int) -> torch.Tensor:
    ranked = Ranked(rewards)
    return ranked.unsorted(ranked.below(ranked.weights(_won, k)) - ranked.above(ranked.weights(_lost, k)))


def _won(n: int, gap: int, k: int) -> float:
    return k * gap * comb(gap - 1, k - 1) / (n * (n - 1) * comb(n - 2, k - 1))


def _lost(n: int, gap: int, k: int) -> float:
    return k * (n - gap) * comb(gap - 1, k - 1) / (n * (n - 1) * comb(n - 2, k - 1))
