"""Groups in ascending order: what the rules on the best of k real-valued rewards are computed from.

With g_1 <= ... <= g_N sorted and gaps d_l = g_{l+1} - g_l >= 0 (l = 1 .. N-1), the best of any set of
rollouts is g_1 plus the gaps below its highest rank. So a mean over sets is a sum over gaps, each times the
share of sets that reach over it: O(N log N) for a group, equal rewards get equal values whatever their
order, and each sum adds numbers of one sign.
"""

from collections.abc import Callable
from functools import lru_cache
from math import comb

import torch


class Ranked:
    """A batch of groups, sorted. `values` [P, N] ascending, `gaps` [P, N-1] >= 0, float64."""

    def __init__(self, rewards: torch.Tensor) -> None:
        self.values, self._order = rewards.double().sort(dim=1)
        self.gaps = self.values.diff(dim=1)

    def below(self, weights: torch.Tensor) -> torch.Tensor:
        """[P, N]: for each rank i, the sum over l < i of weights_l d_l. weights: [N-1]."""
        return torch.nn.functional.pad((self.gaps * weights).cumsum(dim=1), (1, 0))

    def above(self, weights: torch.Tensor) -> torch.Tensor:
        """[P, N]: for each rank i, the sum over l >= i of weights_l d_l. weights: [N-1]."""
        return torch.nn.functional.pad((self.gaps * weights).flip(1).cumsum(dim=1).flip(1), (0, 1))

    def unsorted(self, by_rank: torch.Tensor) -> torch.Tensor:
        """[P, N] by rank -> in the order of the rollouts."""
        return torch.empty_like(by_rank).scatter_(1, self._order, by_rank)

    def best_with(self, k: int) -> torch.Tensor:
        """[P, N]: for each rank i, the mean best reward of all sets of k rollouts that hold i; 1 <= k <= N."""
        return self.values + self.above(self.weights(reached_with, k))

    def best_without(self, k: int) -> torch.Tensor:
        """[P, N]: for each rank i, the mean best reward of all sets of k rollouts without i; 1 <= k < N."""
        lower, higher = self.weights(reached_without_lower, k), self.weights(reached_without_higher, k)
        return self.values[:, :1] + self.below(higher) + self.above(lower)

    def weights(self, of: Callable[[int, int, int], float], k: int) -> torch.Tensor:
        """[N-1]: of(n, l, k) for the gaps l = 1 .. N-1, made once."""
        return _weights(of, self.values.shape[1], k, self.values.device)


def reached_with(n: int, gap: int, k: int) -> float:
    """Share of sets of k, one member at or below the gap given, whose best lies above it."""
    every, stay = comb(n - 1, k - 1), comb(gap - 1, k - 1)
    return (every - stay) / every


def reached_without_lower(n: int, gap: int, k: int) -> float:
    """Share of sets of k, one rollout at or below the gap left out, whose best lies above it."""
    every, stay = comb(n - 1, k), comb(gap - 1, k)
    return (every - stay) / every


def reached_without_higher(n: int, gap: int, k: int) -> float:
    """Share of sets of k, one rollout above the gap left out, whose best lies above it."""
    every, stay = comb(n - 1, k), comb(gap, k)
    return (every - stay) / every


@lru_cache(maxsize=256)
def _weights(of: Callable[[int, int, int], float], n: int, k: int, device: torch.device) -> torch.Tensor:
    return torch.tensor([of(n, gap, k) for gap in range(1, n)], dtype=torch.float64, device=device)
