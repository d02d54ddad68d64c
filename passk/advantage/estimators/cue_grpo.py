"""Cue-GRPO: GRPO's advantage, moved among the correct rollouts towards those with a rare key.

arXiv 2608.03467, from an excerpt of it. Let C_i be the correct rollouts with i's key. A correct rollout gets the
advantage of `grpo` times |C_i|^-alpha, rescaled to a mean of 1 over the correct ones. Incorrect rollouts keep that of
`grpo`. alpha = 0 is `grpo`. The key is the extracted answer, so the estimator needs `answers`. For mazes that is the
path. It has no effect where all correct answers are equal. Answers that are not readable count as one. Degenerate
groups are those of `grpo`.
"""

from typing import Annotated

import torch
from pydantic import Field

from passk.advantage import estimator
from passk.advantage.standardize import standardize


@estimator(
    k="1",
    binary=True,
    formula="grpo; on correct rollouts times |C_i|^-alpha over its mean, C_i the correct ones with i's answer",
    source="arXiv 2608.03467",
    estimates="no objective of its own",
)
def cue_grpo(
    rewards: torch.Tensor,
    k: int,
    *,
    answers: torch.Tensor,
    alpha: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.8,
) -> torch.Tensor:
    correct, keys = rewards == 1, answers.clamp(min=-1)
    same = (keys.unsqueeze(2) == keys.unsqueeze(1)) & correct.unsqueeze(1)
    weight = same.sum(dim=2).clamp(min=1).double() ** -alpha * correct
    mean = weight.sum(dim=1, keepdim=True) / correct.sum(dim=1, keepdim=True).clamp(min=1)
    return standardize(rewards) * torch.where(correct, weight / mean.masked_fill(mean == 0, 1.0), 1.0)
