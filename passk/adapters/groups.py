"""Advantages of groups in which a trainer has rejected some rollouts.

A rollout is rejected if the trainer trains on none of its tokens, so that its mask is all zero. It gets the advantage
0 and is left out of its group, so the others get the advantages of a smaller group.
"""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch

from passk import advantage
from passk.base.errors import ConfigError


def advantages(
    estimator: advantage.Estimator,
    rewards: torch.Tensor,
    prompts: Sequence[Hashable],
    trained: Sequence[bool],
    k: int,
    options: Mapping[str, Any],
    *,
    answers: Sequence[str | None] | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Return the advantage of each rollout, [B], float32.

    rewards: [B]. prompts: [B], equal for the rollouts of a group. trained: [B], False for a rejected rollout.
    answers, generator: as `passk.advantage.compute`, but answers are [B].

    A group whose rejections leave too few rollouts for k gets zero advantages, with a warning. Raise ConfigError for a
    group that had too few before. Raise as `compute` for the remaining rollouts.
    """
    result = torch.zeros_like(rewards, dtype=torch.float32)
    for rows in _groups(estimator, prompts, trained, k, options):
        inputs: dict[str, Any] = {"generator": generator}
        if answers is not None:
            inputs["answers"] = [[answers[row] for row in group] for group in rows]
        at = torch.tensor(rows, device=rewards.device)
        result[at] = advantage.compute(estimator, rewards[at], k, **options, **inputs)
    return result


def _groups(
    estimator: advantage.Estimator,
    prompts: Sequence[Hashable],
    trained: Sequence[bool],
    k: int,
    options: Mapping[str, Any],
) -> list[list[list[int]]]:
    """Return the groups' rows without the rejected ones, a list for each group size."""
    by_prompt: dict[Hashable, list[int]] = {}
    for row, prompt in enumerate(prompts):
        by_prompt.setdefault(prompt, []).append(row)
    by_size: dict[int, list[list[int]]] = {}
    for rows in by_prompt.values():
        remaining = [row for row in rows if trained[row]]
        size = len(remaining)
        if not remaining:
            continue
        if size < len(rows) and not _is_defined(estimator, k, size, options):
            advantage.check(estimator, k, len(rows), options)
            warnings.warn(
                f"passk: rejected rollouts left a group too small for {estimator.name} with k={k}; "
                "its advantages are 0",
                stacklevel=2,
            )
            continue
        by_size.setdefault(size, []).append(remaining)
    return list(by_size.values())


def _is_defined(estimator: advantage.Estimator, k: int, size: int, options: Mapping[str, Any]) -> bool:
    try:
        advantage.check(estimator, k, size, options)
    except ConfigError:
        return False
    return True
