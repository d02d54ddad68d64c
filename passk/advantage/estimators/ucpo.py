"""UCPO: GRPO's advantage, moved among the correct rollouts towards those that the policy finds unlikely.

arXiv 2605.00365. Let the c correct rollouts of a group have the confidence q = softmax of their mean log-probabilities,
and t_i = (1 / max(q_i, 1e-6)) / (sum of the same). A correct rollout gets the advantage of `grpo` times
(1 - tau) + tau c t_i, whose mean over the correct ones is 1. Incorrect rollouts keep that of `grpo`. tau = 0 is `grpo`.
The published code divides by the sample deviation, as `std="sample"` does.

The estimator needs `entropy`, which is minus the mean log-probability. Degenerate groups are those of `grpo`.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field

from passk.advantage import estimator
from passk.advantage.standardize import standardize

_LEAST_CONFIDENCE = 1e-6


@estimator(
    k="1",
    binary=True,
    formula="grpo; on correct rollouts times (1 - tau) + tau c t_i, t_i the share of 1 / confidence",
    source="arXiv 2605.00365",
    estimates="no objective of its own",
)
def ucpo(
    rewards: torch.Tensor,
    k: int,
    *,
    entropy: torch.Tensor,
    tau: Annotated[float, Field(ge=0, le=1)] = 0.2,
    std: Literal["population", "sample"] = "population",
) -> torch.Tensor:
    correct = rewards == 1
    confidence = (-entropy).masked_fill(~correct, -torch.inf).softmax(dim=1)  # NaN without a correct rollout
    unlikely = correct / confidence.nan_to_num(1.0).clamp(min=_LEAST_CONFIDENCE)
    share = unlikely / unlikely.sum(dim=1, keepdim=True).clamp(min=1)
    count = correct.sum(dim=1, keepdim=True)
    return standardize(rewards, ddof=int(std == "sample")) * torch.where(correct, 1 - tau + tau * count * share, 1.0)
