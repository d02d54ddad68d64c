"""MaxRL: A_i = (r_i - c/N) / (c/N), the maximum-likelihood end of the line from pass@1 to all pass@k.

arXiv 2602.02710. The mean of A_i grad log p is the mean score of the correct rollouts minus the mean score of all. It
is unbiased for the gradient of -sum over k < N of (1 - p)^k / k, which tends to log p. The sum would include k = N if
the mean score of all were also subtracted in all-incorrect groups. Groups that are all correct or all incorrect get 0.
"""

from passk.advantage import count_estimator


@count_estimator(
    k="1",
    formula="(r_i - c/N) / (c/N)",
    source="arXiv 2602.02710",
    estimates="gradient of log pass@1, its series cut at N - 1, unbiased",
)
def maxrl(n: int, c: int, k: int) -> tuple[float, float]:
    return (-1.0, (n - c) / c) if 0 < c < n else (0.0, 0.0)
