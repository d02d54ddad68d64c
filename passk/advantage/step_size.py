"""How much an estimator moves the policy on a prompt, by how many of its answers are right.

Eq. 16 of Pass@k Training (arXiv 2508.10751): eta(c) = c |A_right| + (N - c) |A_wrong|, the sum of |A_i| over
the N rollouts of a prompt. GRPO's peak is N, at half right; Pass@k estimators have a lower one and want a larger
learning rate, N / max eta times GRPO's (32 / max eta at the paper's N = 32).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from passk import advantage
from passk.base.errors import ConfigError

_ROLLOUTS = 8192
"""Rollouts drawn for each c (at least 16 prompts) to average an estimator that draws or depends on the order."""


def kinds(name: str, n: int, k: int, options: Mapping[str, Any] | None = None) -> list[tuple[float, float]]:
    """(wrong, right): the mean advantage of either kind, for c = 0 .. N right answers; 0 where there is none.

    Raises ConfigError as `advantage.check`, and for an estimator that needs more than rewards.
    """
    estimator, complete = advantage.get(name), advantage.check(name, k, n, options)
    if estimator.needs:
        raise ConfigError(f"advantage: {name} looks at {estimator.needs[0]}, not at how many answers are right alone")
    pairs = (
        estimator.pairs(n, k, complete)
        if estimator.counts
        else [_averaged(estimator, n, c, k, complete) for c in range(n + 1)]
    )
    return [(wrong if c < n else 0.0, right if c else 0.0) for c, (wrong, right) in enumerate(pairs)]


def curve(name: str, n: int, k: int, options: Mapping[str, Any] | None = None) -> list[float]:
    """eta for c = 0 .. N. Raises as `kinds`."""
    return totals(kinds(name, n, k, options))


def totals(kinds: Sequence[tuple[float, float]]) -> list[float]:
    """eta for c = 0 .. N of what `kinds` gave."""
    n = len(kinds) - 1
    return [(n - c) * abs(wrong) + c * abs(right) for c, (wrong, right) in enumerate(kinds)]


def lr_scale(name: str, n: int, k: int, options: Mapping[str, Any] | None = None) -> float | None:
    """N / max eta: what GRPO's learning rate is to be multiplied by for steps as large as its own.

    None for an estimator that needs more than rewards, or that never moves anything. Raises as `advantage.check`.
    """
    if advantage.get(name).needs:
        return None
    peak = max(curve(name, n, k, options))
    return n / peak if peak else None


def _averaged(estimator: advantage.Estimator, n: int, c: int, k: int, options: dict[str, Any]) -> tuple[float, float]:
    import torch

    generator = torch.Generator().manual_seed(c)
    rewards = torch.rand(max(16, _ROLLOUTS // n), n, generator=generator).argsort(dim=1).lt(c).float()
    extra = {"generator": generator} if "generator" in estimator.inputs else {}
    found = advantage.compute(estimator, rewards, k, **options, **extra).double()
    right = float((found * rewards).sum() / max(1, rewards.sum()))
    wrong = float((found * (1 - rewards)).sum() / max(1, (1 - rewards).sum()))
    return wrong, right
