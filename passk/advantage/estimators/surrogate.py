"""Any objective F of the solve rate p: A_i = F'(c/N) (r_i - c/N).

Thrampoulidis, Mahdavi, Deng 2025 (arXiv 2510.23049). Nearly every estimator on 0/1 rewards is the plug-in gradient of
F(pass@1) for some F. `derivative` is F', a formula in p (and k, n) as text. In Python it may be a function of p:

    "1" dr_grpo    "1 / sqrt(p * (1 - p))" grpo    "1 / p" maxrl    "k * (1 - p) ** (k - 1)" reinforce_k

Groups that are all correct or all incorrect get 0, and F' is not evaluated there.
"""

import math
from collections.abc import Callable

from passk.advantage import count_estimator
from passk.advantage.formula import evaluate
from passk.base.errors import ConfigError


@count_estimator(
    k="any",
    formula="F'(c/N) (r_i - c/N)",
    source="Thrampoulidis et al. 2025, arXiv 2510.23049",
    estimates="gradient of F(pass@1), with a bias of O(1/N)",
)
def surrogate(n: int, c: int, k: int, *, derivative: str | Callable[[float], float]) -> tuple[float, float]:
    if not 0 < c < n:
        return 0.0, 0.0
    p = c / n
    weight = evaluate(derivative, p=p, k=k, n=n) if isinstance(derivative, str) else derivative(p)
    if not math.isfinite(weight):
        raise ConfigError(
            "options.derivative", f"is {weight} at p = {p:g}", "give a formula that is finite for 0 < p < 1"
        )
    return -weight * p, weight * ((n - c) / n)
