"""Figure: how training went, every arm over the rl steps behind it."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from reports import style
from reports.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = {
    "reward": "mean reward",
    "pass_at_k": "pass@{k} of the step's own groups",
    "entropy": "entropy, nats a token",
    "all_wrong": "groups all wrong, share",
    "all_right": "groups all right, share",
    "few_wrong": "groups with fewer wrong than k, share",
}


def draw(results: Results, path: Path) -> bool:
    """Write the figure; False where no rl stage has a step yet."""
    steps = results.steps[results.steps["kind"] == "rl"]
    if steps.empty:
        return False
    names = [node.name for node in results.graph if node.name in set(steps["stage"])]
    colours = style.colours(results.graph)
    largest = largest_k(steps)
    height = 7.6
    with style.figure(path, 4, 2, height, sharex=True, height_ratios=[3, 3, 3, 1.5]) as (figure, grid):
        for axes, (metric, title) in zip(grid.flat, PANELS.items(), strict=False):
            axes.set_title(title.format(k=largest))
            for name in names:
                own = steps[steps["stage"] == name]
                values = series(own, metric, largest)
                if values.notna().any():
                    axes.plot(own["total_step"], values, color=colours[name], linewidth=0.7, alpha=0.35)
                    axes.plot(own["total_step"], smooth(values), color=colours[name])
            axes.margins(x=0.02)
        for axes in grid[3]:
            draw_k(axes, steps, names, colours)
        for axes in grid.flat:
            for boundary in switches(results, names):
                axes.axvline(boundary, color=style.GREY, linewidth=0.8, linestyle=(0, (3, 3)))
        top = style.key_line(figure, [(name, colours[name]) for name in names], height)
        figure.tight_layout(rect=(0, 0, 1, top), h_pad=0.9, w_pad=1.6)
    return True


def draw_k(axes: "Axes", steps: pd.DataFrame, names: list[str], colours: dict[str, str]) -> None:
    """The k of each stage's rule; the few lines that lie on each other are moved apart by their width."""
    axes.set_title("k of the rule")
    ks = sorted({int(k) for k in steps["k"].dropna()} | {1})
    apart = 0.07 * max(ks)
    for i, name in enumerate(names):
        own = steps[steps["stage"] == name]
        place = own["k"] + apart * (i - (len(names) - 1) / 2)
        axes.step(own["total_step"], place, color=colours[name], where="mid", linewidth=2)
    axes.set_yticks(ks)
    axes.set_ylim(min(ks) - 0.2 * max(ks), max(ks) * 1.2)
    axes.set_xlabel("rl steps, those of parent stages included")


def switches(results: Results, names: list[str]) -> list[float]:
    """Where an rl stage goes on from another."""
    starts = results.stages.set_index("name")["first_step"]
    return sorted({float(starts[name]) + 0.5 for name in names if starts[name] > 0})


def largest_k(steps: pd.DataFrame) -> int:
    """The largest k below all N that every step has: at k = N pass@k is a coin toss a group."""
    shared = set.intersection(*(set(curve or {}) for curve in steps["pass_at_k"])) or {1}
    groups = steps["correct_counts"].iloc[0]
    below = {k for k in shared if groups is None or k < len(groups) - 1}
    return int(max(below or shared))


def series(own: pd.DataFrame, metric: str, k: int) -> pd.Series:
    if metric == "pass_at_k":
        return own[metric].map(lambda curve: (curve or {}).get(k, np.nan)).astype(float)
    return own[metric].astype(float)


def smooth(values: pd.Series) -> pd.Series:
    """Centred mean over a twelfth of the stage, at most 25 steps."""
    window = int(np.clip(len(values) // 12, 1, 25))
    return values.rolling(window, center=True, min_periods=1).mean()
