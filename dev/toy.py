"""PKPO's toy experiments (Walder & Karkhanis 2025, arXiv 2505.15201, section 5.1) with passk.advantage.

    python -m dev.toy --out DIR

The policy draws x from N(theta, 0.1^2). The reward is x^2 on [0, 1] and 0 elsewhere, so larger x is better but riskier,
and the best of k samples tolerates more risk. The command prints the tables and writes three figures to DIR:
toy-optimum.png, toy-variance.png, toy-transform.png.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from passk import advantage
from reports.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEED = 0
SD = 0.1
KS = (1, 2, 4, 8, 16)
LINES = ("-", "--", ":", "-.", (0, (3, 1, 1, 1)), (0, (5, 1)))
START, STEPS, RATE, LAST, PROMPTS = 0.8, 1000, 4e-3, 200, 64
"""Gradient ascent: start, steps, learning rate, steps averaged at the end, and groups of 16 per step."""
K, THETA, DRAWS, NS = 4, 1.0, 10_000, (4, 8, 16, 32, 64)
"""Variance: at theta = 1 half of the samples lie beyond the edge."""

Estimator = Callable[[torch.Tensor], torch.Tensor]
"""Function from rewards [P, N] to the weights of grad log p, whose sum is the gradient, [P, N]."""


def reward(x: torch.Tensor) -> torch.Tensor:
    return torch.where((x >= 0) & (x <= 1), x * x, 0.0)


# The exact values


def max_at_k(theta: torch.Tensor, k: int) -> torch.Tensor:
    """Return the expected best reward of k samples, for each theta [M] -> [M], float64.

    It is the integral over u of P(best > u^2) 2 u from 0 to 1, by trapezoids on 4,001 points with an error of 1e-7.
    """
    u = torch.linspace(0, 1, 4001, dtype=torch.float64)
    theta = theta.double().unsqueeze(-1)
    below = 1 - _normal((1 - theta) / SD) + _normal((u - theta) / SD)
    return torch.trapezoid((1 - below**k) * 2 * u, u, dim=-1)


def _normal(z: torch.Tensor) -> torch.Tensor:
    return torch.special.ndtr(z)


def gradient(theta: float, k: int) -> float:
    """Return the derivative of max_at_k."""
    point = torch.tensor([theta], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(max_at_k(point, k).sum(), point)
    return float(slope)


def optimum(k: int) -> tuple[float, float]:
    """Return (theta, max@k) at the maximum."""
    low, high = 0.5, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if gradient(middle, k) > 0 else (low, middle)
    return low, float(max_at_k(torch.tensor([low]), k))


# 1. The optimum over k, and the way there


def ascend(k: int) -> list[float]:
    """Return theta over the steps of gradient ascent on max@k of groups of 16, by pkpo_sloo_minus_one (k = 1: rloo)."""
    generator = torch.Generator().manual_seed(SEED)
    theta, passed = START, []
    for _ in range(STEPS):
        noise = torch.randn(PROMPTS, max(KS), generator=generator)
        rewards, score = reward(theta + SD * noise), noise / SD
        if k == 1:
            slope = (advantage.compute("rloo", rewards, 1) * score).mean(dim=1)
        else:
            slope = (advantage.compute("pkpo_sloo_minus_one", rewards, k) * score).sum(dim=1)
        theta += RATE * float(slope.mean())
        passed.append(theta)
    return passed


def show_optimum(out: Path) -> None:
    print(f"\n| k | best theta | max@k there | ascent: mean theta of the last {LAST} steps | their deviation |")
    print("|---|---|---|---|---|")
    with style.figure(out / "toy-optimum.png", 1, 2, 3.4) as (figure, grid):
        objective, ways = grid.flat
        thetas = torch.linspace(0.6, 1.15, 221)
        ends = []
        for k, colour, line in zip(KS, style.COLOURS, LINES, strict=False):
            best, height = optimum(k)
            way = ascend(k)
            last = torch.tensor(way[-LAST:])
            print(f"| {k} | {best:.3f} | {height:.3f} | {last.mean():.3f} | {last.std():.4f} |", flush=True)
            objective.plot(thetas, max_at_k(thetas, k), color=colour, linestyle=line, label=f"k = {k}")
            objective.plot([best], [height], "o", color=colour, markersize=4)
            ways.plot(range(1, len(way) + 1), way, color=colour, linewidth=1)
            ways.axhline(best, color=colour, linewidth=0.8, linestyle=":")
            ends.append((way[-1], f"k = {k}", colour))
        objective.set(title="E[best of k], its maximum a dot", xlabel="theta, the policy's mean", ylabel="max@k")
        objective.legend(frameon=False, loc="lower center", fontsize=8)
        ways.set(title="Gradient ascent; dotted: the maximum", xlabel="step", ylabel="theta")
        style.fit(figure, w_pad=2, rect=(0, 0, 0.93, 1))
        style.label_ends(ways, ends, STEPS)


# 2. The variance over N


def named(name: str) -> Estimator:
    return lambda rewards: advantage.compute(name, rewards, K)


def centred(rewards: torch.Tensor) -> torch.Tensor:
    weights = advantage.compute("pkpo_s", rewards, K)
    return weights - weights.mean(dim=1, keepdim=True)


def sloo_of_k_over_n(rewards: torch.Tensor) -> torch.Tensor:
    """Return `pkpo_sloo` with its baseline times (N-1)/N: the mean over N-1 others with the weight k/N of s_i."""
    n, with_i = rewards.shape[1], advantage.compute("pkpo_s", rewards, K)
    return with_i + (advantage.compute("pkpo_sloo", rewards, K) - with_i) * ((n - 1) / n)


def partition(rewards: torch.Tensor, *, baseline: bool) -> torch.Tensor:
    """Give a group's best to all its members, in disjoint groups of k. A baseline subtracts the other groups' mean."""
    best = rewards.view(len(rewards), -1, K).amax(dim=2)  # [P, G]
    groups = best.shape[1]
    if baseline:
        best = (best - best.mean(dim=1, keepdim=True)) * groups / (groups - 1)
    return (best / groups).repeat_interleave(K, dim=1)


def leave_one_out_of_groups(rewards: torch.Tensor) -> torch.Tensor:
    """Return `loo_max` as a mean over the groups instead of a sum."""
    return advantage.compute("loo_max", rewards, K) * (K / rewards.shape[1])


ESTIMATORS: dict[str, tuple[Estimator, int]] = {
    "s": (named("pkpo_s"), K),
    "s_loo": (named("pkpo_sloo"), K + 1),
    "s_loo, baseline k/N": (sloo_of_k_over_n, K + 1),
    "s_loo-1": (named("pkpo_sloo_minus_one"), K),
    "maxpo": (named("maxpo"), K + 1),
    "s - mean (biased)": (centred, K),
    "naive partition": (lambda rewards: partition(rewards, baseline=False), K),
    "naive + other groups' mean": (lambda rewards: partition(rewards, baseline=True), 2 * K),
    "loo_max on a partition": (leave_one_out_of_groups, K),
}
"""Estimators, with the smallest N of each."""


def estimates(estimator: Estimator, n: int) -> torch.Tensor:
    """Return DRAWS independent estimates of the gradient from n samples each, the same for every estimator."""
    noise = torch.randn(DRAWS, n, generator=torch.Generator().manual_seed(SEED + n))
    return (estimator(reward(THETA + SD * noise)).double() * noise / SD).sum(dim=1)


def variance(values: torch.Tensor) -> tuple[float, float]:
    """Return the variance and its standard error, from the fourth moment."""
    away = values - values.mean()
    second, fourth = float(away.square().mean()), float(away.pow(4).mean())
    return second, math.sqrt(max(0.0, fourth - second**2) / len(values))


def show_variance(out: Path) -> None:
    truth = gradient(THETA, K)
    print(f"\ngradient at theta = {THETA:g}, k = {K}: {truth:.4f}; {DRAWS} estimates per cell, seed {SEED} + N")
    spread: dict[str, list[tuple[int, float, float]]] = {}
    mean: dict[str, list[str]] = {}
    for name, (estimator, smallest) in ESTIMATORS.items():
        spread[name], mean[name] = [], []
        for n in NS:
            if n < smallest:
                mean[name].append("-")
                continue
            values = estimates(estimator, n)
            value, error = variance(values)
            spread[name].append((n, value, error))
            mean[name].append(f"{values.mean():.2f} ± {math.sqrt(value / len(values)):.2f}")
    head = f"| {' | '.join(f'N = {n}' for n in NS)} |\n|{'---|' * (len(NS) + 1)}"
    print(f"\n| variance ± standard error {head}")
    for name, row in spread.items():
        cells = ["-"] * (len(NS) - len(row)) + [f"{value:.3g} ± {error:.2g}" for _, value, error in row]
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"\n| mean ± standard error {head}")
    for name, cells in mean.items():
        print(f"| {name} | {' | '.join(cells)} |")
    with style.figure(out / "toy-variance.png", 1, 1, 4.0) as (figure, grid):
        _draw_variance(grid[0, 0], spread)
        style.fit(figure, rect=(0, 0, 0.71, 1))
        ends = [(row[-1][1], name, colour) for (name, row), (colour, _) in zip(_drawn(spread), _looks(), strict=True)]
        _label_log(grid[0, 0], ends)


def _drawn(spread: dict[str, list[tuple[int, float, float]]]) -> list[tuple[str, list[tuple[int, float, float]]]]:
    return [(name, row) for name, row in spread.items() if name != "s_loo, baseline k/N"]


def _looks() -> list[tuple[str, str]]:
    return list(zip([*style.COLOURS, "#000000", style.GREY], "os^Dvx*P", strict=True))


def _draw_variance(axes: "Axes", spread: dict[str, list[tuple[int, float, float]]]) -> None:
    for (name, row), (colour, marker) in zip(_drawn(spread), _looks(), strict=True):
        shown = [(n, value, error) for n, value, error in row if value > 1e-6]  # s - mean is 0 at N = k
        n, value, error = zip(*shown, strict=True)
        dashed = "--" if "biased" in name else "-"
        axes.errorbar(n, value, [2 * e for e in error], color=colour, marker=marker, markersize=4, linestyle=dashed)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(NS, [str(n) for n in NS])
    axes.minorticks_off()
    axes.set(
        title=f"Variance of an estimate of the gradient of max@{K} at theta = {THETA:g}",
        xlabel="N, samples per estimate", ylabel="variance",
    )  # fmt: skip


def _label_log(axes: "Axes", ends: list[tuple[float, str, str]]) -> None:
    low, high = (math.log(limit) for limit in axes.get_ylim())
    places = style.spread([math.log(y) for y, _, _ in ends], (high - low) / 18, low, high)
    for (y, name, colour), place in zip(ends, places, strict=True):
        axes.annotate(
            name, (NS[-1], y), xytext=(1.04, math.exp(place)), textcoords=axes.get_yaxis_transform(),
            color=colour, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "linewidth": 0.6, "color": colour, "relpos": (0, 0.5)},
        )  # fmt: skip


# 3. Transformed rewards of the estimators


def show_transform(out: Path) -> None:
    n = 32
    rewards = (torch.rand(1, n, generator=torch.Generator().manual_seed(SEED)) - 0.5).sort(dim=1).values
    print(f"\n| N x transformed: the worst, the median, the best of {n} | {' | '.join(f'k = {k}' for k in KS[1:])} |")
    print(f"|{'---|' * len(KS)}")
    with style.figure(out / "toy-transform.png", 2, 2, 5.2, sharex=True) as (figure, grid):
        panels = {"pkpo_s": "s", "pkpo_sloo": "s_loo", "pkpo_sloo_minus_one": "s_loo-1", "maxpo": "maxpo"}
        for axes, (name, title) in zip(grid.flat, panels.items(), strict=True):
            cells = []
            for k, colour, line in zip(KS[1:], style.COLOURS[1:], LINES[1:], strict=False):
                transformed = n * advantage.compute(name, rewards, k)[0]
                axes.plot(
                    rewards[0], transformed, color=colour, linestyle=line, marker="o", markersize=2, label=f"k = {k}"
                )
                cells.append(" / ".join(f"{transformed[i]:.3f}" for i in (0, n // 2, n - 1)))
            axes.plot(rewards[0], rewards[0], color=style.GREY, linewidth=0.8, label="the reward itself")
            axes.set_title(f"{title} ({name})" if title != name else title)
            print(f"| {title} | {' | '.join(cells)} |")
        for axes in grid[:, 0]:
            axes.set_ylabel("N x transformed reward")
        for axes in grid[1]:
            axes.set_xlabel("reward")
        figure.legend(*grid[0, 0].get_legend_handles_labels(), frameon=False, ncols=len(KS), loc="upper center")
        style.fit(figure, w_pad=2, rect=(0, 0, 1, 0.94))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    print(f"seed {SEED}")
    show_optimum(options.out)
    show_variance(options.out)
    show_transform(options.out)


if __name__ == "__main__":
    main()
