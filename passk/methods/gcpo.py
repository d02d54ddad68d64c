"""GCPO, a reconstruction: reward a rollout by what it adds to the volume of the group's embeddings (arXiv 2605.11461).

The paper rewards a team by the determinant volume of its reward-weighted embeddings, and each rollout by its average
marginal contribution. Its exact formula was not retrievable. passk reads it as follows.

e_i is the mean hidden state before the last layer over the tokens of rollout i, scaled to length 1.
V(S) = log det(I + sum over i in S of r_i e_i e_i^T). The credit of rollout i is its mean marginal contribution over
orders of the group: V(those before it and i) - V(those before it). The advantage is the credit less the group's mean.

So an incorrect rollout has no credit, and a correct one the less, the more it is like other correct ones. The exact
mean over all orders is the Shapley value. passk averages over `orders` random orders, each also taken backwards. The
marginal contributions along an order are twice the logarithms of the diagonal of one Cholesky factor.
"""

from typing import ClassVar

import torch
from pydantic import Field

from passk.methods.method import Changes, Group, Method, Policy


class GCPO(Method):
    """Group credit by determinant volume (reconstruction)."""

    source: ClassVar[str] = "arXiv 2605.11461"
    reconstruction: ClassVar[bool] = True

    orders: int = Field(32, ge=1, lt=10**5, description="random orders over which contributions are averaged")

    def of_group(self, group: Group, policy: Policy) -> Changes:
        hidden = policy.hidden_states(group).double()
        lengths = group.mask.sum(dim=1, keepdim=True).clamp(min=1)
        means = (hidden * group.mask[..., None]).sum(dim=1) / lengths
        embeddings = torch.nn.functional.normalize(means, dim=1)  # [N, H]
        credit = self.credit(embeddings, group.rewards.double(), group.seed)
        advantages = (credit - credit.mean()).to(group.advantages.dtype)
        return Changes(advantages=advantages[:, None] * group.mask)

    def credit(self, embeddings: torch.Tensor, rewards: torch.Tensor, seed: int) -> torch.Tensor:
        """Return the mean marginal contribution of each rollout, [N]. embeddings: [N, H] float64, rewards: [N]."""
        weighted = embeddings * rewards.clamp(min=0).sqrt()[:, None]
        volume = weighted @ weighted.T + torch.eye(len(rewards), dtype=weighted.dtype, device=weighted.device)
        generator = torch.Generator().manual_seed(seed)
        draws = [torch.randperm(len(rewards), generator=generator) for _ in range(self.orders)]
        total = torch.zeros_like(rewards)
        for order in [each for draw in draws for each in (draw, draw.flip(0))]:
            factor = torch.linalg.cholesky(volume[order][:, order])
            total[order] += 2 * factor.diagonal().log()
        return total / (2 * self.orders)
