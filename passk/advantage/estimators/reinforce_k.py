"""The plug-in gradient of pass@k: A_i = k (1 - c/N)^(k-1) (r_i - c/N).

REINFORCE with the chain rule, grad pass@k = k (1 - p)^(k-1) grad p, and p replaced by c/N (Mahdavi et al. 2025, and
one of a family in arXiv 2510.23049). Its bias is O(1/N). It is defined for every k, also k > N. Groups that are all
correct or all incorrect get 0.
"""

from passk.advantage import count_estimator


@count_estimator(
    k="any",
    formula="k (1 - c/N)^(k-1) (r_i - c/N)",
    source="Mahdavi et al. 2025; Thrampoulidis et al. 2025, arXiv 2510.23049",
    estimates="gradient of pass@k, with a bias of O(1/N)",
)
def reinforce_k(n: int, c: int, k: int) -> tuple[float, float]:
    weight = k * ((n - c) / n) ** (k - 1)
    return -weight * c / n, weight * (n - c) / n
