"""RS-GRPO: the exponential utility of risk-seeking policies, A_i = (exp(beta r_i) / mean exp(beta r) - 1) / beta.

arXiv 2509.24261. The objective is (1 / beta) ln E[exp(beta r)], which tends to the mean reward for a small beta and to
the best reward for a large one. On 0/1 rewards it is `surrogate` with
F'(p) = (e^beta - 1) / (beta (1 + p (e^beta - 1))). An offset of the rewards changes nothing. Groups whose rewards are
all equal get 0.
"""

from typing import Annotated

import torch
from pydantic import Field

from passk.advantage import estimator


@estimator(
    k="1",
    formula="(exp(beta r_i) / mean exp(beta r) - 1) / beta",
    source="arXiv 2509.24261",
    estimates="gradient of ln(E exp(beta r)) / beta, with a bias of O(1/N)",
)
def rs_grpo(rewards: torch.Tensor, k: int, *, beta: Annotated[float, Field(gt=0, allow_inf_nan=False)]) -> torch.Tensor:
    # exp(beta (r - max r)) - 1 in [-1, 0]: no overflow, and no digit lost of rewards that nearly equal the best
    utility = (beta * (rewards - rewards.amax(dim=1, keepdim=True))).expm1()
    mean = utility.mean(dim=1, keepdim=True)
    flat = (rewards == rewards[:, :1]).all(dim=1, keepdim=True)
    return ((utility - mean) / (1 + mean) / beta).masked_fill(flat, 0.0)
