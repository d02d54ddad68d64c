"""ResRL: spare the tokens of incorrect rollouts that look like those of correct ones (arXiv 2605.00380 and its code).

For each prompt the layer-normalized hidden states of the correct rollouts' tokens, before the last layer, are centred
by their mean mu. V [H, r] are their first r principal directions. A token h of an incorrect rollout has the residual
d = |(h - mu) - V V^T (h - mu)|^2 / H. The quantiles lo and hi are those of d over the prompt's incorrect tokens. The
token's advantage is multiplied by least + (1 - least) clip((d - lo) / (hi - lo), 0, 1). The advantages of correct
rollouts are multiplied by `correct`.

Without a correct rollout, or with fewer than 4 tokens of correct rollouts, the weight is 1. If the residuals of 32 or
more tokens are the same, it is the mean of `least` and 1. Both are the code's. At most `tokens` tokens of the correct
rollouts, evenly spaced, give the directions. The code also leaves out what a model thinks between <think> tags, and
lowers the reward of long correct rollouts. passk does neither.
"""

from typing import ClassVar

import torch
from pydantic import Field, model_validator
from torch.nn.functional import layer_norm

from passk.base.errors import InvalidError
from passk.methods.method import Changes, Group, Method, Policy

_ITERATIONS = 4
_FEWEST, _MANY = 4, 32
_NO_RANGE = 1e-5


class ResRL(Method):
    """Residual of hidden states on the subspace of the correct rollouts."""

    source: ClassVar[str] = "arXiv 2605.00380"

    correct: float = Field(0.1, ge=0, le=1, description="factor of the advantages of correct rollouts")
    least: float = Field(0.1, ge=0, le=1, description="smallest weight of a token of an incorrect rollout")
    rank: int = Field(64, ge=1, lt=10**5, description="principal directions of the correct rollouts' tokens")
    tokens: int = Field(4096, ge=4, lt=10**9, description="most tokens of a prompt from which these are computed")
    low: float = Field(0.2, ge=0, le=1, description="quantile of the residuals below which a weight is least")
    high: float = Field(0.8, ge=0, le=1, description="quantile of the residuals above which a weight is 1")

    @model_validator(mode="after")
    def _in_order(self) -> "ResRL":
        if self.low >= self.high:
            raise InvalidError("low must be below high", "write the lower quantile as low")
        return self

    def of_group(self, group: Group, policy: Policy) -> Changes:
        hidden = policy.hidden_states(group).float()
        correct = group.rewards > 0
        weights = torch.where(correct[:, None], self.correct, self.weights(hidden, group.mask, correct, group.seed))
        return Changes(advantages=group.advantages * weights)

    def weights(self, hidden: torch.Tensor, mask: torch.Tensor, correct: torch.Tensor, seed: int) -> torch.Tensor:
        """Return the weight of each token of the incorrect rollouts, and 1 elsewhere, [N, A].

        hidden: [N, A, H] float32. mask: [N, A] bool. correct: [N] bool. seed: of the approximate decomposition.
        """
        weights = torch.ones_like(mask, dtype=torch.float32)
        positive, negative = mask & correct[:, None], mask & ~correct[:, None]
        states = _normalized(hidden[positive])
        if len(states) < _FEWEST or not negative.any():
            return weights
        if len(states) > self.tokens:
            states = states[torch.linspace(0, len(states) - 1, self.tokens, device=states.device).long()]
        mean = states.mean(dim=0)
        directions = _principal(states - mean, self.rank, seed)
        centred = _normalized(hidden[negative]) - mean
        residual = centred - centred @ directions @ directions.T
        weights[negative] = self._scaled(residual.square().mean(dim=-1))
        return weights

    def _scaled(self, distances: torch.Tensor) -> torch.Tensor:
        """Return a weight from `least` to 1 for each distance."""
        low, high = torch.quantile(distances, self.low), torch.quantile(distances, self.high)
        if len(distances) >= _MANY and high - low < _NO_RANGE:
            return torch.full_like(distances, (self.least + 1) / 2)
        share = ((distances - low) / (high - low).clamp(min=_NO_RANGE / 10)).clamp(0, 1)
        return self.least + (1 - self.least) * share


def _normalized(states: torch.Tensor) -> torch.Tensor:
    return layer_norm(states, states.shape[-1:])


def _principal(centred: torch.Tensor, rank: int, seed: int) -> torch.Tensor:
    """Return the first principal directions of rows [M, H] as columns [H, r], r <= M - 1."""
    rank = min(rank, len(centred) - 1, centred.shape[1])
    devices = [centred.device] if centred.is_cuda else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        return torch.pca_lowrank(centred, q=rank, center=False, niter=_ITERATIONS)[2]
