"""The study's figures, from its two Parquet files: where each arm ends, and how it came there."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from passk.statistics.bootstrap import Estimate
from reports.data import seed_statistics
from reports.figures import style
from reports.figures.curves import band, window
from studies.mazes.goals import GOALS
from studies.mazes.study import AFTER_PASSK, MAIN, Study
from studies.mazes.tables import KS, checkpoints, paired, scores, splits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = {
    "reward": "mean reward",
    "pass_at_8": "pass@8, own groups",
    "entropy": "entropy, nats",
    "distinct": "distinct responses",
    "all_wrong": "dead groups",
    "few_wrong": "saturated groups",
}
"""metric of a step -> its name at the axis; the last three are shares"""
POINTS = 240
"""of a line: a panel is about as many dots wide"""
LEAST_TOP = 0.1
"""of a panel of curves: a share of some thousandths is not drawn as if it were much"""
LEAST_SEEDS = 3
"""of an interval that is drawn: over two seeds most are as wide as the panel"""
NOT_DRAWN = "ood"
"""near zero in all but one regime; its numbers are in the tables"""


def draw(study: Study, directory: Path) -> None:
    """Write results.{svg,png} and curves.{svg,png} of the regimes that goals were set for, further_... of the rest."""
    for regimes, prefix in ((set(GOALS), ""), (set(study.regimes) - set(GOALS), "further_")):
        parts = [frame[frame["regime"].isin(regimes)] for frame in (study.problems, study.steps)]
        if not parts[0].empty:
            _draw(Study(*parts), directory, prefix)


def _draw(study: Study, directory: Path, prefix: str) -> None:
    arms = list(dict.fromkeys(arm for regime in study.regimes for arm in study.arms(regime)))
    colours = {arm: style.COLOURS[i % len(style.COLOURS)] for i, arm in enumerate(sorted(arms, key=_place))}
    _results(study, directory / f"{prefix}results", colours | {AFTER_PASSK: colours.get(MAIN[1], style.GREY)})
    _curves(study, directory / f"{prefix}curves", colours)


def _place(arm: str) -> tuple[bool, str]:
    return arm not in MAIN, arm


def _results(study: Study, stem: Path, colours: dict[str, str]) -> None:
    """A row a regime, a column a split: pass@1 and pass@8 before rl and at the end of each training, with their
    intervals, each seed's own as a stroke. The last column: what each arm has more than the first, paired by seed.
    """
    shown = {regime: [one for one in splits(study, regime) if one != NOT_DRAWN] for regime in study.regimes}
    columns = max(map(len, shown.values())) + 1
    heights = [0.75 + 0.3 * len(checkpoints(study, regime)) for regime in study.regimes]
    height = sum(heights) + 0.75
    with style.figure(stem, len(study.regimes), columns, height, sharex="col", sharey="row", height_ratios=heights) as (
        figure,
        grid,
    ):
        for regime, row in zip(study.regimes, grid, strict=True):
            for axes in row[len(shown[regime]) : -1]:
                axes.remove()
            for axes, split in zip(row, shown[regime], strict=False):
                _ends(axes, study, regime, split, colours)
            _differences(row[-1], study, regime, shown[regime][-1], colours)
            seeds = len(study.seeds(regime, study.arms(regime)[0]))
            row[0].annotate(
                f"{regime}, {seeds} seed{'s' if seeds > 1 else ''}", (0, 1), xytext=(0, 19), weight="bold",
                xycoords="axes fraction", textcoords="offset points", fontsize=9.5, annotation_clip=False,
            )  # fmt: skip
        for axes in grid[-1, :-1]:
            axes.set_xlabel("share solved")
        grid[-1, -1].set_xlabel(f"points, {shown[study.regimes[-1]][-1]}")
        top = 1 - 0.16 / height
        figure.text(0.02, top, "●  pass@1", va="center")
        figure.text(0.14, top, f"○  pass@{KS[-1]}", va="center")
        legend = f"strokes: seeds; bars, from {LEAST_SEEDS} seeds on: 95 % intervals"
        figure.text(0.28, top, legend, va="center", color=style.GREY)
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.3 / height), h_pad=0.9, w_pad=0.9)


def _ends(axes: "Axes", study: Study, regime: str, split: str, colours: dict[str, str]) -> None:
    lines = checkpoints(study, regime)
    for place, (name, arm, checkpoint) in enumerate(lines):
        for k in KS:
            found = list(scores(study, regime, arm, split, k, checkpoint).values())
            if found:
                own = [row.mean() for row in found]
                _point(axes, place, k, seed_statistics.mean(found), own, colours.get(name, style.GREY))
    axes.set_yticks(range(len(lines)), [style.shortened(name) for name, _, _ in lines])
    # but for the first of a row, none: the names are there once
    for label, (name, _, _) in zip(axes.get_yticklabels(), lines, strict=False):
        label.set_color(colours.get(name, style.GREY))
    axes.set_ylim(len(lines) - 0.45, -0.55)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    axes.grid(axis="y", visible=False)
    axes.set_title(split)


def _differences(axes: "Axes", study: Study, regime: str, split: str, colours: dict[str, str]) -> None:
    """In points, so that the numbers can be read at an axis of another range."""
    baseline = study.arms(regime)[0]
    for place, (name, arm, _) in enumerate(checkpoints(study, regime)):
        for k in KS if name == arm != baseline else ():
            found = paired(study, regime, arm, baseline, split, k)
            if found:
                at = found.estimate
                points = Estimate(*(100 * value for value in (at.value, at.low, at.high)))
                own = [100 * value for value in found.by_seed.values()]
                _point(axes, place, k, points, own, colours[name])
    axes.axvline(0, color=style.GREY, linewidth=0.8)
    axes.grid(axis="y", visible=False)
    axes.set_title(f"more than {style.shortened(baseline)}")


def _point(axes: "Axes", place: int, k: int, at: Estimate, seeds: Sequence[float], colour: str) -> None:
    height = place + (0.13 if k > 1 else -0.13)
    if len(seeds) >= LEAST_SEEDS:
        axes.plot([at.low, at.high], [height] * 2, color=colour, linewidth=1.3, alpha=0.75)
    axes.plot(seeds, [height] * len(seeds), "|", markersize=8, markeredgewidth=1.2, color=colour)
    axes.plot(at.value, height, marker="o", markersize=5, color=colour, markerfacecolor=colour if k == 1 else "white")


def _curves(study: Study, stem: Path, colours: dict[str, str]) -> None:
    """A column a regime, a row a metric: the mean of the seeds' moving means, and from the lowest to the highest."""
    height = 0.6 + 1.45 * len(SHOWN)
    with style.figure(stem, len(SHOWN), len(study.regimes), height, sharex="col", sharey="row") as (figure, grid):
        wide = window(int(study.steps["step"].max()))
        for column, regime in enumerate(study.regimes):
            own = study.steps[study.steps["regime"] == regime]
            for axes, metric in zip(grid[:, column], SHOWN, strict=True):
                for arm in study.arms(regime):
                    rows = own[(own["arm"] == arm) & own["seed"].isin(study.seeds(regime, arm))]
                    # each rule by itself: what counts as saturated is another thing after the switch
                    for _, rows_of_rule in rows.groupby("rule"):
                        _track(axes, rows_of_rule, metric, wide, colours[arm])
            grid[0, column].set_title(regime, weight="bold")
            grid[-1, column].set_xlabel("rl steps")
        for axes, name in zip(grid[:, 0], SHOWN.values(), strict=True):
            axes.set_ylabel(name)
            # of all columns, and last: from then on the axis follows no further line
            axes.set_ylim(0, max(axes.get_ylim()[1], LEAST_TOP))
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
