"""Groups in ascending order: what the estimators on the best of k real-valued rewards are computed from.

With g_1 <= ... <= g_N sorted and gaps d_l = g_{l+1} - g_l >= 0 (l = 1 .. N-1), the best of any set of
rollouts is g_1 plus the gaps below its highest rank. So a mean over sets is a sum over gaps, each times the
share of sets that reach over it: O(N log N) for a group, equal rewards get equal values whatever their
order, and each sum adds numbers of one sign. Where the mean itself is wanted, what is above 0 is counted up
from the lowest reward and what is below 0 down from the highest: a very low reward takes no digits from it.
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
        self.negative = bool((self.values[:, :1] < 0).any())

    def below(self, weights: torch.Tensor) -> torch.Tensor:
        """[P, N]: for each rank i, the sum over l < i of weights_l d_l. weights: [N-1]."""
        return _below(self.gaps * weights)

    def above(self, weights: torch.Tensor) -> torch.Tensor:
        """[P, N]: for each rank i, the sum over l >= i of weights_l d_l. weights: [N-1]."""
        return _above(self.gaps * weights)

    def unsorted(self, by_rank: torch.Tensor) -> torch.Tensor:
        """[P, N] by rank -> in the order of the rollouts."""
        return torch.empty_like(by_rank).scatter_(1, self._order, by_rank)

    def best_with(self, k: int) -> torch.Tensor:
        """[P, N]: for each rank i, the mean best reward of all sets of k rollouts that hold i; 1 <= k <= N."""
        up = self.values.clamp(min=0)
        best = up + _above(up.diff(dim=1) * self.weights(reached_with, k))
        if not self.negative:
            return best
        down = self.values.clamp(max=0)
        return best + (down[:, -1:] - _above(down.diff(dim=1) * self.weights(missed_with, k)))

    def best_without(self, k: int) -> torch.Tensor:
        """[P, N]: for each rank i, the mean best reward of all sets of k rollouts without i; 1 <= k < N."""
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

    def weights(self, of: Callable[[int, int, int], float], k: int) -> torch.Tensor:
        """[N-1]: of(n, l, k) for the gaps l = 1 .. N-1, made once."""
        return _weights(of, self.values.shape[1], k, self.values.device)


def missed_with(n: int, gap: int, k: int) -> float:
    """Share of sets of k, one member at or below the gap given, whose best does so too."""
    return comb(gap - 1, k - 1) / comb(n - 1, k - 1)


def reached_with(n: int, gap: int, k: int) -> float:
    """The others of these sets; their share is taken before anything is rounded."""
    every = comb(n - 1, k - 1)
    return (every - comb(gap - 1, k - 1)) / every


def missed_without_lower(n: int, gap: int, k: int) -> float:
    """Share of sets of k, one rollout at or below the gap left out, whose best lies there."""
    return comb(gap - 1, k) / comb(n - 1, k)


def reached_without_lower(n: int, gap: int, k: int) -> float:
    """The others of these sets."""
    every = comb(n - 1, k)
    return (every - comb(gap - 1, k)) / every


def missed_without_higher(n: int, gap: int, k: int) -> float:
    """Share of sets of k, one rollout above the gap left out, whose best lies at or below it."""
    return comb(gap, k) / comb(n - 1, k)


def reached_without_higher(n: int, gap: int, k: int) -> float:
    """The others of these sets."""
    every = comb(n - 1, k)
    return (every - comb(gap, k)) / every


def _below(terms: torch.Tensor) -> torch.Tensor:
    """[P, N-1] of gaps -> [P, N], of each rank the sum over the gaps below it."""
    return torch.nn.functional.pad(terms.cumsum(dim=1), (1, 0))


def _above(terms: torch.Tensor) -> torch.Tensor:
    """[P, N-1] of gaps -> [P, N], of each rank the sum over the gaps above it."""
    return torch.nn.functional.pad(terms.flip(1).cumsum(dim=1).flip(1), (0, 1))


@lru_cache(maxsize=256)
def _weights(of: Callable[[int, int, int], float], n: int, k: int, device: torch.device) -> torch.Tensor:
    return torch.tensor([of(n, gap, k) for gap in range(1, n)], dtype=torch.float64, device=device)
