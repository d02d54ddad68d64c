"""SimKO: pass probability on to the other candidates where the model hesitates (arXiv 2510.14807 and its code).

A token is critical if its entropy is above the quantile `quantile` of the entropies in its response.

Correct responses, at critical tokens: the ratio rho of the sampled token becomes
(1 - alpha) rho + alpha / K sum_j sg(rho / rho_j) rho_j over the K most probable candidates j, where sg stops the
gradient. Its value is rho, so the clip is PPO's. Its gradient is rho ((1 - alpha) grad log p + alpha / K sum_j grad
log p_j). The ratios rho_j to the old policy cancel, so passk stores no old candidates.

Incorrect responses, at critical tokens: the advantage counts `push` times where the sampled token is the most probable.

A response is correct if its advantages add up to more than 0, and incorrect if to less. The paper's code reads the
former from the reward. Both agree wherever there is a gradient.
"""

from typing import ClassVar

import torch
from pydantic import Field

from passk.methods.method import LossBatch, Method


class SimKO(Method):
    """Simple Pass@K Optimization."""

    source: ClassVar[str] = "arXiv 2510.14807"
    ratio_of_tokens: ClassVar[bool] = True

    quantile: float = Field(0.8, ge=0, lt=1, description="tokens above this quantile of the entropies are critical")
    alpha: float = Field(0.01, ge=0, le=1, description="share of the gradient that the candidates get")
    candidates: int = Field(3, ge=1, lt=1000, description="most probable candidates, K")
    push: float = Field(1.1, ge=1, description="factor of a negative advantage on the most probable token")

    def in_loss(self, batch: LossBatch) -> tuple[torch.Tensor, torch.Tensor]:
        critical = self.critical(batch.entropy.detach(), batch.mask)
        total = (batch.advantages * batch.mask).sum(dim=1, keepdim=True)
        share = self.alpha * (critical & (total > 0))
        top = batch.of_logits(self._top)  # [B, A, K]
        # A difference to itself without gradient keeps the value and replaces the gradient.
        others = (top - top.detach()).mean(dim=-1)
        log_probs = batch.log_probs + share * (others - (batch.log_probs - batch.log_probs.detach()))
        first = batch.of_logits(lambda logits: logits.argmax(dim=-1, keepdim=True))[..., 0]
        pushed = critical & (total < 0) & (batch.tokens == first)
        return log_probs, torch.where(pushed, self.push * batch.advantages, batch.advantages)

    def critical(self, entropy: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return which tokens are critical, [B, A] bool. Each response has a quantile of its own."""
        rows = [row[kept] for row, kept in zip(entropy, mask, strict=True)]
        bounds = [torch.quantile(row, self.quantile) if len(row) else row.new_zeros(()) for row in rows]
        return mask & (entropy > torch.stack(bounds)[:, None])

    def _top(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the log-probabilities of the most probable candidates, [..., K], with gradient."""
        candidates = min(self.candidates, logits.shape[-1])
        return logits.topk(candidates, dim=-1).values - logits.logsumexp(dim=-1, keepdim=True)
