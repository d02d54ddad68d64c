"""Adaptive training by entropy (arXiv 2508.10751, section 4.2.3): each prompt has its own estimator.

The floor(P / 2) prompts of the batch with the highest mean entropy get the Pass@1 advantage (`grpo`), since the policy
explores there already. The others get that of `passk_analytical`. Of prompts with equal entropy the earlier one counts
as the higher. Degenerate groups are those of the chosen estimator.
"""

import torch

from passk.advantage import compute, estimator
from passk.advantage.estimators.passk_analytical import passk_analytical


@estimator(
    k="< N",
    binary=True,
    formula="grpo on the half of the prompts with the higher entropy, passk_analytical on the others",
    source="Chen et al. 2025, arXiv 2508.10751, section 4.2.3",
    estimates="no objective of its own",
)
def passk_adaptive(rewards: torch.Tensor, k: int, *, entropy: torch.Tensor) -> torch.Tensor:
    prompts = rewards.shape[0]
    ranked = entropy.mean(dim=1).argsort(descending=True, stable=True)
    explores = torch.zeros(prompts, dtype=torch.bool, device=rewards.device)
    explores[ranked[: prompts // 2]] = True
    of_1, of_k = compute(passk_analytical, rewards, 1), compute(passk_analytical, rewards, k)
    return torch.where(explores.unsqueeze(1), of_1, of_k)
