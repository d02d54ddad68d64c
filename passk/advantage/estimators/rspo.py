"""RSPO: what rollout i adds to the best of k - 1 others, so that a low reward gains nothing from a high one beside it.

arXiv 2508.01174, reconstructed from its abstract: unbiased gradients of pass@k and max@k, by the probability that a
response is the best of k. A_i is k times the mean of max(r_i - max T, 0) over the sets T of k - 1 others. That is N
times `pkpo_sloo_minus_one`. On 0/1 rewards a correct rollout gets k C(N-c, k-1) / C(N-1, k-1) and an incorrect one
exactly 0. The mean of A_i grad log p is unbiased for the gradient of max@k. It is never negative, so it does not sum to
0. Groups whose rewards are all equal get 0.
"""

import torch

from passk.advantage import estimator
from passk.advantage.estimators.pkpo_sloo_minus_one import pkpo_sloo_minus_one


@estimator(
    k="2 .. N",
    formula="k times the mean of max(r_i - max T, 0) over the sets T of k-1 others",
    source="arXiv 2508.01174 (reconstructed from the abstract)",
    estimates="gradient of max@k, unbiased",
)
def rspo(rewards: torch.Tensor, k: int) -> torch.Tensor:
    return pkpo_sloo_minus_one(rewards, k) * rewards.shape[1]
