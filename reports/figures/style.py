"""How every figure looks: colour-blind safe (Okabe and Ito), no frame, labels at the lines, README size."""

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
"""of the first lines, when their colours are used up of the second, and of the third"""
GREY = "#666666"
WIDTH, DPI = 7.0, 150
"""inches and dots an inch: 1050 pixels"""
_LEADER = {"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 1, "shrinkB": 2, "relpos": (0, 0.5)}
_RC: dict[str, Any] = {
    "font.size": 9, "axes.titlesize": 9.5, "axes.titlelocation": "left", "axes.labelsize": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY, "axes.linewidth": 0.8,
    "xtick.color": GREY, "ytick.color": GREY, "xtick.labelcolor": "black", "ytick.labelcolor": "black",
    "axes.grid": True, "grid.color": "#E6E6E6", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "lines.linewidth": 1.6, "figure.facecolor": "white", "svg.hashsalt": "passk",
    # a stage may be called what it likes: no name is read as a formula
    "text.parse_math": False,
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    colour: str
    dash: Any = "solid"

    @property
    def line(self) -> dict[str, Any]:
        return {"color": self.colour, "linestyle": self.dash}


@contextmanager
def figure(stem: Path, rows: int, columns: int, height: float, **options: Any) -> "Iterator[tuple[Figure, Any]]":
    """A figure of README width with a grid of axes; written as stem.svg and stem.png where the block ends.

    No display is needed, and the files say neither date nor version: equal figures are equal bytes. The PNG has a
    palette of 256 colours, a third of the bytes.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from PIL import Image

    with matplotlib.rc_context(_RC):
        made, grid = pyplot.subplots(rows, columns, figsize=(WIDTH, height), squeeze=False, **options)
        try:
            yield made, grid
            stem.parent.mkdir(parents=True, exist_ok=True)
            made.savefig(stem.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
            drawn = io.BytesIO()
            made.savefig(drawn, format="png", dpi=DPI, metadata={"Software": None})
        finally:
            pyplot.close(made)
    few = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(stem.with_suffix(".png"), optimize=True)


def looks(entries: Sequence[Entry]) -> dict[Entry, Look]:
    """A look an entry, the same in every figure: warm starts in grey and black, rl stages in colour."""
    plain = [entry for entry in entries if entry.kind != "rl"]
    trained = [entry for entry in entries if entry.kind == "rl"]
    found = {entry: Look(("#999999", "#000000")[i % 2], DASHES[i // 2 % len(DASHES)]) for i, entry in enumerate(plain)}
    return found | {
        entry: Look(COLOURS[i % len(COLOURS)], DASHES[i // len(COLOURS) % len(DASHES)])
        for i, entry in enumerate(trained)
    }


def shortened(name: str, characters: int = 18) -> str:
    """A name that fits beside a line, nothing invisible in it."""
    name = visible(name)
    return name if len(name) <= characters else f"{name[: characters - 1]}…"


def margin(labels: Sequence[str]) -> float:
    """Inches right of a panel that its labels take: a letter of 9 points is about 0.075 wide."""
    return 0.2 + 0.075 * max((len(shortened(label)) for label in labels), default=0)


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


def label_ends(axes: "Axes", ends: list[tuple[float, float, str, str]]) -> None:
    """Write each line's name (x, y, name, colour) right of the panel, moved apart where lines end close together."""
    low, high = axes.get_ylim()
    height = axes.get_window_extent().height / axes.figure.dpi * 72
    gap = 11.5 * (high - low) / height
    places = spread([y for _, y, _, _ in ends], gap, low + gap / 2, high - gap / 3)
    for (x, y, name, colour), place in zip(ends, places, strict=True):
        y = min(max(y, low), high)  # a line that ends outside of the panel is named at its edge
        axes.annotate(
            shortened(name), (x, y), xytext=(1.05, place), textcoords=axes.get_yaxis_transform(),
            color=colour, va="center", fontsize=9, annotation_clip=False,
            arrowprops={**_LEADER, "color": colour},
        )  # fmt: skip


def label_line(axes: "Axes", line: "pd.Series", name: str, colour: str) -> None:
    """Write the name of a line (y by x) that ends in the midst of the panel over its last piece, or under it."""
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
    return y - 0.1 / height
