"""Style of all figures: colour-blind safe (Okabe and Ito), no frame, labels at the lines, README size."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.data.comparison import Entry
from reports.data.markdown import visible

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES: tuple[Any, ...] = ("solid", (0, (4, 1.5)), (0, (1.2, 1.2)))
"""Dashes of the lines; each repetition of the colours takes the next one."""
GREY = "#666666"
WIDTH, DPI = 7.0, 150
"""Width in inches and dots per inch: 1050 pixels."""
_LEADER = {"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 1, "shrinkB": 2, "relpos": (0, 0.5)}
_RC: dict[str, Any] = {
    "font.size": 9, "axes.titlesize": 9.5, "axes.titlelocation": "left", "axes.labelsize": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY, "axes.linewidth": 0.8,
    "xtick.color": GREY, "ytick.color": GREY, "xtick.labelcolor": "black", "ytick.labelcolor": "black",
    "axes.grid": True, "grid.color": "#E6E6E6", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "lines.linewidth": 1.6, "figure.facecolor": "white", "svg.hashsalt": "passk",
    # the name of a stage is never a formula
    "text.parse_math": False,
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """Colour and dash of an entry's line."""

    colour: str
    dash: Any = "solid"

    @property
    def line(self) -> dict[str, Any]:
        """Arguments of matplotlib's plot."""
        return {"color": self.colour, "linestyle": self.dash}


@contextmanager
def figure(stem: Path, rows: int, columns: int, height: float, **options: Any) -> "Iterator[tuple[Figure, Any]]":
    """Yield a figure of README width and its grid of axes; write stem.svg and stem.png at the end of the block.

    It needs no display. The files hold neither date nor version, so equal figures have equal bytes. The PNG has a
    palette of 256 colours, which takes a third of the bytes.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from PIL import Image

    with matplotlib.rc_context(_RC):
        drawing, grid = pyplot.subplots(rows, columns, figsize=(WIDTH, height), squeeze=False, **options)
        try:
            yield drawing, grid
            stem.parent.mkdir(parents=True, exist_ok=True)
            drawing.savefig(stem.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
            png = io.BytesIO()
            drawing.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
        finally:
            pyplot.close(drawing)
    quantized = Image.open(png).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    quantized.save(stem.with_suffix(".png"), optimize=True)


def fit(drawing: "Figure", **options: Any) -> None:
    """Fit the panels with their labels into the figure. options: of matplotlib's TightLayoutEngine.

    `Figure.tight_layout` does the same, but also leaves an engine behind, for which savefig draws the figure twice.
    """
    from matplotlib.layout_engine import TightLayoutEngine

    TightLayoutEngine(**options).execute(drawing)


def looks(entries: Sequence[Entry]) -> dict[Entry, Look]:
    """Return the look of each entry, equal in all figures: rl stages in colour, others in grey and black."""
    plain = [entry for entry in entries if entry.kind != "rl"]
    trained = [entry for entry in entries if entry.kind == "rl"]
    grey = {entry: Look(("#999999", "#000000")[i % 2], DASHES[i // 2 % len(DASHES)]) for i, entry in enumerate(plain)}
    return grey | {
        entry: Look(COLOURS[i % len(COLOURS)], DASHES[i // len(COLOURS) % len(DASHES)])
        for i, entry in enumerate(trained)
    }


def shortened(name: str, characters: int = 18) -> str:
    """Return a name that fits beside a line, without invisible characters."""
    name = visible(name)
    return name if len(name) <= characters else f"{name[: characters - 1]}…"


def margin(labels: Sequence[str]) -> float:
    """Return the inches that labels take right of a panel; a letter of 9 points is about 0.075 wide."""
    return 0.2 + 0.075 * max((len(shortened(label)) for label in labels), default=0)


def spread(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Return places of labels near the wanted ones, `gap` apart, and within [low, high] if they fit."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [0.0] * len(wanted)
    last = float("-inf")
    for i in order:
        placed[i] = last = max(wanted[i], last + gap, low)
    last = max(high, low + gap * (len(wanted) - 1)) + gap
    for i in reversed(order):
        placed[i] = last = min(placed[i], last - gap)
    return placed


def label_ends(axes: "Axes", ends: list[tuple[float, float, str, str]]) -> None:
    """Write the names of lines (x, y, name, colour) right of the panel, moved apart if lines end close together."""
    low, high = axes.get_ylim()
    height = axes.get_window_extent().height / axes.figure.dpi * 72
    gap = 11.5 * (high - low) / height
    places = spread([y for _, y, _, _ in ends], gap, low + gap / 2, high - gap / 3)
    for (x, y, name, colour), place in zip(ends, places, strict=True):
        y = min(max(y, low), high)  # the name of a line that ends outside of the panel stands at its edge
        axes.annotate(
            shortened(name), (x, y), xytext=(1.05, place), textcoords=axes.get_yaxis_transform(),
            color=colour, va="center", fontsize=9, annotation_clip=False,
            arrowprops={**_LEADER, "color": colour},
        )  # fmt: skip


def label_line(axes: "Axes", line: "pd.Series", name: str, colour: str) -> None:
    """Write the name of a line (y by x) that ends inside the panel above or below its last part."""
    (low, high), (left, right) = axes.get_ylim(), axes.get_xlim()
    inches = axes.get_window_extent().width / axes.figure.dpi
    wide = (0.1 + 0.066 * len(shortened(name))) * (right - left) / inches
    end = float(line.index[-1])
    covered = line[line.index >= end - wide]
    beneath = covered.max() > low + 0.85 * (high - low)
    axes.annotate(
        shortened(name), (end, covered.min() if beneath else covered.max()), xytext=(0, -5 if beneath else 5),
        textcoords="offset points", color=colour, ha="right", va="top" if beneath else "bottom", fontsize=8,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.7},
    )  # fmt: skip


def key_line(figure: "Figure", entries: list[tuple[str, str]], height: float) -> float:
    """Write a legend at the top, for figures whose lines cross too often for labels.

    entries: (name, colour). height: of the figure, in inches. Return the upper edge of the panels as a share of it.
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
    return y - 0.1 / height
