"""GRPO's advantage, the Pass@1 rule: A_i = (r_i - mean(r)) / std(r), std with 1/N (population).

Source: Shao et al. 2024 (arXiv 2402.03300); the population deviation as in Pass@k Training, Eq. 1-4
(arXiv 2508.10751). OpenRLHF's group_norm divides by the sample deviation (1/(N-1)) plus 1e-9 instead.

A group whose rewards are all equal gets 0. No epsilon is added, so every other group has exactly unit
deviation and rewards of any size or distance do: advantages do not change with scale and offset.
"""

import torch


def grpo(rewards: torch.Tensor, k: int) -> torch.Tensor:
    """rewards [P, N], finite; k is 1. Returns [P, N] float32: rows of mean 0 and deviation 1, or of zeros."""
    rewards = rewards.double()
    low, high = rewards.aminmax(dim=1, keepdim=True)
    spread = high - low
    flat = spread == 0
    # into [0, 1] first: the spread of float32 values may be too small or too large to be squared
    unit = (rewards - low) / spread.masked_fill(flat, 1.0)
    centred = unit - unit.mean(dim=1, keepdim=True)
    deviation = centred.square().mean(dim=1, keepdim=True).sqrt()
    return (centred / deviation.masked_fill(flat, 1.0)).masked_fill(flat, 0.0).float()
