"""The analytic Pass@k advantage of Pass@k Training (arXiv 2508.10751, Eq. 7-15): all C(N, k) groups.

Let c of N rollouts be correct and q = C(N-c, k) / C(N, k) the share of groups without a correct one. R = 1 - q is the
mean reward of a group and s = sqrt(q (1 - q)) its deviation. The mean of the normalised advantages over the groups of
a rollout is

    correct:    (1 - R) / s                                  = sqrt(q / (1 - q))
    incorrect:  (1 - R - C(N-c-1, k-1) / C(N-1, k-1)) / s    = -c / (N - c) * sqrt(q / (1 - q))

passk computes the right-hand forms. The two sum to 0 over a prompt, so A_i = w(c) (r_i - c/N) with
w(c) = sqrt(q / (1 - q)) / (1 - c/N). k = 1 is `grpo`. `sigma=False` leaves out the division by s, as Dr. GRPO does:
correct q, incorrect -c / (N - c) q. Its mean of A_i grad log p is (1/k - 1/N) times the gradient of pass@k.

Degenerate groups get exactly 0. These are groups without a correct rollout (c = 0), and groups with fewer than k
incorrect (N - c < k), where every set of k has a correct one. k = N is rejected: its single group always gets 0.

Precision: q / (1 - q) is a ratio of exact integers, rounded once.
"""

import math

from passk.advantage import count_estimator


@count_estimator(
    k="< N",
    formula="correct sqrt(q / (1-q)), incorrect -c/(N-c) times that; q = C(N-c,k) / C(N,k)",
    source="Chen et al. 2025, arXiv 2508.10751, Eq. 7-15",
    estimates="gradient of (2/k) arcsin sqrt(pass@k), as N grows; sigma=False: (1/k - 1/N) gradient of pass@k",
)
def passk_analytical(n: int, c: int, k: int, *, sigma: bool = True) -> tuple[float, float]:
    without, groups = math.comb(n - c, k), math.comb(n, k)
    if c == 0 or without == 0:
        return 0.0, 0.0
    correct = math.sqrt(without / (groups - without)) if sigma else without / groups
    return -c / (n - c) * correct, correct
