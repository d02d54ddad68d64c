"""PKPO's s_i: the mean best reward over all C(N, k) sets of k rollouts, counting only sets that contain i.

Walder & Karkhanis 2025 (arXiv 2505.15201), section 3: s_i = 1 / C(N, k) sum over sets I with i of max of r_j in I. The
sum of s_i grad log p is unbiased for the gradient of max@k. There is no baseline, so the variance is large. On 0/1
rewards: correct k/N, incorrect k/N (1 - C(N-1-c, k-1) / C(N-1, k-1)).
"""

import torch

from passk.advantage import estimator
from passk.advantage.order_statistics import Ranked


@estimator(
    k="<= N",
    formula="(k/N) mean of the best of the sets of k with i",
    source="Walder & Karkhanis 2025, arXiv 2505.15201, Eq. 8 and section 3",
    estimates="gradient of max@k, unbiased, without a baseline",
    scale="sum",
)
def pkpo_s(rewards: torch.Tensor, k: int) -> torch.Tensor:
    ranked = Ranked(rewards)
    return ranked.unsorted(ranked.best_with(k)) * (k / rewards.shape[1])
