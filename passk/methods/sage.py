"""SAGE: a KL penalty to a guided anchor q pi_ref in place of the reference pi_ref (arXiv 2605.18864 and its code).

The penalty of a token is exp(l - log p) - (l - log p) - 1 with l = log pi_ref + log q. That is OpenRLHF's estimator k3
with log q added to the log-probability of the reference. Three guides give q, each clipped to `bounds`:

branch   1 + ratio * max(0, H - threshold), with the entropy H of the policy at the token
token    a draw of mean 1 + a w and standard deviation s w. w is the surprisal -log p, clipped to its 5 % and 95 %
         quantiles in the response and scaled to [0, 1]
random   with probability a draw of mean 1 and standard deviation s, else 1

The pairs are the values of a and s at the beginning and at the end of a cycle. A half cosine of `cycle_steps` steps
leads from one to the other. The first value shrinks by `decay` from cycle to cycle, `cycles` - 1 times.
"""

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator

from passk.base.errors import InvalidError
from passk.methods.method import Changes, Group, Method, Policy

_LOW, _HIGH = 0.05, 0.95
_LEAST = 1e-6
Pair = tuple[float, float]


class Sage(Method):
    """Shaping the anchor of the KL penalty with a guide."""

    source: ClassVar[str] = "arXiv 2605.18864"
    needs_kl: ClassVar[bool] = True

    guide: Literal["branch", "token", "random"] = Field("branch", description="what q follows")
    bounds: Pair = Field((0.6, 1.4), strict=False, description="smallest and largest q")
    ratio: float = Field(0.3, ge=0, description="branch: growth of q for each nat above the threshold")
    threshold: float = Field(1.2, ge=0, description="branch: entropy above which q grows, nats")
    token_shift: Pair = Field((0.3, 0.1), strict=False, description="token: mean of q - 1 at the largest surprisal")
    token_spread: Pair = Field((0.25, 0.1), strict=False, description="token: standard deviation there")
    random_share: Pair = Field((0.1, 0.0), strict=False, description="random: share of the tokens with a drawn q")
    random_spread: Pair = Field((0.15, 0.05), strict=False, description="random: standard deviation of their q")
    cycle_steps: int = Field(125, ge=1, lt=10**9, description="token and random: steps of a cycle")
    cycles: int = Field(8, ge=1, lt=10**9, description="token and random: cycles until the first value stays")
    decay: float = Field(0.9, gt=0, le=1, description="token and random: factor of the first value from cycle to cycle")

    @model_validator(mode="after")
    def _has_bounds(self) -> "Sage":
        if not 0 < self.bounds[0] <= self.bounds[1]:
            raise InvalidError("bounds must be above 0, the lower one first", "write them as in [0.6, 1.4]")
        return self

    def of_group(self, group: Group, policy: Policy) -> Changes:
        assert group.base_log_probs is not None
        if self.guide == "branch":
            q = 1 + self.ratio * (policy.entropy(group) - self.threshold).relu()
        elif self.guide == "token":
            weight = surprisal(-group.log_probs, group.mask)
            shift, spread = (self.at(group.step, pair) for pair in (self.token_shift, self.token_spread))
            q = 1 + shift * weight + spread * weight * _noise(group)
        else:
            share, spread = (self.at(group.step, pair) for pair in (self.random_share, self.random_spread))
            chosen = torch.rand(group.mask.shape, generator=_generator(group, "share")).to(group.mask.device) < share
            q = torch.where(chosen, 1 + spread * _noise(group), 1.0)
        q = torch.where(group.mask, q.clamp(*self.bounds), 1.0)
        return Changes(base_log_probs=group.base_log_probs + q.log())

    def at(self, step: int, pair: Pair) -> float:
        """Return the value at a step, from 1, of a pair (first, last)."""
        first, last = pair
        cycle = min((step - 1) // self.cycle_steps, self.cycles - 1)
        way = (step - 1) % self.cycle_steps / self.cycle_steps
        return last + (first * self.decay**cycle - last) * (1 + math.cos(math.pi * way)) / 2


def surprisal(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return values [N, A] scaled to [0, 1] within each row's mask, after a clip to its 5 % and 95 % quantiles."""
    scaled = torch.zeros_like(values, dtype=torch.float32)
    for row, kept in enumerate(mask):
        if kept.any():
            chosen = values[row, kept].float()
            low, high = torch.quantile(chosen, _LOW), torch.quantile(chosen, _HIGH)
            scaled[row, kept] = (chosen.clamp(low, high) - low) / (high - low).clamp(min=_LEAST)
    return scaled


def _noise(group: Group) -> torch.Tensor:
    """Return standard normal draws [N, A], the same for one group and step on every device."""
    return torch.randn(group.mask.shape, generator=_generator(group, "noise")).to(group.mask.device)


def _generator(group: Group, what: str) -> torch.Generator:
    return torch.Generator().manual_seed(group.seed + (what == "noise"))
