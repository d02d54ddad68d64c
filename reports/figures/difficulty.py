"""Figure of accuracy by difficulty: a maze's size and shortest path, else the grade that the source gives a problem."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from passk.statistics.bootstrap import Estimate
from reports.data import seed_statistics
from reports.data.comparison import Comparison, Entry
from reports.data.results import Results
from reports.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUMBERS = {"size": "size of the maze, cells a side", "shortest": "shortest path, moves"}
"""Numeric metadata of a problem -> label of the axis."""
LEAST, MOST = 10, 8
"""Fewest problems of a bin, and largest number of bins."""
LETTERS, ROW = 10, 40
"""Fewest characters of a grade in a label, and characters of all labels beside each other."""


def draw(comparison: Comparison, stem: Path) -> bool:
    """Write the figure with one row for each grading; return False without samples or with a single grade."""
    graded = [(title, bins) for title, bins in gradings(comparison) if bins]
    if not graded:
        return False
    looks = style.looks(comparison.entries)
    entries = comparison.sampled
    ks = sorted(set.intersection(*(set(comparison.ks(name)) for name in comparison.benchmarks)))
    shown = sorted({ks[0], ks[-1]})
    height = 0.5 + 2.7 * len(graded)
    with style.figure(stem, len(graded), len(shown), height) as (figure, grid):
        top = style.key_line(figure, [(entry.label, looks[entry].colour) for entry in entries], height)
        for row, (title, bins) in zip(grid, graded, strict=True):
            for axes, k in zip(row, shown, strict=True):
                axes.set_title(f"pass@{k}, all benchmarks together")
                axes.set_xlabel(title)
                _draw_panel(axes, bins, entries, k, looks)
        style.fit(figure, rect=(0, 0, 1, top), h_pad=1.4, w_pad=1.6)
    return True


Bins = list[tuple[str, set[tuple[str, str]]]]
"""Label of each bin, and its problems as (benchmark, problem)."""


def gradings(comparison: Comparison) -> list[tuple[str, Bins]]:
    """Return (label of the axis, bins) of each numeric grading with several values, else of the source's grades."""
    frames = [run.traits for run in comparison.results if not run.traits.empty]
    if not frames:
        return []
    problems = pd.concat(frames).drop_duplicates(["benchmark", "problem"]).sort_values(["benchmark", "problem"])
    metadata = [json.loads(text) if isinstance(text, str) else {} for text in problems["metadata"]]
    places = list(zip(problems["benchmark"], problems["problem"], strict=True))
    rows = []
    for key, title in NUMBERS.items():
        values = pd.Series([_number(fields.get(key)) for fields in metadata])
        if values.nunique() > 1:
            rows.append((title, _binned(values, places)))
    if not rows:
        rows.append(("difficulty", _graded(problems["difficulty"], places)))
    return [(title, bins) for title, bins in rows if len(bins) > 1]


def _graded(grades: pd.Series, places: list[tuple[str, str]]) -> Bins:
    """Return one bin for each grade, with the last of more than MOST grades in one bin; numeric grades as `_binned`."""
    numbers = pd.to_numeric(grades, errors="coerce")
    if not numbers.isna().any() and numbers.nunique() > MOST:
        return _binned(numbers, places)
    filled = grades.fillna("")
    names = sorted(set(filled), key=_natural)
    kept = names if len(names) <= MOST else names[: MOST - 1]
    letters = max(LETTERS, ROW // len(kept))
    labels = [style.shortened(name or "none", letters) for name in kept]
    # two shortened grades may be equal
    labels = [f"{i}: {label}" if labels.count(label) > 1 else label for i, label in enumerate(labels, start=1)]
    bins = [
        (label, {place for place, grade in zip(places, filled, strict=True) if grade == name})
        for label, name in zip(labels, kept, strict=True)
    ]
    rest = set(places).difference(*(binned for _, binned in bins))
    return [*bins, (f"{len(names) - len(kept)} others", rest)] if rest else bins


def _binned(values: pd.Series, places: list[tuple[str, str]]) -> Bins:
    """Return bins of neighbouring values, each with LEAST problems or more.

    A bin has at least half of a MOST-th of the problems, so there are at most 2 * MOST bins.
    """
    counts = values.dropna().value_counts().sort_index()
    least = max(LEAST, -(-int(counts.sum()) // MOST) // 2)
    bins: list[list[float]] = [[]]
    for value in counts.index:
        if bins[-1] and counts.loc[bins[-1]].sum() >= least:
            bins.append([])
        bins[-1].append(value)
    if len(bins) > 1 and counts.loc[bins[-1]].sum() < least:
        last = bins.pop()
        bins[-1] += last
    return [
        (
            f"{members[0]:g}" if len(members) == 1 else f"{members[0]:g}–{members[-1]:g}",
            {place for place, value in zip(places, values, strict=True) if value in members},
        )
        for members in bins
    ]


def _draw_panel(axes: "Axes", bins: Bins, entries: list[Entry], k: int, looks: dict[Entry, style.Look]) -> None:
    width = 0.5 / max(len(entries), 1)
    for i, entry in enumerate(entries):
        points = [(x, estimate(entry, places, k)) for x, (_, places) in enumerate(bins)]
        shifted = [(x + width * (i - (len(entries) - 1) / 2), point) for x, point in points if point]
        if not shifted:
            continue
        at, means = [x for x, _ in shifted], [point.value for _, point in shifted]
        reach = [[p.value - p.low for _, p in shifted], [p.high - p.value for _, p in shifted]]
        look = looks[entry]
        axes.errorbar(at, means, yerr=reach, fmt="none", ecolor=look.colour, elinewidth=1.1, alpha=0.7)
        axes.plot(at, means, marker="o", markersize=3.5, linewidth=0.9, **look.line)
    axes.set_xticks(range(len(bins)), [f"{label}\n{len(places)}" for label, places in bins])
    axes.set_xlabel(f"{axes.get_xlabel()} (below: number of problems)")
    axes.grid(axis="x", visible=False)
    axes.set_ylim(0, max(axes.get_ylim()[1], 0.1))
    axes.locator_params(axis="y", nbins=5)


def estimate(entry: Entry, places: set[tuple[str, str]], k: int) -> Estimate | None:
    """Return the mean pass@k of some problems over the runs with five or more of them; None without such a run."""
    rows = [row for run in entry.runs if len(row := _values(run, entry.checkpoint, places, k)) >= 5]
    return seed_statistics.mean(rows) if rows else None


def _values(run: Results, checkpoint: str, places: set[tuple[str, str]], k: int) -> pd.Series:
    parts = [run.values(checkpoint, name, k) for name in run.benchmarks if run.problems(checkpoint, name) is not None]
    if not parts:
        return pd.Series(dtype=float)
    values = pd.concat(parts)
    return values[[place in places for place in values.index]]


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def _natural(text: str) -> list[tuple[int, str]]:
    """Return a sort key that places Level 2 before Level 10."""
    parts = re.split(r"([0-9]{1,18})", text)
    return [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)]
