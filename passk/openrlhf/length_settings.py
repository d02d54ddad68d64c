"""Responses that are too long: their share of the reward, and whether the loss has them."""

from typing import TYPE_CHECKING, Any

import torch
from openrlhf.trainer.ppo_utils.length_penalty import apply_length_penalties

if TYPE_CHECKING:
    from openrlhf.trainer.ppo_utils.experience import Experience

_LEAST = 1e-9
"""Stands for no token, so that OpenRLHF's means over tokens are defined."""


def penalties(experiences: "list[Experience]", args: Any) -> list[torch.Tensor]:
    """Return what OpenRLHF adds to the rewards for their length, one tensor [rows] each; the rewards stay unchanged."""
    before = [experience.rewards.clone() for experience in experiences]
    apply_length_penalties(experiences, args)
    added = [experience.rewards - rewards for experience, rewards in zip(experiences, before, strict=True)]
    for experience, rewards in zip(experiences, before, strict=True):
        experience.rewards = rewards
    return added


def mask_truncated(experiences: "list[Experience]") -> None:
    """Take the tokens of responses that were cut off out of the loss. Their group keeps its advantages."""
    for experience in experiences:
        cut = experience.truncated.bool()
        experience.action_mask = experience.action_mask * ~cut[:, None]


def bounded(info: dict[str, Any]) -> dict[str, Any]:
    """Return the divisors of a loss for an optimizer step, none of them 0, since a step may have no token left."""
    return info | {name: info[name].clamp(min=_LEAST) for name in ("batch_num_tokens", "global_batch_size")}


def defined(status: dict[str, Any]) -> dict[str, Any]:
    """Return the status of a micro-batch in which means over no token are 0 and have no weight."""
    if status["num_action_tokens"]:
        return status
    metrics = {
        name: value.nan_to_num(nan=0.0) if isinstance(value, torch.Tensor) else value
        for name, value in status["metrics"].items()
    }
    return status | {"metrics": metrics, "num_action_tokens": _LEAST}
