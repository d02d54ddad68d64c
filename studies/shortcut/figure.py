"""Figure of the study: the share of runs that leave the shortcut over e, beside the predicted turning point."""

from pathlib import Path

import pandas as pd

from reports.figures import style
from studies.shortcut import theory
from studies.shortcut.analysis import outcomes, share
from studies.shortcut.data import METHODS
from studies.shortcut.tables import LUCKS, groups

COLOURS = dict(zip(METHODS, style.COLOURS, strict=False))
SHIFT = {"pass1": -0.008, "passk_pass1": 0.008}
"""Distance from e in which a method is drawn, so that equal shares do not hide each other."""


def draw(problems: pd.DataFrame, stem: Path) -> None:
    """Write leave.{svg,png}: a panel for each luck, a dashed line at the turning point of each method that has one."""
    runs = outcomes(problems)
    with style.figure(stem, 1, len(LUCKS), 2.6, sharey=True) as (figure, grid):
        for axes, luck in zip(grid[0], LUCKS, strict=True):
            for own_luck, e, method, rows in groups(runs):
                if own_luck == luck:
                    leaving, colour, at = share(rows), COLOURS[method], e + SHIFT[method]
                    axes.plot([at, at], leaving.interval, color=colour, linewidth=1.3, alpha=0.75)
                    axes.plot(at, leaving.leave / leaving.runs, "o", markersize=5, color=colour)
            for method in METHODS:
                turning = theory.turning_point(luck, method)
                if turning is not None:
                    axes.axvline(turning, color=COLOURS[method], linestyle="dashed", linewidth=1)
            axes.set_title(f"luck 1/{round(1 / luck)}")
            axes.set_xlabel("e, share of correct hints")
            axes.set_xlim(0, 1)
            axes.set_ylim(-0.04, 1.04)
        grid[0, 0].set_ylabel("share of runs that leave")
        for place, method in enumerate(METHODS):
            figure.text(0.1 + 0.2 * place, 0.93, f"●  {method}", color=COLOURS[method], va="center")
        figure.text(0.5, 0.93, "bars: 95 % intervals; dashed: predicted", color=style.GREY, va="center")
        style.fit(figure, rect=(0, 0, 1, 0.9))
