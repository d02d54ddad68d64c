"""Positive sample reinforcement: correct rollouts get 1, incorrect ones 0. No baseline, so it does not sum to 0.

Zhu et al. 2025 (arXiv 2506.01347). Its mean of A_i grad log p is unbiased for the gradient of pass@1.
"""

from passk.advantage import count_estimator


@count_estimator(
    k="1",
    formula="1 correct, 0 incorrect",
    source="Zhu et al. 2025, arXiv 2506.01347",
    estimates="gradient of pass@1, unbiased, without a baseline",
)
def psr(n: int, c: int, k: int) -> tuple[float, float]:
    return 0.0, 1.0
