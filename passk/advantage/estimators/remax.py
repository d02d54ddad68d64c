"""Retry-aware ReMax: what rollout i adds to the best of m - 1 other tries, less the mean of that over the group.

arXiv 2606.00151, in the form for deterministic returns with the group as the policy: A_i = e_i - mean e with
e_i = E[max(r_i - best of m - 1 draws from the group, 0)], drawn with replacement. `m` may be any real number above 0
and defaults to k. On 0/1 rewards A_i is (1 - c/N)^(m-1) (r_i - c/N), which is `reinforce_k` / k at m = k. The
posterior over returns of the paper's critic is not included. This is not the ReMax of arXiv 2310.10505, which has the
reward of a greedy rollout as its baseline. Groups whose rewards are all equal get 0.

Computed without a difference: m - 1 draws stay at or below a gap d_l with probability (l / N)^(m-1).
"""

from typing import Annotated

import torch
from pydantic import Field

from passk.advantage import estimator
from passk.advantage.order_statistics import Ranked


@estimator(
    k="any",
    formula="E[max(r_i - best of m-1 draws from the group, 0)] - its mean; m is k by default",
    source="arXiv 2606.00151",
    estimates="(1/m) gradient of max@m, with a bias of O(1/N)",
)
def remax(
    rewards: torch.Tensor, k: int, *, m: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
) -> torch.Tensor:
    ranked, tries = Ranked(rewards), float(k if m is None else m)
    return ranked.unsorted(ranked.below(ranked.weights(_won, tries)) - ranked.above(ranked.weights(_lost, tries)))


def _won(n: int, gap: int, tries: float) -> float:
    return (gap / n) ** tries


def _lost(n: int, gap: int, tries: float) -> float:
    return (n - gap) / n * (gap / n) ** (tries - 1)
