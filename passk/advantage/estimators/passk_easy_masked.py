"""`passk_analytical` without easy prompts: 0 where the share of correct rollouts exceeds `threshold`.

From the ablation of Pass@k Training (arXiv 2508.10751, section 4.1.2). k = 1 is its "Pass@1 without easy problems". A
cut of easy prompts only delays the plateau, whereas fading advantages avoid it. The paper does not print its
threshold, so there is no default.
"""

from typing import Annotated

from pydantic import Field

from passk.advantage import count_estimator
from passk.advantage.estimators.passk_analytical import passk_analytical


@count_estimator(
    k="< N",
    formula="passk_analytical where c/N <= threshold, else 0",
    source="Chen et al. 2025, arXiv 2508.10751, section 4.1.2",
    estimates="no objective of its own",
)
def passk_easy_masked(n: int, c: int, k: int, *, threshold: Annotated[float, Field(ge=0, le=1)]) -> tuple[float, float]:
    return (0.0, 0.0) if c / n > threshold else passk_analytical(n, c, k)
