"""Figure of pass@k over k for every checkpoint, one panel for each benchmark and one for their mean."""

from pathlib import Path
from typing import TYPE_CHECKING

from reports.data.comparison import Comparison, Entry
from reports.data.results import ALL
from reports.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(comparison: Comparison, stem: Path) -> bool:
    """Write the figure; return False without samples."""
    groups = comparison.groups
    if not groups:
        return False
    columns = min(2, len(groups))
    rows = -(-len(groups) // columns)
    all_looks = style.looks(comparison.entries)
    looks = {entry: all_looks[entry] for entry in comparison.sampled}
    room = style.margin([entry.label for entry in looks])
    with style.figure(stem, rows, columns, max(2.9, 0.2 * len(looks) + 0.9) * rows) as (figure, grid):
        for axes, group in zip(grid.flat, groups, strict=False):
            ticks = comparison.powers(group)
            axes.set_title(f"{'all together' if group == ALL else style.shortened(group, 24)}: pass@k")
            axes.set_xscale("log", base=2)
            axes.set_xticks(ticks, [str(k) for k in ticks])
            axes.minorticks_off()
            axes.set_xlabel("k, samples per problem")
        for axes in grid.flat[len(groups) :]:
            axes.remove()
        style.fit(figure, w_pad=1.0 + 7 * room, h_pad=2.0, rect=(0, 0, 1 - room / style.WIDTH, 1))
        for axes, group in zip(grid.flat, groups, strict=False):
            _draw_panel(comparison, axes, group, looks)
    return True


def _draw_panel(comparison: Comparison, axes: "Axes", group: str, looks: dict[Entry, style.Look]) -> None:
    ends, at = [], comparison.powers(group)
    for entry, look in looks.items():
        points = [point for k in at if (point := comparison.estimate(entry, group, k))]
        if not points:
            continue
        axes.fill_between(at, [p.low for p in points], [p.high for p in points], color=look.colour, alpha=0.14, lw=0)
        axes.plot(at, [point.value for point in points], marker="o", markersize=3, **look.line)
        ends.append((at[-1], points[-1].value, entry.label, look.colour))
    # without a solved problem the interval alone would set the scale
    axes.set_ylim(0, max(axes.get_ylim()[1], 0.1))
    axes.locator_params(axis="y", nbins=5)
    axes.margins(x=0.03)
    style.label_ends(axes, ends)
