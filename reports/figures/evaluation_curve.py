"""Figure of the evaluations during the training: held-out pass@k and maj@k of every method over the rl steps."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from reports.data.comparison import Comparison, MethodRuns
from reports.data.markdown import code, inline
from reports.data.results import Results
from reports.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VALUES = ("value", "lower", "upper")
FEW = 25
"""Most evaluations of a line whose points are marked."""


class Panel(NamedTuple):
    """A metric of a benchmark."""

    benchmark: str
    metric: str
    """`pass` or `maj`."""
    k: int

    @property
    def columns(self) -> dict[str, str]:
        """Columns of the view evaluation_curve -> value, lower and upper."""
        ends = {"pass": ("lower", "upper"), "maj": ("maj_lower", "maj_upper")}[self.metric]
        return dict(zip((f"{self.metric}_at_k", *ends), VALUES, strict=True))


def draw(comparison: Comparison, stem: Path) -> bool:
    """Write the figure; return False if no stage was evaluated during its training.

    A row has pass@k of a benchmark. Rows below have maj@k of the benchmarks.
    """
    rows = panels(comparison)
    if not rows:
        return False
    looks = style.looks(comparison.entries)
    columns, height = max(map(len, rows)), 0.7 + 2.5 * len(rows)
    labels = [each.entry.label for each in comparison.trained_methods]
    with style.figure(stem, len(rows), columns, height, sharex=True) as (figure, grid):
        colours = [(each.entry.label, looks[each.entry].colour) for each in comparison.trained_methods]
        top = style.key_line(figure, colours, height)
        lowest = {}
        for axes_row, row in zip(grid, rows, strict=True):
            for column, (axes, panel) in enumerate(zip(axes_row, row, strict=False)):
                axes.set_title(f"{style.shortened(panel.benchmark)}: {panel.metric}@{panel.k}")
                lowest[column] = axes
            for axes in axes_row[len(row) :]:
                axes.set_visible(False)
        for axes in lowest.values():
            axes.set_xlabel("rl steps, parent stages included")
            axes.tick_params(labelbottom=True)
        room = style.margin(labels)
        style.fit(figure, rect=(0.015, 0, 1 - room / style.WIDTH, top), h_pad=0.9, w_pad=1.0 + 8 * room)
        for axes_row, row in zip(grid, rows, strict=True):
            for axes, panel in zip(axes_row, row, strict=False):
                ends = []
                for method in comparison.trained_methods:
                    line = _draw_method(axes, method, panel, looks[method.entry])
                    if line is not None:
                        end = (float(line.index[-1]), float(line.iloc[-1]))
                        ends.append((*end, method.entry.label, looks[method.entry].colour))
                if panel.metric == "pass":
                    _draw_references(axes, comparison, panel.benchmark)
                axes.margins(x=0.03, y=0.08)
                axes.set_ylim(max(axes.get_ylim()[0], 0), min(max(axes.get_ylim()[1], 0.1), 1.02))
                style.label_ends(axes, ends)
    return True


def panels(comparison: Comparison) -> list[list[Panel]]:
    """Return the panels by row: pass@1 and pass@k of each benchmark, then maj@k of those that have it."""
    rows = [[Panel(name, "pass", k) for k in _ks(comparison, name)] for name in _benchmarks(comparison)]
    votes = [Panel(row[-1].benchmark, "maj", row[-1].k) for row in rows if _has_votes(comparison, row[-1])]
    width = max(map(len, rows), default=1)
    return rows + [votes[start : start + width] for start in range(0, len(votes), width)]


def _has_votes(comparison: Comparison, panel: Panel) -> bool:
    curves = [run.curve for run in comparison.results]
    return any(
        curve[(curve["benchmark"] == panel.benchmark) & (curve["k"] == panel.k)]["maj_at_k"].notna().any()
        for curve in curves
    )


def _benchmarks(comparison: Comparison) -> list[str]:
    return sorted({name for run in comparison.results for name in run.curve["benchmark"]})


def _ks(comparison: Comparison, benchmark: str) -> list[int]:
    """Return 1 and the largest k that all evaluations of a benchmark have."""
    sets = [
        set(points["k"])
        for run in comparison.results
        for _, points in run.curve[run.curve["benchmark"] == benchmark].groupby(["stage", "step"])
    ]
    return sorted({1, int(max(set.intersection(*sets)))})


def points(run: Results, method: MethodRuns, panel: Panel) -> pd.DataFrame:
    """Return value, lower and upper by rl step of a method in one run, its stages joined end to end.

    A stage starts from the model with which its parent ends. Their two evaluations of it are averaged.
    """
    stages = {entry.checkpoint for entry in method.rl}
    curve = run.curve
    chosen = curve[curve["stage"].isin(stages) & (curve["benchmark"] == panel.benchmark) & (curve["k"] == panel.k)]
    named = chosen[["total_step", *panel.columns]].dropna().rename(columns=panel.columns)
    return named.groupby("total_step")[list(VALUES)].mean().sort_index()


def band(runs: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the line and its band by rl step.

    One run: its own intervals over problems. Several seeds: their mean at the steps that all have, from the lowest to
    the highest seed.
    """
    if len(runs) == 1:
        return runs[0]
    together = pd.concat([run["value"] for run in runs], axis=1, join="inner").sort_index()
    return pd.DataFrame({"value": together.mean(axis=1), "lower": together.min(axis=1), "upper": together.max(axis=1)})


def _draw_method(axes: "Axes", method: MethodRuns, panel: Panel, look: style.Look) -> pd.Series | None:
    """Draw one method over all its seeds; return its line by rl step, None without an evaluation."""
    runs = [each for run in method.entry.runs if len(each := points(run, method, panel))]
    if not runs or not len(drawn := band(runs)):
        return None
    axes.fill_between(drawn.index, drawn["lower"], drawn["upper"], color=look.colour, alpha=0.16, linewidth=0)
    marker = "o" if len(drawn) <= FEW else None
    axes.plot(drawn.index, drawn["value"], marker=marker, markersize=3, **look.line)
    return drawn["value"]


def _draw_references(axes: "Axes", comparison: Comparison, benchmark: str) -> None:
    """Draw the reference lines of a benchmark, dashed, each with its label."""
    for value, label in _references(comparison, benchmark):
        axes.axhline(value, color=style.GREY, linewidth=1.0, linestyle=(0, (5, 3)))
        axes.annotate(
            style.shortened(label, 44), (0.02, value), xytext=(0, 3), textcoords="offset points",
            xycoords=axes.get_yaxis_transform(), color=style.GREY, fontsize=8, va="bottom",
        )  # fmt: skip


def _references(comparison: Comparison, benchmark: str) -> list[tuple[float, str]]:
    """Return value and label of the reference lines of a benchmark, each once."""
    configured = [run.record.config["benchmarks"].get(benchmark, {}) for run in comparison.results]
    lines = [line for each in configured if (line := each.get("reference_line"))]
    return list(dict.fromkeys((float(line["value"]), str(line["label"])) for line in lines))


def references(comparison: Comparison) -> list[str]:
    """Return a phrase for each reference line of the figure."""
    return [
        f"{code(name)}, {value:g}, {inline(label)}"
        for name in _benchmarks(comparison)
        for value, label in _references(comparison, name)
    ]


def seeds(comparison: Comparison) -> int:
    """Return the largest number of seeds of a line."""
    counts = [
        sum(bool(run.curve["stage"].isin({entry.checkpoint for entry in method.rl}).any()) for run in method.entry.runs)
        for method in comparison.trained_methods
    ]
    return max(counts, default=1)
