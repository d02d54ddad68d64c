"""Cut a prompt's rollouts into disjoint groups of k, in their order."""

import torch


def disjoint(values: torch.Tensor, k: int) -> torch.Tensor:
    """Cut values [P, N] into groups [P, N // k, k]. The last N % k rollouts fill no group and are left out."""
    prompts, n = values.shape
    return values[:, : n // k * k].reshape(prompts, n // k, k)


def rejoined(groups: torch.Tensor, n: int) -> torch.Tensor:
    """Join groups [P, N // k, k] to [P, n], with 0 for the rollouts that filled no group."""
    prompts, count, k = groups.shape
    return torch.nn.functional.pad(groups.reshape(prompts, count * k), (0, n - count * k))
