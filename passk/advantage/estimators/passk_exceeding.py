"""Exceeding Pass@k (arXiv 2508.10751, Eq. 17): f(c) = 4 / (10 ln(c + 0.5)) times `passk_analytical`.

It moves the peak of the total advantage to one correct rollout of N. The paper prints 4 over 10 log(c + 0.5) without a
base. With the natural logarithm c = 1 hardly changes (f = 0.99). f is negative at c = 0, where the advantage is 0.
Degenerate groups are those of `passk_analytical`.
"""

import math

from passk.advantage import count_estimator
from passk.advantage.estimators.passk_analytical import passk_analytical


@count_estimator(
    k="< N",
    formula="4 / (10 ln(c + 0.5)) * passk_analytical",
    source="Chen et al. 2025, arXiv 2508.10751, Eq. 17",
    estimates="no objective of its own",
)
def passk_exceeding(n: int, c: int, k: int) -> tuple[float, float]:
    if c == 0:
        return 0.0, 0.0
    incorrect, correct = passk_analytical(n, c, k)
    factor = 4 / (10 * math.log(c + 0.5))
    return factor * incorrect, factor * correct
