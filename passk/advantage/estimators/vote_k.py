"""Majority voting over all sets of k: how a set with i votes compared with the sets without i.

DAFT's vote@k. A_i is the mean of u over the C(N-1, k-1) sets with i, less its mean over the C(N-1, k) sets without i.
u is the share of correct answers among those that most rollouts of the set gave: 1, 0, or a part in a tie. The mean of
A_i grad log p is unbiased for (1/k) times the gradient of maj@k. `majority` looks at disjoint groups instead, so its
variance is larger. The estimator needs `answers`. All correct rollouts vote together. An unreadable answer does not
vote, unless its rollout is correct. Groups that are all correct or all incorrect get 0.

The sets are counted (passk/statistics/maj_at_k.py) and not enumerated. With M the mean of u over all sets and M_i that
over the sets without i, A_i = (N/k) (M - M_i). The count has an error of 1e-12, so |A_i| below N/k 1e-11 is 0.
"""

import torch

from passk.advantage import estimator
from passk.statistics.maj_at_k import maj_at_k


@estimator(
    k="< N",
    binary=True,
    formula="share of sets of k with i whose vote is correct - that of the sets without i",
    source="DAFT, vote@k",
    estimates="(1/k) gradient of maj@k, unbiased",
)
def vote_k(rewards: torch.Tensor, k: int, *, answers: torch.Tensor) -> torch.Tensor:
    n = rewards.shape[1]
    correct, voters = rewards == 1, answers.clamp(min=-1)
    kinds = voters.masked_fill(correct, -2)
    same = kinds.unsqueeze(2) == kinds.unsqueeze(1)  # [P, N, N]
    first = same.int().argmax(dim=2)  # the first rollout of i's kind: leaving out either gives the same votes
    alone = first == torch.arange(n, device=rewards.device)
    at = alone.nonzero()  # [K, 2]: prompt and rollout to leave out
    kept = torch.ones(len(at), n, dtype=torch.bool, device=rewards.device)
    kept[torch.arange(len(at)), at[:, 1]] = False

    def without(values: torch.Tensor) -> torch.Tensor:
        return values[at[:, 0]][kept].view(len(at), n - 1)

    left_out = torch.zeros_like(rewards)
    left_out[alone] = _share(without(voters), without(correct), k).to(rewards.device)
    whole = _share(voters, correct, k).to(rewards.device).unsqueeze(1)
    change = (whole - left_out.gather(1, first)) * (n / k)
    return change.masked_fill(change.abs() < n / k * 1e-11, 0.0)


def _share(answers: torch.Tensor, correct: torch.Tensor, k: int) -> torch.Tensor:
    """Return the share of sets of k whose vote is correct, [R]: answers and correct [R, N]."""
    if not len(answers):
        return torch.zeros(0, dtype=torch.float64)
    return torch.from_numpy(maj_at_k(answers.cpu().numpy(), correct.cpu().numpy(), k))
