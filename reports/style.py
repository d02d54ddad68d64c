"""How every figure looks: colour-blind safe (Okabe and Ito), no frame, labels at the lines, README size."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.arms import BASE, Node

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#666666"
WIDTH, DPI = 7.0, 120
"""inches and dots an inch: 840 pixels"""
_LEADER = {"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 1, "shrinkB": 2, "relpos": (0, 0.5)}
_RC: dict[str, Any] = {
    "font.size": 9, "axes.titlesize": 9.5, "axes.titlelocation": "left", "axes.labelsize": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY, "axes.linewidth": 0.8,
    "xtick.color": GREY, "ytick.color": GREY, "xtick.labelcolor": "black", "ytick.labelcolor": "black",
    "axes.grid": True, "grid.color": "#E6E6E6", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "lines.linewidth": 1.6, "figure.facecolor": "white",
}  # fmt: skip


@contextmanager
def figure(path: Path, rows: int, columns: int, height: float, **options: Any) -> "Iterator[tuple[Figure, Any]]":
    """A figure of README width with a grid of axes; written to `path` as PNG where the block ends.

    No display is needed, and the file says neither date nor version: equal figures are equal bytes.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with matplotlib.rc_context(_RC):
        made, grid = pyplot.subplots(rows, columns, figsize=(WIDTH, height), squeeze=False, **options)
        try:
            yield made, grid
            path.parent.mkdir(parents=True, exist_ok=True)
            made.savefig(path, dpi=DPI, metadata={"Software": None})
        finally:
            pyplot.close(made)


def colours(graph: list[Node]) -> dict[str, str]:
    """A colour a checkpoint, the same in every figure: warm starts in grey and black, rl stages in colour."""
    plain = [BASE, *(node.name for node in graph if node.kind != "rl")]
    trained = [node.name for node in graph if node.kind == "rl"]
    chosen = {name: ("#999999", "#000000")[i % 2] for i, name in enumerate(plain)}
    return chosen | {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(trained)}


def shortened(name: str, characters: int = 18) -> str:
    """A name that fits beside a line."""
    return name if len(name) <= characters else f"{name[: characters - 1]}…"


def spread(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Places for labels, near the wanted ones but `gap` apart, within [low, high] where they fit."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [0.0] * len(wanted)
    last = float("-inf")
    for i in order:
        placed[i] = last = max(wanted[i], last + gap, low)
    last = max(high, low + gap * (len(wanted) - 1)) + gap
    for i in reversed(order):
        placed[i] = last = min(placed[i], last - gap)
    return placed


def label_ends(axes: "Axes", ends: list[tuple[float, str, str]], x: float) -> None:
    """Write each line's name (y, name, colour) right of x, moved apart where lines end close together."""
    low, high = axes.get_ylim()
    height = axes.get_window_extent().height / axes.figure.dpi * 72
    gap = 11.5 * (high - low) / height
    places = spread([y for y, _, _ in ends], gap, low + gap / 2, high + gap / 2)
    for (y, name, colour), place in zip(ends, places, strict=True):
        axes.annotate(
            shortened(name), (x, y), xytext=(1.05, place), textcoords=axes.get_yaxis_transform(),
            color=colour, va="center", fontsize=9, annotation_clip=False,
            arrowprops={**_LEADER, "color": colour},
        )  # fmt: skip


def key_line(figure: "Figure", entries: list[tuple[str, str]], height: float) -> float:
    """The names in their colours at the top, for figures whose lines cross too often to be labelled.

    height: of the figure, in inches. Returns where the panels may begin below, as a share of it.
    """
    canvas: FigureCanvasAgg = figure.canvas  # type: ignore[assignment]
    renderer = canvas.get_renderer()
    x, y = 0.08, 1 - 0.18 / height
    for name, colour in entries:
        text = figure.text(x, y, f"━ {shortened(name, 28)}", color=colour, va="center", fontsize=9.5, weight="bold")
        width = text.get_window_extent(renderer).width / figure.bbox.width
        if x + width > 0.98:
            x, y = 0.08, y - 0.2 / height
            text.set_position((x, y))
        x += width + 0.03
    return y - 0.16 / height
