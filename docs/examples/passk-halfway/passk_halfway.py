"""Halfway between Pass@1 and Pass@k: their mean, so that easy prompts, which Pass@k lets go, keep something."""

from passk.advantage import count_estimator
from passk.advantage.estimators.passk_analytical import passk_analytical


@count_estimator(k="< N", formula="(1 - share) grpo + share passk_analytical", source="passk's README")
def halfway(n: int, c: int, k: int, *, share: float = 0.5) -> tuple[float, float]:
    (wrong_1, right_1), (wrong_k, right_k) = passk_analytical(n, c, 1), passk_analytical(n, c, k)
    return (1 - share) * wrong_1 + share * wrong_k, (1 - share) * right_1 + share * right_k
