"""F-GRPO: GRPO's advantage times the focal weight (1 - c/N)^gamma, which is small on easy prompts.

arXiv 2602.06717. On 0/1 rewards it is the plug-in gradient of F(pass@1) with F'(p) = (1 - p)^gamma / sqrt(p (1 - p)),
so it equals `surrogate` with that derivative. gamma = 0 is `grpo`. Groups that are all correct or all incorrect get 0.
"""

import math
from typing import Annotated

from pydantic import Field

from passk.advantage import count_estimator


@count_estimator(
    k="1",
    formula="(1 - c/N)^gamma (r_i - c/N) / sqrt(c/N (1 - c/N))",
    source="arXiv 2602.06717",
    estimates="gradient of F(pass@1), F'(p) = (1-p)^gamma / sqrt(p (1-p)), with a bias of O(1/N)",
)
def f_grpo(n: int, c: int, k: int, *, gamma: Annotated[float, Field(ge=0, allow_inf_nan=False)]) -> tuple[float, float]:
    if not 0 < c < n:
        return 0.0, 0.0
    weight = ((n - c) / n) ** gamma * n / math.sqrt(c * (n - c))
    return -weight * c / n, weight * (n - c) / n
