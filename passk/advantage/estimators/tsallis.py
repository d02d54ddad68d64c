"""The power family of weights between the mean reward and the likelihood: A_i = (c/N)^-q (r_i - c/N).

The Tsallis objective J_Q (arXiv 2604.25907) and the power family of RL2ML (arXiv 2605.30154): F'(p) = p^-q, so
F(p) = (p^(1-q) - 1) / (1 - q), the deformed logarithm of p. q = 0 is `dr_grpo`, q = 1 is `maxrl`. It equals `surrogate`
with that derivative. Groups that are all correct or all incorrect get 0.
"""

from typing import Annotated

from pydantic import Field

from passk.advantage import count_estimator


@count_estimator(
    k="1",
    formula="(c/N)^-q (r_i - c/N)",
    source="arXiv 2604.25907; arXiv 2605.30154",
    estimates="gradient of F(pass@1), F'(p) = p^-q, with a bias of O(1/N)",
)
def tsallis(n: int, c: int, k: int, *, q: Annotated[float, Field(ge=0, allow_inf_nan=False)]) -> tuple[float, float]:
    if not 0 < c < n:
        return 0.0, 0.0
    weight = (n / c) ** q
    return -weight * c / n, weight * (n - c) / n
