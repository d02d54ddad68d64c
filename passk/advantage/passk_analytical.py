"""The analytic Pass@k advantage of Pass@k Training (arXiv 2508.10751, Eq. 7-15): all C(N, k) groups.

With c right answers of N, q = C(N-c, k) / C(N, k) the share of groups without one, R = 1 - q a group's mean
reward and s = sqrt(q (1 - q)) its deviation, the mean of the normalised advantages of the groups that a
rollout is in is

    right:  (1 - R) / s                                  = sqrt(q / (1 - q))
    wrong:  (1 - R - C(N-c-1, k-1) / C(N-1, k-1)) / s    = -c / (N - c) * sqrt(q / (1 - q))

The right-hand forms are what is computed; the two sum to 0 over a prompt, so A_i = w(c) (r_i - c/N) with
w(c) = sqrt(q / (1 - q)) / (1 - c/N). k = 1 is `grpo`.

Degenerate groups get exactly 0: none right (c = 0), and fewer wrong than k (N - c < k), where every group
has a right answer already. k = N would be one group, always 0: refused.

Precision: q / (1 - q) is a ratio of exact integers, rounded once. Values below float32's smallest normal
number (1.2e-38: hundreds of rollouts, nearly all right, k near N/2) become exactly 0; every other one is
right to 1e-6.
"""

import math
from functools import lru_cache

import torch

from passk.errors import PasskError


def passk_analytical(rewards: torch.Tensor, k: int) -> torch.Tensor:
    """rewards [P, N] of 0 and 1, 1 <= k < N. Returns [P, N] float32. Raises PasskError for other rewards."""
    other = rewards[(rewards != 0) & (rewards != 1)]
    if other.numel():
        shown = ", ".join(f"{value:g}" for value in other.unique()[:3].tolist())
        raise PasskError(f"rewards: passk_analytical takes 0 and 1 alone, not {shown}; use a verifier that scores so")
    right = rewards.long()
    count = right.sum(dim=1, keepdim=True)
    return _table(rewards.shape[1], k, rewards.device)[2 * count + right]


@lru_cache(maxsize=64)
def _table(n: int, k: int, device: torch.device) -> torch.Tensor:
    """[2 (n + 1)] float32: beside c right answers, a wrong one's at 2c, a right one's at 2c + 1."""
    flat = [value for c in range(n + 1) for value in advantages(n, c, k)]
    table = torch.tensor(flat, dtype=torch.float64)
    return table.masked_fill(table.abs() < torch.finfo(torch.float32).tiny, 0.0).float().to(device)


def advantages(n: int, c: int, k: int) -> tuple[float, float]:
    """The advantages of a wrong and of a right answer where c of n are right: float64, 1 <= k < n."""
    without = math.comb(n - c, k)
    if c == 0 or without == 0:
        return 0.0, 0.0
    right = math.sqrt(without / (math.comb(n, k) - without))
    return -c / (n - c) * right, right
