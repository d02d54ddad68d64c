"""The difference between vLLM's and the trainer's log-probabilities of a step's rollouts."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openrlhf.trainer.ppo_utils.experience import Experience

NAMES = ("importance_gap", "importance_ratio")


def of_rollouts(experiences: "list[Experience]") -> dict[str, float]:
    """Return the mismatch over all response tokens; {} where vLLM returned no log-probabilities.

    importance_gap: mean |log p_trainer - log p_vLLM|, nats. importance_ratio: mean of p_trainer / p_vLLM.
    """
    import torch

    if any(e.rollout_log_probs is None or e.action_log_probs is None for e in experiences):
        return {}
    differences = torch.cat(
        [(e.action_log_probs - e.rollout_log_probs).float()[e.action_mask.bool()] for e in experiences]
    )
    return dict(zip(NAMES, (float(differences.abs().mean()), float(differences.exp().mean())), strict=True))
