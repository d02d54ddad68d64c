"""Weighted REINFORCE: correct rollouts get lambda = `positive`, incorrect ones -1.

Zhu et al. 2025 (arXiv 2506.01347), with lambda 0.1: `nsr` plus a little `psr`. Its mean of A_i grad log p is unbiased
for (1 + lambda) times the gradient of pass@1. There is no baseline, so it does not sum to 0.
"""

from typing import Annotated

from pydantic import Field

from passk.advantage import count_estimator


@count_estimator(
    k="1",
    formula="lambda correct, -1 incorrect",
    source="Zhu et al. 2025, arXiv 2506.01347",
    estimates="(1 + lambda) gradient of pass@1, unbiased, without a baseline",
)
def w_reinforce(
    n: int, c: int, k: int, *, positive: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
) -> tuple[float, float]:
    return -1.0, positive
