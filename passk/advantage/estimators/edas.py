"""EDAS: another estimator's advantages, with the wrong answers of a prompt told apart by how rare they are.

arXiv 2605.17333. Among the N_w wrong answers of a group let p_a be the share of an answer a, I_i = -ln p_a
that of i's answer, H the entropy of the shares and S the mean |A_i|. Then a wrong answer's A_i becomes
A_i + sgn(d) min(|d|, |A_i| / kappa) with

    d = 0                                  N_w <= 1
    d = -beta S                            all wrong answers the same
    d = alpha S (I_i - H) / ln N_w         otherwise: rare answers are spared, common ones pressed

Right answers are left alone, signs never change (kappa > 1), and before the limit by kappa the changes of a
group sum to 0. Needs `answers`; those that could not be read count as one and the same. `base` is the estimator
whose advantages are changed, with its own `base_options` and whatever it needs, at the same k.
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
    base: str = "grpo",
    base_options: dict[str, Any] | None = None,
    alpha: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.4,
    beta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.2,
    kappa: Annotated[float, Field(gt=1)] = 2.0,
) -> torch.Tensor:
    needed = {"answers": answers, "entropy": entropy, "generator": generator}
    advantages = compute(base, rewards, k, **(base_options or {}), **needed).double()
    return advantages + shift(advantages, rewards == 0, answers, alpha=alpha, beta=beta, kappa=kappa)


def shift(
    advantages: torch.Tensor, wrong: torch.Tensor, answers: torch.Tensor, *, alpha: float, beta: float, kappa: float
) -> torch.Tensor:
    """What is added to advantages [P, N], float64, whose wrong ones [P, N] gave answers [P, N]. 0 on right ones."""
    n_wrong = wrong.sum(dim=1, keepdim=True)
    answers = answers.clamp(min=-1)
    same = (answers.unsqueeze(2) == answers.unsqueeze(1)) & wrong.unsqueeze(1) & wrong.unsqueeze(2)
    share = same.sum(dim=2).double() / n_wrong.clamp(min=1)  # [P, N]: of i's answer, 0 on right ones
    information = -share.clamp(min=1e-9).log() * wrong
    # the mean of I over the wrong answers is their entropy: every answer is met as often as its share
    entropy = information.sum(dim=1, keepdim=True) / n_wrong.clamp(min=1)
    size = (advantages.abs() * wrong).sum(dim=1, keepdim=True) / n_wrong.clamp(min=1)
    scale = n_wrong.clamp(min=2).double().log()
    alike = (same.sum(dim=2) == n_wrong) & wrong
    change = torch.where(alike, -beta * size, alpha * size * (information - entropy) / scale)
    change = change * wrong * (n_wrong > 1)
    limit = advantages.abs() / kappa
    return change.sign() * torch.minimum(change.abs(), limit)
