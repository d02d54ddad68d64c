"""The study's figures, from its two Parquet files: where each arm ends, and how it came there."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from reports import over_seeds, style
from reports.curves import band, window
from reports.study import FINAL, MAIN, WARM, Study
from reports.study_tables import KS, scores, splits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = {
    "reward": "mean reward",
    "pass_at_8": "pass@8, own groups",
    "entropy": "entropy, nats",
    "distinct": "distinct answers",
    "all_wrong": "dead groups",
    "few_wrong": "saturated groups",
}
"""metric of a step -> its name at the axis; the last three are shares"""
POINTS = 240
"""of a line: a panel is about as many dots wide"""


def draw(study: Study, directory: Path) -> None:
    """Write results.{svg,png} and curves.{svg,png}."""
    arms = list(dict.fromkeys(arm for regime in study.regimes for arm in study.arms(regime)))
    colours = {arm: style.COLOURS[i % len(style.COLOURS)] for i, arm in enumerate(sorted(arms, key=_place))}
    _results(study, directory / "results", colours)
    _curves(study, directory / "curves", colours)


def _place(arm: str) -> tuple[bool, str]:
    return arm not in MAIN, arm


def _results(study: Study, stem: Path, colours: dict[str, str]) -> None:
    """A row a regime, a column a split: pass@1 and pass@8 of the warm start and of each arm, with their intervals, and
    each seed's own as a stroke.
    """
    columns = max(len(splits(study, regime)) for regime in study.regimes)
    heights = [0.55 + 0.3 * (1 + len(study.arms(regime))) for regime in study.regimes]
    height = sum(heights) + 0.75
    with style.figure(stem, len(study.regimes), columns, height, sharex=True, sharey="row", height_ratios=heights) as (
        figure,
        grid,
    ):
        for regime, row in zip(study.regimes, grid, strict=True):
            shown = splits(study, regime)
            for axes in row[len(shown) :]:
                axes.remove()
            for axes, split in zip(row, shown, strict=False):
                _ends(axes, study, regime, split, colours)
            row[0].set_title(f"{regime}: {shown[0]}", weight="bold")
        for axes in grid[-1]:
            axes.set_xlabel("share solved")
        figure.text(0.02, 1 - 0.16 / height, "●  pass@1", va="center")
        figure.text(0.14, 1 - 0.16 / height, f"○  pass@{KS[-1]}", va="center")
        figure.text(
            0.28,
            1 - 0.16 / height,
            "bars: 95 % intervals over seeds and problems; strokes: seeds",
            va="center",
            color=style.GREY,
        )
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.3 / height), h_pad=0.9, w_pad=0.9)


def _ends(axes: "Axes", study: Study, regime: str, split: str, colours: dict[str, str]) -> None:
    arms = study.arms(regime)
    lines = [("before rl", arms[0], WARM, style.GREY), *((arm, arm, FINAL, colours[arm]) for arm in arms)]
    for place, (_, arm, checkpoint, colour) in enumerate(lines):
        for k in KS:
            found = list(scores(study, regime, arm, split, k, checkpoint).values())
            if found:
                at, offset = over_seeds.mean(found), 0.13 if k > 1 else -0.13
                axes.plot([at.low, at.high], [place + offset] * 2, color=colour, linewidth=1.3, alpha=0.75)
                face = colour if k == 1 else "white"
                own = [row.mean() for row in found]
                axes.plot(own, [place + offset] * len(own), "|", markersize=8, markeredgewidth=1.2, color=colour)
                axes.plot(at.value, place + offset, marker="o", markersize=5, color=colour, markerfacecolor=face)
    axes.set_yticks(range(len(lines)), [style.shortened(line[0]) for line in lines])
    # but for the first of a row, none: the names are there once
    for label, (_, _, _, colour) in zip(axes.get_yticklabels(), lines, strict=False):
        label.set_color(colour)
    axes.set_ylim(len(lines) - 0.45, -0.55)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    axes.grid(axis="y", visible=False)
    axes.set_title(split)


def _curves(study: Study, stem: Path, colours: dict[str, str]) -> None:
    """A column a regime, a row a metric: the mean of the seeds' moving means, and from the lowest to the highest."""
    height = 0.6 + 1.45 * len(SHOWN)
    with style.figure(stem, len(SHOWN), len(study.regimes), height, sharex="col", sharey="row") as (figure, grid):
        wide = window(int(study.steps["step"].max()))
        for column, regime in enumerate(study.regimes):
            own = study.steps[study.steps["regime"] == regime]
            for axes, metric in zip(grid[:, column], SHOWN, strict=True):
                for arm, rows in own.groupby("arm"):
                    _track(axes, rows, metric, wide, colours.get(str(arm), style.GREY))
            grid[0, column].set_title(regime, weight="bold")
            grid[-1, column].set_xlabel("rl steps")
        for axes, name in zip(grid[:, 0], SHOWN.values(), strict=True):
            axes.set_ylabel(name)
            # of all columns, and last: from then on the axis follows no further line
            axes.set_ylim(bottom=0)
        top = style.key_line(figure, list(colours.items()), height)
        figure.tight_layout(rect=(0, 0, 1, top), h_pad=0.8, w_pad=0.8)


def _track(axes: "Axes", rows: pd.DataFrame, metric: str, wide: int, colour: str) -> None:
    runs = [one.set_index("step")[metric].astype(float) for _, one in rows.sort_values("step").groupby("seed")]
    runs = [values for values in runs if values.notna().any()]
    if runs:
        every = -(-max(map(len, runs)) // POINTS)
        middle, low, high = (values.iloc[::every] for values in band(runs, wide))
        axes.fill_between(middle.index, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(middle.index, middle, color=colour)
