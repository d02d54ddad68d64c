"""PKPO's s_i with the leave-one-out baseline: s_i - 1/(N-1) sum over j other than i of s_j without i.

Walder & Karkhanis 2025 (arXiv 2505.15201), Eq. 29. The second term is k / (N-1) times the mean best of the sets of k
without i. It does not depend on the response of i, so the sum of A_i grad log p stays unbiased for the gradient of
max@k. The estimator needs k < N. At k = 1 it is r_i / N - mean of the others / (N-1), not quite `rloo` / N.
"""

import torch

from passk.advantage import estimator
from passk.advantage.order_statistics import Ranked


@estimator(
    k="< N",
    formula="s_i - (k/(N-1)) mean of the best of the sets of k without i",
    source="Walder & Karkhanis 2025, arXiv 2505.15201, Eq. 29",
    estimates="gradient of max@k, unbiased",
    scale="sum",
)
def pkpo_sloo(rewards: torch.Tensor, k: int) -> torch.Tensor:
    ranked, n = Ranked(rewards), rewards.shape[1]
    return ranked.unsorted(ranked.best_with(k) * (k / n) - ranked.best_without(k) * (k / (n - 1)))
