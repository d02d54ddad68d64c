"""RiskPO: risk measures of the total reward of bundles of prompts, MVaR and RVaR.

arXiv 2510.00911 and its code. `bundle` consecutive prompts form a bundle, and their j-th rollouts form a paper with the
score s_j, the sum of their rewards. Let a and b be the `lower` and `upper` quantiles of the N scores of a bundle,
interpolated linearly. Every rollout of paper j gets

    A_j = (w min(s_j - a, 0) / lower + (min(max(s_j, a), b) - b) / (upper - lower)) / (w + 1)

over the sample deviation of the scores. w = 0 is RVaR, w > 0 is MVaR, which adds the lower tail. A_j is never
positive: every paper below b is pushed down, most of all the worst. Bundles whose scores are all equal get 0, and so do
the prompts that fill no bundle.

The code of the paper can also track the quantiles over steps, and share A_j among the prompts by their deviation. Both
are left out here.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field

from passk.advantage import estimator
from passk.base.errors import ConfigError


def _ordered(options: Mapping[str, Any]) -> None:
    lower, upper = options["lower"], options["upper"]
    if lower >= upper:
        raise ConfigError("options.upper", f"must be above lower = {lower:g} for riskpo, not {upper:g}", "raise it")


@estimator(
    k="1",
    accepts=_ordered,
    formula="(w min(s - a, 0) / lower + (clip(s, a, b) - b) / (upper - lower)) / (w + 1) / std s, s of a bundle",
    source="arXiv 2510.00911",
    estimates="no objective of its own",
)
def riskpo(
    rewards: torch.Tensor,
    k: int,
    *,
    bundle: Annotated[int, Field(ge=1)] = 5,
    lower: Annotated[float, Field(gt=0, lt=1)] = 0.2,
    upper: Annotated[float, Field(gt=0, lt=1)] = 0.9,
    w: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.5,
) -> torch.Tensor:
    prompts, n = rewards.shape
    full = prompts // bundle * bundle
    if not full:
        return torch.zeros_like(rewards)
    scores = rewards[:full].view(-1, bundle, n).sum(dim=1)  # [B, N]
    levels = torch.tensor([lower, upper], dtype=scores.dtype, device=scores.device)
    low, high = scores.quantile(levels, dim=1).unsqueeze(2)  # [B, 1] each
    tail = (scores - low).clamp(max=0) / lower
    middle = (scores.clamp(low, high) - high) / (upper - lower)
    flat = (scores == scores[:, :1]).all(dim=1, keepdim=True)
    deviation = scores.std(dim=1, keepdim=True) if n > 1 else torch.ones_like(low)
    paper = ((w * tail + middle) / (w + 1) / deviation.masked_fill(flat, 1.0)).masked_fill(flat, 0.0)
    return torch.cat([paper.repeat_interleave(bundle, dim=0), torch.zeros_like(rewards[full:])])
