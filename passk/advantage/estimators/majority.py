"""Majority voting, in disjoint groups of k rollouts: how the vote of i changes the reward of the majority.

Tang et al. 2025 (arXiv 2503.19595): A_i = r(majority of all) - r(majority without i). The sum of A_i grad log p over
a group is unbiased for the gradient of maj@k. Over the floor(N / k) groups of a prompt it is their sum. The
estimator needs `answers`; an unreadable answer does not vote. In a tie the reward is the mean over the leading
answers. Without any vote it is 0. An answer's reward is the mean over the rollouts that gave it. Rollouts that fill no
group get 0.
"""

import torch

from passk.advantage import estimator
from passk.advantage.disjoint import disjoint, rejoined


@estimator(
    k="2 .. N",
    formula="reward of the majority - that without i, in groups of k",
    source="Tang et al. 2025, arXiv 2503.19595",
    estimates="floor(N/k) gradient of maj@k, unbiased",
    scale="sum",
)
def majority(rewards: torch.Tensor, k: int, *, answers: torch.Tensor) -> torch.Tensor:
    groups, votes = disjoint(rewards, k), disjoint(answers, k)  # [P, G, k]
    same = (votes.unsqueeze(3) == votes.unsqueeze(2)) & (votes >= 0).unsqueeze(2)  # [P, G, k, k]
    count = same.sum(dim=3)  # [P, G, k], 0 for a rollout that does not vote
    itself = torch.eye(k, dtype=torch.bool, device=votes.device)
    without_i = (count.unsqueeze(2) - same.long()).masked_fill(itself, 0)  # [P, G, i left out, k]
    change = _elected(count, groups).unsqueeze(2) - _elected(without_i, groups.unsqueeze(2))
    return rejoined(change, rewards.shape[1])


def _elected(count: torch.Tensor, rewards: torch.Tensor) -> torch.Tensor:
    """Return the mean reward of the rollouts whose answer leads; leaders have equally many votes. [..., k] -> [...]."""
    front = (count == count.amax(dim=-1, keepdim=True)) & (count > 0)
    return (front * rewards).sum(dim=-1) / front.sum(dim=-1).clamp(min=1)
