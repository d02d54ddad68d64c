"""Measure how much an estimator moves the policy on a prompt, by its number of correct rollouts.

Eq. 16 of Pass@k Training (arXiv 2508.10751): eta(c) = c |A_correct| + (N - c) |A_incorrect|, the sum of |A_i| over the
N rollouts of a prompt. GRPO's peak is N, at half correct. Pass@k estimators have a lower peak. Adam divides such a
constant factor out of its updates (docs/advantage.md), so eta compares prompts within one estimator.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from passk import advantage
from passk.base.errors import ConfigError

_ROLLOUTS = 8192
"""Rollouts drawn for each c (at least 16 prompts) to average an estimator that draws or depends on order."""


def kinds(name: str, n: int, k: int, options: Mapping[str, Any] | None = None) -> list[tuple[float, float]]:
    """Return (incorrect, correct), the mean advantage of each kind, for c = 0 .. N correct rollouts; 0 for no rollout.

    Raise ConfigError as `advantage.check`, and for an estimator that needs more than rewards.
    """
    estimator, complete = advantage.get(name), advantage.check(name, k, n, options)
    if estimator.needs:
        raise ConfigError(
            "advantage", f"{name} needs {estimator.needs[0]}, not only the number of correct rollouts", "choose another"
        )
    pairs = (
        estimator.pairs(n, k, complete)
        if estimator.counts
        else [_averaged(estimator, n, c, k, complete) for c in range(n + 1)]
    )
    return [(incorrect if c < n else 0.0, correct if c else 0.0) for c, (incorrect, correct) in enumerate(pairs)]


def curve(name: str, n: int, k: int, options: Mapping[str, Any] | None = None) -> list[float]:
    """Return eta for c = 0 .. N. Raise as `kinds`."""
    return totals(kinds(name, n, k, options))


def totals(kinds: Sequence[tuple[float, float]]) -> list[float]:
    """Return eta for c = 0 .. N from the result of `kinds`."""
    n = len(kinds) - 1
    return [(n - c) * abs(incorrect) + c * abs(correct) for c, (incorrect, correct) in enumerate(kinds)]


def _averaged(estimator: advantage.Estimator, n: int, c: int, k: int, options: dict[str, Any]) -> tuple[float, float]:
    import torch

    generator = torch.Generator().manual_seed(c)
    rewards = torch.rand(max(16, _ROLLOUTS // n), n, generator=generator).argsort(dim=1).lt(c).float()
    extra = {"generator": generator} if "generator" in estimator.inputs else {}
    advantages = advantage.compute(estimator, rewards, k, **options, **extra).double()
    correct = float((advantages * rewards).sum() / max(1, rewards.sum()))
    incorrect = float((advantages * (1 - rewards)).sum() / max(1, (1 - rewards).sum()))
    return incorrect, correct
