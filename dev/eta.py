"""How estimators weigh a prompt by its number of correct rollouts: the tables and figures of docs/advantage.md.

    python -m dev.eta --out DIR

Print where the total advantage of each estimator peaks, and how much larger the bootstrapped advantages
are. Write weights.png and eta.png to DIR.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from passk import advantage
from passk.advantage import step_size
from reports.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

N, K, SEED = 32, 4, 0
LINES = ("-", "--", ":", "-.", (0, (3, 1, 1, 1)), (0, (5, 1)))
RULES: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("grpo", 1, {}),
    ("dr_grpo", 1, {}),
    ("passk_analytical", 2, {}),
    ("passk_analytical", 4, {}),
    ("passk_analytical", 8, {}),
    ("passk_analytical", 16, {}),
    ("passk_analytical", 31, {}),
    ("passk_exceeding", 4, {}),
    ("passk_exceeding", 8, {}),
    ("passk_combination", 4, {}),
    ("passk_combination", 8, {}),
    ("passk_easy_masked", 4, {"threshold": 0.5}),
    ("maxrl", 1, {}),
    ("reinforce_k", 4, {}),
)
"""Estimator, k and options of each row."""


def weights(name: str, k: int) -> list[float]:
    """Return w(c) for c = 1 .. N-1: correct minus incorrect advantage, times N for an estimator of a sum."""
    scale = N if advantage.get(name).scale == "sum" else 1
    return [scale * (correct - incorrect) for incorrect, correct in step_size.kinds(name, N, k)[1:N]]


def show_peaks() -> None:
    print(f"\n| estimator, N = {N} | k | peak at c | share correct | max eta | zero from c = | N / max eta |")
    print("|---|---|---|---|---|---|---|")
    for name, k, options in RULES:
        curve = step_size.curve(name, N, k, options)
        peak, last = max(range(N + 1), key=curve.__getitem__), max(c for c in range(N + 1) if curve[c] > 0)
        shown = name + "".join(f", {option} {value}" for option, value in options.items())
        factor = N / curve[peak]
        print(f"| {shown} | {k} | {peak} | {peak / N:.1%} | {curve[peak]:.2f} | {last + 1} | {factor:.2f} |")


def show_bootstrap(c: int = 4, k: int = 8, prompts: int = 20_000) -> None:
    """Print the mean advantages of bootstrapped groups beside the analytic ones."""
    rewards = (torch.arange(N) < c).float().expand(prompts, N)
    drawn = {
        reduce: advantage.compute(
            "passk_bootstrap", rewards, k, reduce=reduce, generator=torch.Generator().manual_seed(SEED)
        )
        for reduce in ("sum", "mean")
    }
    incorrect, correct = step_size.kinds("passk_analytical", N, k)[c]
    print(f"\n| N = {N}, c = {c}, k = {k}; {prompts} prompts, seed {SEED} | correct | incorrect |\n|---|---|---|")
    for reduce, advantages in drawn.items():
        parts = [f"{part.mean():.3f}, deviation {part.std():.2f}" for part in (advantages[:, :c], advantages[:, c:])]
        print(f"| passk_bootstrap, {reduce} of {N} groups | {' | '.join(parts)} |")
    for times in (1, k):
        print(f"| {times} x passk_analytical | {times * correct:.3f} | {times * incorrect:.3f} |")


def draw_weights(path: Path) -> None:
    with style.figure(path, 1, 2, 3.6) as (figure, grid):
        centred, others = grid.flat
        lines = [
            ("grpo", 1), ("dr_grpo", 1), ("maxrl", 1), ("passk_analytical", K), ("maxpo", K), ("reinforce_k", K)
        ]  # fmt: skip
        for (name, k), colour, line in zip(lines, style.COLOURS, LINES, strict=True):
            label = name if k == 1 else f"{name}, k = {k}"
            points = [(c, w) for c, w in enumerate(weights(name, k), start=1) if w > 0]
            centred.plot(*zip(*points, strict=True), color=colour, linestyle=line, label=label)
        centred.set_yscale("log")
        centred.set_ylim(1e-3, 60)
        centred.set(title="A = w(c) (r - c/N): the weight w(c)", ylabel="w(c)")
        centred.legend(frameon=False, fontsize=8, loc="lower left")
        for name, colour in zip(("pkpo_s", "pkpo_sloo", "pkpo_sloo_minus_one", "maxpo"), style.COLOURS, strict=False):
            kinds = step_size.kinds(name, N, K)
            others.plot(range(1, N), [N * correct for _, correct in kinds[1:N]], color=colour, label=name)
            others.plot(range(1, N), [N * incorrect for incorrect, _ in kinds[1:N]], color=colour, linestyle="--")
        others.set(title=f"k = {K}: N A, correct solid, incorrect dashed", ylabel="N A")
        others.legend(frameon=False, fontsize=8)
        for axes in grid.flat:
            _over_c(axes)
        style.fit(figure, w_pad=2)


def draw_eta(path: Path) -> None:
    with style.figure(path, 1, 2, 3.6) as (figure, grid):
        by_k, by_estimator = grid.flat
        for k, colour, line in zip((1, 2, 4, 8, 16), style.COLOURS, LINES, strict=False):
            label = "k = 1 (grpo)" if k == 1 else f"k = {k}"
            by_k.plot(
                range(N + 1), step_size.curve("passk_analytical", N, k), color=colour, linestyle=line, label=label
            )
        by_k.set(title="passk_analytical", ylabel="eta = sum of |A| over the rollouts")
        estimators = (
            ("grpo", 1, {}), ("passk_analytical", K, {}), ("passk_exceeding", K, {}),
            ("passk_combination", K, {}), ("passk_easy_masked", K, {"threshold": 0.5}),
        )  # fmt: skip
        for (name, k, options), colour, line in zip(estimators, style.COLOURS, LINES, strict=False):
            label = name + "".join(f", {option} {value}" for option, value in options.items())
            by_estimator.plot(
                range(N + 1), step_size.curve(name, N, k, options), color=colour, linestyle=line, label=label
            )
        by_estimator.set(title=f"k = {K}")
        for axes in grid.flat:
            _over_c(axes)
            axes.set_ylim(0, 54)
            axes.legend(frameon=False, fontsize=8, loc="upper right", ncols=2 if axes is by_k else 1)
        style.fit(figure, w_pad=2)


def _over_c(axes: "Axes") -> None:
    axes.set_xlabel(f"c, correct rollouts of N = {N}")
    axes.set_xticks(range(0, N + 1, 4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    show_peaks()
    show_bootstrap()
    draw_weights(arguments.out / "weights.png")
    draw_eta(arguments.out / "eta.png")


if __name__ == "__main__":
    main()
