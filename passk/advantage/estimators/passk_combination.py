"""Combination training (arXiv 2508.10751, Eq. 18): A = c/N A_pass@k + (1 - c/N) A_pass@1, on each prompt.

Hard prompts get mostly the Pass@1 advantage (`grpo`). Easy ones get mostly that of `passk_analytical`, which fades to
0. Groups that are all correct or all incorrect get 0.
"""

from passk.advantage import count_estimator
from passk.advantage.estimators.passk_analytical import passk_analytical


@count_estimator(
    k="< N",
    formula="c/N * passk_analytical + (1 - c/N) * grpo",
    source="Chen et al. 2025, arXiv 2508.10751, Eq. 18",
    estimates="no objective of its own",
)
def passk_combination(n: int, c: int, k: int) -> tuple[float, float]:
    of_k, of_1 = passk_analytical(n, c, k), passk_analytical(n, c, 1)
    share = c / n
    return share * of_k[0] + (1 - share) * of_1[0], share * of_k[1] + (1 - share) * of_1[1]
