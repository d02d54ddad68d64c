"""Groups in ascending order, the basis of the estimators on the best of k real-valued rewards.

Let g_1 <= ... <= g_N be sorted, with gaps d_l = g_{l+1} - g_l >= 0 (l = 1 .. N-1). The best of any set of rollouts is
g_1 plus the gaps below its highest rank. So a mean over sets is a sum over gaps, each times the share of sets that
reach over it. This costs O(N log N) per group. Equal rewards get equal values in any order, and each sum adds numbers
of one sign. For the mean itself, values above 0 are summed up from the lowest reward, and values below 0 down from the
highest. A very low reward therefore takes no digits from it.
"""

from collections.abc import Callable
from functools import lru_cache
from math import comb
from typing import Any

import torch


class Ranked:
    """A batch of sorted groups. `values` [P, N] are ascending, `gaps` [P, N-1] >= 0, float64."""

    def __init__(self, rewards: torch.Tensor) -> None:
        self.values, self._order = rewards.double().sort(dim=1)
        self.gaps = self.values.diff(dim=1)
        self.negative = bool((self.values[:, :1] < 0).any())

    def below(self, weights: torch.Tensor) -> torch.Tensor:
        """Return for each rank i the sum over l < i of weights_l d_l, [P, N]. weights: [N-1]."""
        return _below(self.gaps * weights)

    def above(self, weights: torch.Tensor) -> torch.Tensor:
        """Return for each rank i the sum over l >= i of weights_l d_l, [P, N]. weights: [N-1]."""
        return _above(self.gaps * weights)

    def unsorted(self, by_rank: torch.Tensor) -> torch.Tensor:
        """Return values by rank, [P, N], in the order of the rollouts."""
        return torch.empty_like(by_rank).scatter_(1, self._order, by_rank)

    def best_with(self, k: int) -> torch.Tensor:
        """Return for each rank i the mean best reward of all sets of k rollouts with i, [P, N]; 1 <= k <= N."""
        up = self.values.clamp(min=0)
        best = up + _above(up.diff(dim=1) * self.weights(reached_with, k))
        if not self.negative:
            return best
        down = self.values.clamp(max=0)
        return best + (down[:, -1:] - _above(down.diff(dim=1) * self.weights(missed_with, k)))

    def best_without(self, k: int) -> torch.Tensor:
        """Return for each rank i the mean best reward of all sets of k rollouts without i, [P, N]; 1 <= k < N."""
        up = self.values.clamp(min=0)
        rise = up.diff(dim=1)
        best = up[:, :1] + _below(rise * self.weights(reached_without_higher, k))
        best += _above(rise * self.weights(reached_without_lower, k))
        if not self.negative:
            return best
        down = self.values.clamp(max=0)
        fall = down.diff(dim=1)
        missed = _below(fall * self.weights(missed_without_higher, k))
        missed += _above(fall * self.weights(missed_without_lower, k))
        return best + (down[:, -1:] - missed)

    def weights(self, of: Callable[[int, int, Any], float], k: float) -> torch.Tensor:
        """Return of(n, l, k) for the gaps l = 1 .. N-1, [N-1], computed once."""
        return _weights(of, self.values.shape[1], k, self.values.device)


def missed_with(n: int, gap: int, k: int) -> float:
    """Return the share of sets of k with a given member at or below the gap whose best is there too."""
    return comb(gap - 1, k - 1) / comb(n - 1, k - 1)


def reached_with(n: int, gap: int, k: int) -> float:
    """Return the share of the remaining sets of `missed_with`, computed before any rounding."""
    every = comb(n - 1, k - 1)
    return (every - comb(gap - 1, k - 1)) / every


def missed_without_lower(n: int, gap: int, k: int) -> float:
    """Return the share of sets of k, without a given rollout at or below the gap, whose best lies there."""
    return comb(gap - 1, k) / comb(n - 1, k)


def reached_without_lower(n: int, gap: int, k: int) -> float:
    """Return the share of the remaining sets of `missed_without_lower`."""
    every = comb(n - 1, k)
    return (every - comb(gap - 1, k)) / every


def missed_without_higher(n: int, gap: int, k: int) -> float:
    """Return the share of sets of k, without a given rollout above the gap, whose best lies at or below it."""
    return comb(gap, k) / comb(n - 1, k)


def reached_without_higher(n: int, gap: int, k: int) -> float:
    """Return the share of the remaining sets of `missed_without_higher`."""
    every = comb(n - 1, k)
    return (every - comb(gap, k)) / every


def _below(terms: torch.Tensor) -> torch.Tensor:
    """Return for each rank the sum over the gaps below it: gaps [P, N-1] -> [P, N]."""
    return torch.nn.functional.pad(terms.cumsum(dim=1), (1, 0))


def _above(terms: torch.Tensor) -> torch.Tensor:
    """Return for each rank the sum over the gaps above it: gaps [P, N-1] -> [P, N]."""
    return torch.nn.functional.pad(terms.flip(1).cumsum(dim=1).flip(1), (0, 1))


@lru_cache(maxsize=256)
def _weights(of: Callable[[int, int, Any], float], n: int, k: float, device: torch.device) -> torch.Tensor:
    return torch.tensor([of(n, gap, k) for gap in range(1, n)], dtype=torch.float64, device=device)
