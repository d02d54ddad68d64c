"""REINFORCE leave-one-out: A_i = r_i - mean of the others' rewards = N / (N - 1) (r_i - mean r).

Kool et al. 2019; Ahmadian et al. 2024 (arXiv 2402.14740). Unbiased for the gradient of the expected reward.
Groups whose rewards are all equal, and a single rollout, get 0.
"""

import torch

from passk.advantage import estimator
from passk.advantage.estimators.dr_grpo import dr_grpo


@estimator(
    k="1",
    formula="r_i - mean of the others",
    source="Kool et al. 2019; Ahmadian et al. 2024, arXiv 2402.14740",
    estimates="gradient of the mean reward, unbiased",
)
def rloo(rewards: torch.Tensor, k: int) -> torch.Tensor:
    n = rewards.shape[1]
    return dr_grpo(rewards, k) * (n / max(1, n - 1))
