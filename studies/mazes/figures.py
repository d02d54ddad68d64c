"""Figures of the study from its two Parquet files: results and training curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from passk.statistics.bootstrap import Estimate
from reports.data import seed_statistics
from reports.figures import style
from reports.figures.curves import band, window
from reports.figures.frontier import draw_path, joined
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
    "all_incorrect": "all-incorrect groups",
    "few_incorrect": "< k incorrect",
}
"""Column of steps.parquet -> label of the axis; the last three are shares."""
POINTS = 240
"""Largest number of points of a line, about the dots of a panel."""
LEAST_TOP = 0.1
"""Smallest upper limit of a panel of curves, so that tiny shares look small."""
LEAST_SEEDS = 3
"""Fewest seeds of a drawn interval; most intervals over two seeds are as wide as the panel."""
NOT_DRAWN = "ood"
"""Split without a panel: it is near zero in all regimes but one. The tables have its numbers."""


def draw(study: Study, directory: Path) -> None:
    """Write results, curves and frontier.{svg,png} of the regimes with goals, and further_... without frontier."""
    for regimes, prefix in ((set(GOALS), ""), (set(study.regimes) - set(GOALS), "further_")):
        parts = [frame[frame["regime"].isin(regimes)] for frame in (study.problems, study.steps)]
        if not parts[0].empty:
            _draw(Study(*parts), directory, prefix)


def _draw(study: Study, directory: Path, prefix: str) -> None:
    methods = list(dict.fromkeys(method for regime in study.regimes for method in study.methods(regime)))
    colours = {method: style.COLOURS[i % len(style.COLOURS)] for i, method in enumerate(sorted(methods, key=_place))}
    _results(study, directory / f"{prefix}results", colours | {AFTER_PASSK: colours.get(MAIN[1], style.GREY)})
    _curves(study, directory / f"{prefix}curves", colours)
    if not prefix:  # one seed of a further regime scatters too much
        _frontier(study, directory / "frontier", colours)


def _place(method: str) -> tuple[bool, str]:
    return method not in MAIN, method


def _results(study: Study, stem: Path, colours: dict[str, str]) -> None:
    """Draw one row for each regime and one column for each split: pass@1 and pass@8 before rl and after each training.

    A stroke is a seed, a bar an interval. The last column has the difference from the first method, paired by seed.
    """
    shown = {regime: [split for split in splits(study, regime) if split != NOT_DRAWN] for regime in study.regimes}
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
            seeds = len(study.seeds(regime, study.methods(regime)[0]))
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
        legend = f"strokes: seeds; bars, for {LEAST_SEEDS} seeds or more: 95 % intervals"
        figure.text(0.28, top, legend, va="center", color=style.GREY)
        style.fit(figure, rect=(0, 0, 1, 1 - 0.3 / height), h_pad=0.9, w_pad=0.9)


def _ends(axes: "Axes", study: Study, regime: str, split: str, colours: dict[str, str]) -> None:
    lines = checkpoints(study, regime)
    for place, (name, method, checkpoint) in enumerate(lines):
        for k in KS:
            rows = list(scores(study, regime, method, split, k, checkpoint).values())
            if rows:
                seeds = [row.mean() for row in rows]
                _point(axes, place, k, seed_statistics.mean(rows), seeds, colours.get(name, style.GREY))
    axes.set_yticks(range(len(lines)), [style.shortened(name) for name, _, _ in lines])
    # only the first panel of a row has labels
    for label, (name, _, _) in zip(axes.get_yticklabels(), lines, strict=False):
        label.set_color(colours.get(name, style.GREY))
    axes.set_ylim(len(lines) - 0.45, -0.55)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    axes.grid(axis="y", visible=False)
    axes.set_title(split)


def _differences(axes: "Axes", study: Study, regime: str, split: str, colours: dict[str, str]) -> None:
    """Draw the differences from the first method in percentage points."""
    baseline = study.methods(regime)[0]
    for place, (name, method, _) in enumerate(checkpoints(study, regime)):
        for k in KS if name == method != baseline else ():
            pair = paired(study, regime, method, baseline, split, k)
            if pair:
                at = pair.estimate
                points = Estimate(*(100 * value for value in (at.value, at.low, at.high)))
                seeds = [100 * value for value in pair.by_seed.values()]
                _point(axes, place, k, points, seeds, colours[name])
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
    """Draw one column for each regime and one row for each metric: mean, lowest and highest of the moving means."""
    height = 0.6 + 1.45 * len(SHOWN)
    with style.figure(stem, len(SHOWN), len(study.regimes), height, sharex="col", sharey="row") as (figure, grid):
        wide = window(int(study.steps["step"].max()))
        for column, regime in enumerate(study.regimes):
            steps = study.steps[study.steps["regime"] == regime]
            for axes, metric in zip(grid[:, column], SHOWN, strict=True):
                for method in study.methods(regime):
                    rows = steps[(steps["method"] == method) & steps["seed"].isin(study.seeds(regime, method))]
                    # one line for each estimator, because "< k incorrect" depends on its k
                    for _, rows_of_estimator in rows.groupby("estimator"):
                        _track(axes, rows_of_estimator, metric, wide, colours[method])
            grid[0, column].set_title(regime, weight="bold")
            grid[-1, column].set_xlabel("rl steps")
        for axes, name in zip(grid[:, 0], SHOWN.values(), strict=True):
            axes.set_ylabel(name)
            # set last, for all columns: the limits no longer follow the lines after this
            axes.set_ylim(0, max(axes.get_ylim()[1], LEAST_TOP))
        top = style.key_line(figure, list(colours.items()), height)
        style.fit(figure, rect=(0, 0, 1, top), h_pad=0.8, w_pad=0.8)


def _frontier(study: Study, stem: Path, colours: dict[str, str]) -> None:
    """Draw one panel for each regime: pass@8 over pass@1 of the training groups along the rl steps of each method."""
    columns = min(2, len(study.regimes))
    rows = -(-len(study.regimes) // columns)
    height = 0.5 + 2.6 * rows
    with style.figure(stem, rows, columns, height) as (figure, grid):
        for axes, regime in zip(grid.flat, study.regimes, strict=False):
            for method in study.methods(regime):
                steps = study.steps[(study.steps["regime"] == regime) & (study.steps["method"] == method)]
                steps = steps[steps["seed"].isin(study.seeds(regime, method))]
                draw_path(axes, _path(steps), style.Look(colours[method]))
            axes.set_title(regime, weight="bold")
            axes.set_xlabel("pass@1 of the training groups")
            axes.set_ylabel(f"pass@{KS[-1]}")
            axes.margins(0.05)
        for axes in grid.flat[len(study.regimes) :]:
            axes.remove()
        top = style.key_line(figure, list(colours.items()), height)
        style.fit(figure, rect=(0, 0, 1, top), h_pad=1.2, w_pad=1.2)


def _path(steps: pd.DataFrame) -> pd.DataFrame:
    """Return the points of a method, one stage for each estimator."""
    columns = {f"pass_at_{KS[0]}": "pass@1", f"pass_at_{KS[-1]}": "pass@k"}
    by_step = steps.sort_values("step").rename(columns=columns).set_index("step")
    return joined(
        {
            estimator: [run[list(columns.values())] for _, run in rows.groupby("seed")]
            for estimator, rows in by_step.groupby("estimator", sort=False)
        }
    )


def _track(axes: "Axes", rows: pd.DataFrame, metric: str, wide: int, colour: str) -> None:
    runs = [steps.set_index("step")[metric].astype(float) for _, steps in rows.sort_values("step").groupby("seed")]
    runs = [values for values in runs if values.notna().any()]
    if runs:
        every = -(-max(map(len, runs)) // POINTS)
        middle, low, high = (values.iloc[::every] for values in band(runs, wide))
        axes.fill_between(middle.index, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(middle.index, middle, color=colour)
