"""Best minus best of the others, in disjoint groups of k rollouts. Only a single best rollout gets an advantage.

Tang et al. 2025 (arXiv 2503.19595): A_i = max(r) - max(r without i). For the best rollout that is the best minus the
second best, and 0 for all others. A tie for the best gives 0. With k = N it is verl's grpo_passk before the division
by the group's deviation. The sum of A_i grad log p over a group is unbiased for the gradient of max@k. Over the
floor(N / k) groups of a prompt it is their sum. Rollouts that fill no group get 0.
"""

import torch

from passk.advantage import estimator
from passk.advantage.disjoint import disjoint, rejoined


@estimator(
    k="2 .. N",
    formula="max r - max of the others, in groups of k",
    source="Tang et al. 2025, arXiv 2503.19595",
    estimates="floor(N/k) gradient of max@k, unbiased",
    scale="sum",
)
def loo_max(rewards: torch.Tensor, k: int) -> torch.Tensor:
    groups = disjoint(rewards, k)
    second = groups.topk(2, dim=2).values[..., 1:]
    return rejoined((groups - second).clamp(min=0), rewards.shape[1])
