"""EDAS: change another estimator's advantages of incorrect rollouts by how rare their answers are.

arXiv 2605.17333. Of the N_w incorrect rollouts of a group let p_a be the share with answer a. Let I_i = -ln p_a for
the answer of i, H the entropy of the shares, and S the mean |A_i|. The A_i of an incorrect rollout becomes
A_i + sgn(d) min(|d|, |A_i| / kappa) with

    d = 0                                  N_w <= 1
    d = -beta S                            all incorrect answers equal
    d = alpha S (I_i - H) / ln N_w         otherwise: rare answers lose less, common ones more

Correct rollouts keep their advantage. Signs never change (kappa > 1). Before the limit by kappa the changes of a
group sum to 0. The estimator needs `answers`; all unreadable answers count as one answer. `base` is the estimator
whose advantages are changed. It has its own `base_options`, gets its own inputs, and uses the same k.
"""

from typing import Annotated, Any

import torch
from pydantic import Field

from passk.advantage import compute, estimator


@estimator(
    k="any",
    binary=True,
    formula="base + sgn(d) min(|d|, |base| / kappa) on incorrect rollouts",
    source="arXiv 2605.17333",
    estimates="no objective of its own",
)
def edas(
    rewards: torch.Tensor,
    k: int,
    *,
    answers: torch.Tensor,
    entropy: torch.Tensor | None = None,
    generator: torch.Generator | None = None,
    state: dict[str, Any] | None = None,
    base: str = "grpo",
    base_options: dict[str, Any] | None = None,
    alpha: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.4,
    beta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.2,
    kappa: Annotated[float, Field(gt=1)] = 2.0,
) -> torch.Tensor:
    needed = {"answers": answers, "entropy": entropy, "generator": generator, "state": state}
    advantages = compute(base, rewards, k, **(base_options or {}), **needed).double()
    return advantages + shift(advantages, rewards == 0, answers, alpha=alpha, beta=beta, kappa=kappa)


def shift(
    advantages: torch.Tensor, incorrect: torch.Tensor, answers: torch.Tensor, *, alpha: float, beta: float, kappa: float
) -> torch.Tensor:
    """Return the change of advantages [P, N], float64, from answers [P, N]. It is 0 on correct rollouts."""
    n_incorrect = incorrect.sum(dim=1, keepdim=True)
    answers = answers.clamp(min=-1)
    same = (answers.unsqueeze(2) == answers.unsqueeze(1)) & incorrect.unsqueeze(1) & incorrect.unsqueeze(2)
    share = same.sum(dim=2).double() / n_incorrect.clamp(min=1)  # [P, N]: share of i's answer, 0 on correct rollouts
    information = -share.clamp(min=1e-9).log() * incorrect
    # The mean of I over the incorrect rollouts is their entropy: each answer occurs as often as its share.
    entropy = information.sum(dim=1, keepdim=True) / n_incorrect.clamp(min=1)
    size = (advantages.abs() * incorrect).sum(dim=1, keepdim=True) / n_incorrect.clamp(min=1)
    scale = n_incorrect.clamp(min=2).double().log()
    alike = (same.sum(dim=2) == n_incorrect) & incorrect
    change = torch.where(alike, -beta * size, alpha * size * (information - entropy) / scale)
    change = change * incorrect * (n_incorrect > 1)
    limit = advantages.abs() / kappa
    return change.sign() * torch.minimum(change.abs(), limit)
