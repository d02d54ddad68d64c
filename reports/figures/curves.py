"""Figure of the training: metrics of every rl stage over the rl steps, and the k of its estimator in the last row."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reports.data.comparison import Comparison, Entry
from reports.data.designs import steps_of
from reports.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = {
    "reward": "mean reward",
    "pass_at_k": "pass@{k} of the training groups",
    "entropy": "entropy, nats a token",
    "distinct": "distinct responses of a group, share",
    "all_incorrect": "all-incorrect groups, share",
    "few_incorrect": "fewer than k incorrect, share of groups",
}
"""Metric of a step -> title of its panel."""
_HEIGHT = 8.6
"""Height of the figure in inches."""
_POINTS = 800
"""Largest number of points of a line, about the dots of a panel."""
_FEW = 15
"""Widest moving mean, in steps, with a thin line of the single steps; more steps would hide the band."""


def draw(comparison: Comparison, stem: Path) -> bool:
    """Write the figure; return False if no rl stage has a step."""
    steps = {entry: steps_of(entry) for entry in comparison.entries if entry.kind == "rl"}
    tracks = {entry: frames for entry, frames in steps.items() if frames}
    if not tracks:
        return False
    looks = style.looks(comparison.entries)
    largest = largest_k([frame for frames in tracks.values() for frame in frames])
    leaves = {trained.entry for trained in comparison.trained_methods}
    with style.figure(stem, 4, 2, _HEIGHT, sharex=True, height_ratios=[3, 3, 3, 1.6]) as (figure, grid):
        for axes, title in zip(grid.flat, PANELS.values(), strict=False):
            axes.set_title(title.format(k=largest))
        for axes in grid[3]:
            draw_k(axes, tracks, looks)
        wide = window(max(int(frame["total_step"].max()) for frames in tracks.values() for frame in frames))
        top = style.key_line(figure, [(entry.label, looks[entry].colour) for entry in tracks], _HEIGHT)
        room = style.margin([entry.label for entry in tracks if entry in leaves])
        style.fit(figure, rect=(0.015, 0, 1 - room / style.WIDTH, top), h_pad=0.9, w_pad=1.0 + 8 * room)
        for axes, metric in zip(grid.flat, PANELS, strict=False):
            ends, midway = [], []
            for entry, frames in tracks.items():
                line = _draw_track(axes, [series(frame, metric, largest) for frame in frames], wide, looks[entry])
                label = (entry.label, looks[entry].colour)
                if line is not None and entry in leaves:
                    ends.append((float(line.index[-1]), float(line.iloc[-1]), *label))
                elif line is not None:
                    midway.append((line, *label))
            axes.margins(x=0.02)
            axes.set_ylim(
                bottom=max(axes.get_ylim()[0], 0), top=min(axes.get_ylim()[1], 1.02) if metric != "entropy" else None
            )
            for each in midway:
                style.label_line(axes, *each)
            style.label_ends(axes, ends)
        for axes in grid.flat:
            for boundary in switches(tracks):
                axes.axvline(boundary, color=style.GREY, linewidth=0.8, linestyle=(0, (3, 3)))
    return True


def _draw_track(axes: "Axes", runs: list[pd.Series], wide: int, look: style.Look) -> pd.Series | None:
    """Draw one stage over all its seeds, with its `band`; return the line by step, None without values."""
    runs = [values for values in runs if values.notna().any()]
    if not runs:
        return None
    if len(runs) == 1 and wide <= _FEW:
        axes.plot(runs[0].index, runs[0], color=look.colour, linewidth=0.5, alpha=0.3)
    every = -(-max(map(len, runs)) // _POINTS)
    middle, low, high = (values.iloc[::every] for values in band(runs, wide))
    axes.fill_between(middle.index, low, high, color=look.colour, alpha=0.18, linewidth=0)
    axes.plot(middle.index, middle, **look.line)
    return middle.dropna()


def band(runs: list[pd.Series], wide: int) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Return the centred moving mean over `wide` steps, then the lower and upper edge of its band.

    One run: the 95 % interval of the moving mean, from the scatter of the steps. Several seeds: the mean of their
    moving means, with the lowest and the highest moving mean.
    """
    if len(runs) > 1:
        together = pd.concat([_rolling(values, wide).mean() for values in runs], axis=1)
        return together.mean(axis=1), together.min(axis=1), together.max(axis=1)
    rolling = _rolling(runs[0], wide)
    middle = rolling.mean()
    half = 1.96 * rolling.std().fillna(0.0) / np.sqrt(rolling.count().clip(lower=1))
    # all metrics except the entropy are shares
    return middle, (middle - half).clip(lower=0), (middle + half).clip(upper=max(1.0, runs[0].max()))


def draw_k(axes: "Axes", tracks: dict[Entry, list[pd.DataFrame]], looks: dict[Entry, style.Look]) -> None:
    """Draw the k of each stage's estimator, with lines slightly apart so that equal k stay visible."""
    axes.set_title("k of the estimator")
    ks = sorted({int(k) for frames in tracks.values() for frame in frames for k in frame["k"].dropna()} | {1})
    apart = min(0.07, 0.5 / len(tracks)) * max(ks)
    for i, (entry, frames) in enumerate(tracks.items()):
        frame = frames[0]
        place = frame["k"] + apart * (i - (len(tracks) - 1) / 2)
        axes.step(frame["total_step"], place, where="mid", linewidth=2, **{"color": looks[entry].colour})
    axes.set_yticks(ks if len(ks) < 5 else [ks[0], ks[-1]])
    axes.set_ylim(min(ks) - 0.3 * max(ks), max(ks) * 1.3)
    axes.set_xlabel("rl steps, parent stages included")


def switches(tracks: dict[Entry, list[pd.DataFrame]]) -> list[float]:
    """Return the first steps, less 0.5, of stages that start from another rl stage."""
    starts = {float(frames[0]["total_step"].iloc[0]) for frames in tracks.values()}
    return sorted(start - 0.5 for start in starts if start > 1)


def largest_k(frames: list[pd.DataFrame]) -> int:
    """Return the largest k below N that every step has; at k = N pass@k of a group is only 0 or 1."""
    curves = [curve for frame in frames for curve in frame["pass_at_k"]]
    shared = set.intersection(*(set(curve or {}) for curve in curves)) or {1}
    groups = frames[0]["correct_counts"].iloc[0]
    below = {k for k in shared if groups is None or k < len(groups) - 1}
    return int(max(below or shared))


def series(steps: pd.DataFrame, metric: str, k: int) -> pd.Series:
    """Return a metric by rl step, counted from the first rl step of the ancestors."""
    values = steps[metric]
    if metric == "pass_at_k":
        values = values.map(lambda curve: (curve or {}).get(k, np.nan))
    return pd.Series(values.astype(float).to_numpy(), steps["total_step"].to_numpy())


def _rolling(values: pd.Series, wide: int) -> Any:
    return values.rolling(wide, center=True, min_periods=1)


def window(steps: int) -> int:
    """Return the width of the moving mean: an odd number, about a twelfth of the steps, at most 25."""
    return int(np.clip(steps // 12, 1, 25)) // 2 * 2 + 1
