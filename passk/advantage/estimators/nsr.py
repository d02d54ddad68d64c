"""Negative sample reinforcement: incorrect rollouts get -1, correct ones 0. No baseline, so it does not sum to 0.

Zhu et al. 2025 (arXiv 2506.01347). Its mean of A_i grad log p is unbiased for the gradient of pass@1. An
all-incorrect group lowers the probability of all its rollouts.
"""

from passk.advantage import count_estimator


@count_estimator(
    k="1",
    formula="0 correct, -1 incorrect",
    source="Zhu et al. 2025, arXiv 2506.01347",
    estimates="gradient of pass@1, unbiased, without a baseline",
)
def nsr(n: int, c: int, k: int) -> tuple[float, float]:
    return -1.0, 0.0
