"""Figure of the frontier: pass@k over pass@1 along the training, one line for each method.

It shows whether a method raises pass@1 by losing pass@k, at equal pass@1 and whatever the number of steps.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from reports.data.comparison import Comparison, MethodRuns
from reports.data.designs import steps_of
from reports.figures import style
from reports.figures.curves import largest_k, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT = 4.2
"""Height of the figure in inches."""
POINTS = 16
"""About the number of points of a line."""
_START = {"marker": "o", "markersize": 6, "markerfacecolor": "white", "linestyle": "none"}
_SWITCH = {"marker": "|", "markersize": 11, "markeredgewidth": 1.8, "linestyle": "none"}
_END = {"marker": "o", "markersize": 6, "linestyle": "none"}


def draw(comparison: Comparison, stem: Path) -> bool:
    """Write the figure; return False if no method has two steps with pass@1 and pass@k."""
    frames = [frame for trained in comparison.trained_methods for entry in trained.rl for frame in steps_of(entry)]
    k = largest_k(frames) if frames else 1
    if k == 1:
        return False
    paths = {trained: path(trained, k) for trained in comparison.trained_methods}
    paths = {trained: points for trained, points in paths.items() if len(points) > 1}
    if not paths:
        return False
    looks = style.looks(comparison.entries)
    room = style.margin([trained.entry.label for trained in paths])
    with style.figure(stem, 1, 1, _HEIGHT) as (figure, grid):
        axes = grid[0, 0]
        axes.set_title(f"pass@{k} over pass@1 of the training groups")
        axes.set_xlabel("pass@1")
        axes.set_ylabel(f"pass@{k}")
        style.fit(figure, rect=(0, 0, 1 - room / style.WIDTH, 1))
        for trained, points in paths.items():
            draw_path(axes, points, looks[trained.entry])
        axes.margins(0.05)
        style.label_ends(
            axes,
            [
                (*points.iloc[-1][["pass@1", "pass@k"]], trained.entry.label, looks[trained.entry].colour)
                for trained, points in paths.items()
            ],
        )
    return True


def path(trained: MethodRuns, k: int) -> pd.DataFrame:
    """Return the points of a method: `pass@1`, `pass@k` and `stage`, each over a window of steps and all runs."""
    runs = {entry.label: steps_of(entry) for entry in trained.rl}
    return joined(
        {
            label: [
                pd.DataFrame({"pass@1": series(run, "pass_at_k", 1), "pass@k": series(run, "pass_at_k", k)})
                for run in of
            ]
            for label, of in runs.items()
            if of
        }
    )


def joined(stages: Mapping[str, Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """Return the points of stages that follow each other: means over about POINTS windows of the method's steps.

    stages: name of a stage -> its runs, with columns pass@1 and pass@k by step. A window lies within one stage, since
    pass@k may jump at a switch. The steps scatter so much that a moving mean would cross itself.
    """
    means = {name: pd.concat(runs).groupby(level=0).mean().dropna() for name, runs in stages.items()}
    wide = max(1, sum(map(len, means.values())) // POINTS)
    parts = []
    for name, steps in means.items():
        windows = np.minimum(np.arange(len(steps)) // wide, max(len(steps) // wide - 1, 0))
        parts.append(steps.groupby(windows).mean().assign(stage=name))
    return pd.concat(parts) if parts else pd.DataFrame(columns=["pass@1", "pass@k", "stage"])


def draw_path(axes: "Axes", points: pd.DataFrame, look: style.Look) -> None:
    """Draw the line of a method from its `path`: an open circle at the start, a bar at each change of stage."""
    axes.plot(points["pass@1"], points["pass@k"], linewidth=1.4, marker=".", markersize=4, **look.line)
    switches = points[points["stage"] != points["stage"].shift()].iloc[1:]
    for shown, marker in ((points.iloc[:1], _START), (switches, _SWITCH), (points.iloc[-1:], _END)):
        axes.plot(shown["pass@1"], shown["pass@k"], color=look.colour, **marker)
