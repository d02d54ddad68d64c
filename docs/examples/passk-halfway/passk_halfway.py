"""The mean of GRPO and Pass@k: easy prompts, whose Pass@k advantage is zero, keep half of their GRPO advantage."""

from passk.advantage import count_estimator
from passk.advantage.estimators.passk_analytical import passk_analytical


@count_estimator(k="< N", formula="(1 - share) grpo + share passk_analytical", source="passk's README")
def halfway(n: int, c: int, k: int, *, share: float = 0.5) -> tuple[float, float]:
    (incorrect_1, correct_1), (incorrect_k, correct_k) = passk_analytical(n, c, 1), passk_analytical(n, c, k)
    return (1 - share) * incorrect_1 + share * incorrect_k, (1 - share) * correct_1 + share * correct_k
