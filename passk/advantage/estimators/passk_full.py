"""Full sampling (arXiv 2508.10751, section 2.2): floor(N / k) disjoint groups of k rollouts in their order.

The reward of a group is its best, and group rewards are standardised as in `grpo`. Every member gets its group's
advantage. Rollouts that fill no group get 0, and all rollouts if the group rewards are equal. A single group would
always get 0, so k <= N / 2. k = 1 is `grpo`.
"""

import torch

from passk.advantage import estimator
from passk.advantage.disjoint import disjoint, rejoined
from passk.advantage.standardize import standardize


@estimator(
    k="<= N / 2",
    formula="grpo of the best of each of floor(N/k) disjoint groups",
    source="Chen et al. 2025, arXiv 2508.10751, Alg. 1",
    estimates="as passk_analytical, with more variance",
)
def passk_full(rewards: torch.Tensor, k: int) -> torch.Tensor:
    best = disjoint(rewards, k).amax(dim=2)  # [P, N // k]
    return rejoined(standardize(best).unsqueeze(2).expand(-1, -1, k), rewards.shape[1])
