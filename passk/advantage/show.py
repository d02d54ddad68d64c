"""Show an estimator's advantages over c, the correct of a prompt's N rollouts: as a table, as ASCII, as a PNG.

All take `kinds`, (incorrect, correct) for c = 0 .. N, and `totals`, eta for the same c (passk/advantage/step_size.py).
"""

from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten

Kinds = Sequence[tuple[float, float]]

_GUTTER = 10
"""Columns left of a plot, for its numbers."""
_PLOT = 65
"""Largest number of columns of a plot."""
_CORRECT, _INCORRECT, _ETA, _GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
"""Colours by Okabe and Ito, as in the report's figures. Colour-blind readers can distinguish them."""


def table(kinds: Kinds, totals: Sequence[float]) -> str:
    """Return a line for each c; "-" stands for a kind that no rollout has."""
    n = len(kinds) - 1
    lines = [f"{'c':>4} {'incorrect':>12} {'correct':>12} {'eta':>12}"]
    for c, ((incorrect, correct), eta) in enumerate(zip(kinds, totals, strict=True)):
        shown = (_number(incorrect) if c < n else "-", _number(correct) if c else "-", _number(eta))
        lines.append(f"{c:>4} " + " ".join(f"{value:>12}" for value in shown))
    return "\n".join(lines)


def chart(kinds: Kinds, totals: Sequence[float], width: int) -> str:
    """Return an ASCII plot of both advantages and, below, of eta. width: the longest line, 45 or more."""
    n = len(kinds) - 1
    columns = min(_PLOT, width - _GUTTER - len("  c"))
    if n < columns:  # equally many columns from each c to the next
        columns = (columns - 1) // n * n + 1
    correct = {c: kinds[c][1] for c in range(1, n + 1)}
    incorrect = {c: kinds[c][0] for c in range(n)}
    return "\n".join(
        [
            "advantage: correct o, incorrect x, both *",
            *_plot({"o": correct, "x": incorrect}, n, rows=13, columns=columns),
            "",
            "eta = c |correct| + (N - c) |incorrect|",
            *_plot({"#": dict(enumerate(totals))}, n, rows=9, columns=columns),
            _axis(n, columns),
        ]
    )


def png(path: Path, kinds: Kinds, totals: Sequence[float], title: str, formula: str) -> None:
    """Write the plots as a PNG, 1200 x 540 pixels. Raise OSError if the file cannot be written."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    n = len(kinds) - 1
    style = {"marker": "o" if n <= 64 else None, "markersize": 3.5}
    figure = Figure(figsize=(10, 4.5), dpi=120, layout="constrained")
    # the second line leaves space for the formula; parse_math: an option may contain a $
    figure.suptitle(f"{shorten(title, 100)}\n", x=0.02, ha="left", fontsize=12, weight="bold", parse_math=False)
    figure.text(0.02, 0.915, shorten(formula, 150), fontsize=9, color=_GREY, parse_math=False)
    advantage, total = figure.subplots(1, 2)
    advantage.set_title("advantage of a rollout", loc="left", fontsize=10)
    advantage.plot(range(1, n + 1), [correct for _, correct in kinds[1:]], color=_CORRECT, label="correct", **style)
    advantage.plot(range(n), [incorrect for incorrect, _ in kinds[:-1]], color=_INCORRECT, label="incorrect", **style)
    advantage.legend(frameon=False)
    total.set_title("eta: sum of |advantage| over the N rollouts", loc="left", fontsize=10)
    total.plot(range(n + 1), totals, color=_ETA, **style)
    total.set_ylim(bottom=0)
    for axes in (advantage, total):
        axes.axhline(0, color=_GREY, linewidth=0.8)
        axes.set_xlabel(f"c, correct of N = {n}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(color="#E6E6E6", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="png", metadata={"Software": None})


def _number(value: float) -> str:
    return f"{value:.3e}" if 0 < abs(value) < 1e-3 or abs(value) >= 1e6 else f"{value:.6f}"


def _plot(series: dict[str, dict[int, float]], n: int, *, rows: int, columns: int) -> list[str]:
    """Return the rows of a plot, numbers on the left. series: mark -> {c: value}."""
    values = [value for points in series.values() for value in points.values()]
    high, low = max(0.0, *values), min(0.0, *values)
    step = (high - low) / (rows - 1) or 1.0
    zero = round(high / step)
    grid = [[" "] * columns for _ in range(rows)]
    grid[zero] = ["."] * columns
    for mark, points in series.items():
        for c, value in points.items():
            row, column = grid[round((high - value) / step)], _column(c, n, columns)
            row[column] = mark if row[column] in (" ", ".", mark) else "*"
    labels = {0: f"{high:.4g}", rows - 1: f"{low:.4g}", zero: "0"}
    return [f"{labels.get(i, ''):>{_GUTTER - 2}} |{''.join(row)}".rstrip() for i, row in enumerate(grid)]


def _axis(n: int, columns: int) -> str:
    """Return the numbers of c below a plot, at the quarters of N."""
    line = [" "] * (_GUTTER + columns)
    for c in sorted({n * quarter // 4 for quarter in range(5)}):
        number = str(c)
        start = min(_GUTTER + _column(c, n, columns), len(line) - len(number))
        line[start : start + len(number)] = number
    return "".join(line) + "  c"


def _column(c: int, n: int, columns: int) -> int:
    return round(c * (columns - 1) / n)
