"""Figure of the number of correct responses in a group over the rl steps, one panel for each method."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from reports.data.comparison import Comparison, MethodRuns
from reports.data.designs import steps_of
from reports.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 30
"""Largest number of columns in a panel; a column holds a few steps."""
PANELS = 8
"""Largest number of panels."""


def draw(comparison: Comparison, stem: Path) -> bool:
    """Write the figure; return False if no rl stage has a step."""
    histograms = {trained: histogram(trained) for trained in comparison.trained_methods}
    shown = [(trained, counts) for trained, counts in histograms.items() if counts is not None][:PANELS]
    if not shown:
        return False
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    looks = style.looks(comparison.entries)
    with style.figure(stem, rows, columns, 0.6 + 2.4 * rows, sharex=True) as (figure, grid):
        from matplotlib.colors import PowerNorm

        # most groups have no correct response: a linear scale would show nothing else
        norm = PowerNorm(0.5, 0, max(counts.shares.max() for _, counts in shown))
        for axes in grid.flat[len(shown) :]:
            axes.remove()
        for axes, (trained, counts) in zip(grid.flat, shown, strict=False):
            axes.set_title(style.shortened(trained.entry.label, 30), color=looks[trained.entry].colour, weight="bold")
            image = _draw_panel(axes, counts, norm)
        for axes in grid[-1]:
            axes.set_xlabel("rl steps, parent stages included")
        style.fit(figure, rect=(0, 0, 0.88, 1), h_pad=1.2, w_pad=1.2)
        bar = figure.colorbar(image, cax=figure.add_axes((0.9, 0.25, 0.02, 0.5)))
        bar.set_label("share of the step's groups")
        bar.outline.set_visible(False)
    return True


class Histogram:
    """Shares of a method's groups by their number of correct responses.

    shares: [N + 1, columns], of the groups with 0 to N correct responses. first, last: edges of the steps.
    switches: first steps of later rl stages.
    """

    def __init__(self, shares: np.ndarray, first: float, last: float, switches: list[float]) -> None:
        self.shares, self.first, self.last, self.switches = shares, first, last, switches


def histogram(trained: MethodRuns) -> Histogram | None:
    """Return the histogram over all seeds, without stages whose N differs from that of the last; None without steps."""
    frames = [frame for entry in trained.rl for frame in steps_of(entry)]
    steps = pd.concat(frames) if frames else None
    if steps is None or not steps["correct_counts"].notna().any():
        return None
    steps = steps[steps["correct_counts"].notna()].sort_values(["total_step", "stage"], kind="stable")
    size = len(steps["correct_counts"].iloc[-1])
    steps = steps[steps["correct_counts"].map(len) == size]
    first, last = int(steps["total_step"].min()), int(steps["total_step"].max())
    columns = min(COLUMNS, last - first + 1)
    at = ((steps["total_step"] - first) * columns // (last - first + 1)).to_numpy()
    groups = np.zeros((columns, size))
    np.add.at(groups, at, np.stack([np.asarray(row, dtype=float) for row in steps["correct_counts"]]))
    totals = groups.sum(axis=1, keepdims=True)
    shares = np.divide(groups, totals, out=np.full_like(groups, np.nan), where=totals > 0)
    starts = steps.groupby("stage")["total_step"].min()
    return Histogram(np.nan_to_num(shares.T), first - 0.5, last + 0.5, sorted(s - 0.5 for s in starts if s > first))


def _draw_panel(axes: "Axes", counts: Histogram, norm: object) -> object:
    size = len(counts.shares)
    image = axes.imshow(
        counts.shares, origin="lower", aspect="auto", interpolation="nearest", cmap="cividis", norm=norm,
        extent=(counts.first, counts.last, -0.5, size - 0.5),
    )  # fmt: skip
    axes.set_ylabel(f"correct responses of {size - 1}")
    axes.grid(visible=False)
    axes.set_yticks(sorted({(size - 1) * quarter // 4 for quarter in range(5)}))
    for boundary in counts.switches:
        axes.axvline(boundary, color="white", linewidth=1.2, linestyle=(0, (3, 3)))
    return image
