"""Set RL: the mean of an objective f over the sets of k with i, less its mean over all sets of k.

Polychromic objectives (arXiv 2509.25424) and Poly-EPO (arXiv 2604.17654). By default f is the best reward of the set.
That is (N - k) / k times `maxpo`, and on 0/1 rewards `passk_analytical` with sigma=False. With `diversity=True` f is
the mean reward of the set times the number of its distinct `answers` over k, the polychromic objective. This product is
a reconstruction: the source's text was not available. A rollout without an answer adds no distinct one. The mean of
A_i grad log p is (1/k - 1/N) times the gradient of the expected f. Groups whose rewards are all equal get 0 by default.

All sets are counted, none is enumerated. Given that i is in the set, a cluster of m rollouts without i is met with
probability 1 - C(N-1-m, k-1) / C(N-1, k-1). Given i and j it is 1 - C(N-2-m, k-2) / C(N-2, k-2).

If every set had all answers, k^2 times the mean of f over the sets with i would be the number of answers times
((N-k) r_i + (k-1) sum r) / (N-1). What f lacks by missed answers is computed apart, since the sets that miss one may be
so few that no digit of theirs is left in a sum.
"""

from math import comb

import torch

from passk.advantage import estimator
from passk.advantage.estimators.maxpo import maxpo
from passk.base.errors import PasskError


@estimator(
    k="< N",
    formula="mean of f over the sets of k with i - its mean over all sets; f: best, or mean * distinct answers / k",
    source="arXiv 2604.17654; arXiv 2509.25424 (diversity reconstructed)",
    estimates="(1/k - 1/N) gradient of max@k; diversity=True: (1/k - 1/N) gradient of the mean f of k",
)
def poly_epo(
    rewards: torch.Tensor, k: int, *, answers: torch.Tensor | None = None, diversity: bool = False
) -> torch.Tensor:
    n = rewards.shape[1]
    if not diversity:
        return maxpo(rewards, k) * ((n - k) / k)
    if answers is None:
        raise PasskError("answers: poly_epo with diversity needs them; pass answers=, or set diversity to false")
    distinct, lost = _polychromic(rewards, k, answers)
    return (_centred(rewards) * distinct * ((n - k) / (n - 1)) - _centred(lost)) / k**2


def _centred(values: torch.Tensor) -> torch.Tensor:
    flat = (values == values[:, :1]).all(dim=1, keepdim=True)
    return (values - values.mean(dim=1, keepdim=True)).masked_fill(flat, 0.0)


def _polychromic(rewards: torch.Tensor, k: int, answers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the number of answers, [P, 1], and k^2 times what f lacks by the missed ones, [P, N]."""
    n = rewards.shape[1]
    known = answers >= 0
    same = (answers.unsqueeze(2) == answers.unsqueeze(1)) & known.unsqueeze(2)  # [P, N, N]
    size = same.sum(dim=2)  # [P, N]: rollouts with i's answer, 0 without one
    with_i, with_both = (_missed(n, k, other, rewards.device).take(size) * known for other in (1, 2))
    share = known.double() / size.clamp(min=1)  # each answer counts once
    distinct = share.sum(dim=1, keepdim=True)
    of_i = (share * with_i).sum(dim=1, keepdim=True) - with_i
    of_both = (share * with_both).sum(dim=1, keepdim=True) - with_both
    others = rewards.sum(dim=1, keepdim=True) - rewards
    weighted = (rewards * with_both).sum(dim=1, keepdim=True) - rewards * with_both
    alike = (same * rewards.unsqueeze(1)).sum(dim=2) - rewards * known
    pairs = others * of_both - weighted + with_both * alike
    return distinct, rewards * of_i + pairs * ((k - 1) / (n - 1))


def _missed(n: int, k: int, members: int, device: torch.device) -> torch.Tensor:
    """Return the share of sets of k with `members` given rollouts that miss an answer given m times, m = 0 .. N."""
    rest, drawn = n - members, k - members
    shares = [comb(max(0, rest - m), drawn) / comb(rest, drawn) if drawn >= 0 else 0.0 for m in range(n + 1)]
    return torch.tensor(shares, dtype=torch.float64, device=device)
