"""Bootstrap sampling (arXiv 2508.10751, section 2.3): `groups` random groups of k different rollouts.

Groups may overlap. The reward of a group is its best, and group rewards are standardised as in `grpo`. A rollout gets
the sum over the groups that contain it, or 0 without any. `groups` defaults to N.

On average groups * k / N groups contain a rollout. With groups = N the sum is therefore about k times
`passk_analytical`. `reduce="mean"` takes the mean over a rollout's groups and so has the scale of `passk_analytical`.
The draws come from `generator`, a torch.Generator on the CPU, or else from torch's global one.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field

from passk.advantage import estimator
from passk.advantage.standardize import standardize


@estimator(
    k="< N",
    formula="sum over the drawn groups with i of grpo of their best",
    source="Chen et al. 2025, arXiv 2508.10751, Eq. 6, Alg. 2",
    estimates="groups k/N times passk_analytical, as groups grow (reduce=mean: passk_analytical)",
)
def passk_bootstrap(
    rewards: torch.Tensor,
    k: int,
    *,
    generator: torch.Generator | None = None,
    groups: Annotated[int, Field(ge=1)] | None = None,
    reduce: Literal["sum", "mean"] = "sum",
) -> torch.Tensor:
    prompts, n = rewards.shape
    draws = torch.rand(prompts, groups or n, n, generator=generator).topk(k, dim=2).indices  # k different of n
    return from_groups(rewards, draws.to(rewards.device), reduce)


def from_groups(rewards: torch.Tensor, draws: torch.Tensor, reduce: str) -> torch.Tensor:
    """Return advantages [P, N] for the drawn groups. draws: [P, G, k], indices of rollouts."""
    prompts, groups, k = draws.shape
    best = rewards.gather(1, draws.flatten(1)).view(prompts, groups, k).amax(dim=2)
    shares = standardize(best).repeat_interleave(k, dim=1)  # [P, G * k]
    total = torch.zeros_like(rewards).scatter_add_(1, draws.flatten(1), shares)
    if reduce == "sum":
        return total
    count = torch.zeros_like(rewards).scatter_add_(1, draws.flatten(1), torch.ones_like(shares))
    return total / count.clamp(min=1)
