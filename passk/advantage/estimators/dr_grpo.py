"""Dr. GRPO's advantage: A_i = r_i - mean(r). It has no deviation, so no bias to very easy and very hard prompts.

Liu et al. 2025 (arXiv 2503.20783). Its mean of A_i grad log p is (1 - 1/N) times an unbiased estimate of the
gradient of the expected reward. `rloo` lacks that factor. Groups whose rewards are all equal get 0.
"""

import torch

from passk.advantage import estimator


@estimator(
    k="1",
    formula="r_i - mean r",
    source="Liu et al. 2025, arXiv 2503.20783",
    estimates="(1 - 1/N) gradient of the mean reward",
)
def dr_grpo(rewards: torch.Tensor, k: int) -> torch.Tensor:
    flat = (rewards == rewards[:, :1]).all(dim=1, keepdim=True)  # the mean of equal numbers may have a rounding error
    return (rewards - rewards.mean(dim=1, keepdim=True)).masked_fill(flat, 0.0)
