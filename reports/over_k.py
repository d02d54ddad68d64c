"""Figure: pass@k over k, every checkpoint, a panel a benchmark."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from passk.evaluate.intervals import Estimate, mean_interval
from reports import style
from reports.results import SEED, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWS = 2_000


def draw(results: Results, path: Path) -> bool:
    """Write the figure; False where nothing was sampled."""
    if not results.benchmarks:
        return False
    columns = min(2, len(results.benchmarks))
    rows = -(-len(results.benchmarks) // columns)
    names = {name: colour for name, colour in style.colours(results.graph).items() if name in results.checkpoints}
    longest = max(len(style.shortened(name)) for name in names)
    with style.figure(path, rows, columns, 3.3 * rows) as (figure, grid):
        for axes, benchmark in zip(grid.flat, results.benchmarks, strict=False):
            ticks = ks(results, benchmark)
            axes.set_title(f"{style.shortened(benchmark, 24)}: pass@k")
            axes.set_xscale("log", base=2)
            axes.set_xticks(ticks, [str(k) for k in ticks])
            axes.minorticks_off()
            axes.set_xlabel("k, samples a problem")
        for axes in grid.flat[len(results.benchmarks) :]:
            axes.remove()
        # room for the labels right of each panel: a letter of 9 points is about 0.075 inches wide
        figure.tight_layout(
            w_pad=2.5 + 0.6 * longest, h_pad=2.0, rect=(0, 0, 1 - (0.2 + 0.075 * longest) / style.WIDTH, 1)
        )
        for axes, benchmark in zip(grid.flat, results.benchmarks, strict=False):
            _draw_panel(results, axes, benchmark, names)
    return True


def _draw_panel(results: Results, axes: "Axes", benchmark: str, colours: dict[str, str]) -> None:
    ends, at = [], ks(results, benchmark)
    for name, colour in colours.items():
        if results.problems(name, benchmark) is None:
            continue
        points = curve(results, name, benchmark, at)
        low, high = [point.low for point in points], [point.high for point in points]
        axes.fill_between(at, low, high, color=colour, alpha=0.14, linewidth=0)
        axes.plot(at, [point.value for point in points], color=colour, marker="o", markersize=3)
        ends.append((points[-1].value, name, colour))
    # where nothing is solved the interval alone would set the scale, to three decimals
    axes.set_ylim(0, max(axes.get_ylim()[1], 0.1))
    axes.locator_params(axis="y", nbins=5)
    axes.margins(x=0.03)
    style.label_ends(axes, ends, at[-1])


def ks(results: Results, benchmark: str) -> list[int]:
    """Powers of two up to the samples that every problem has, and the k that the experiment asks for."""
    samples = int(results.counts.loc[results.counts["benchmark"] == benchmark, "n"].min())
    powers = {2**i for i in range(samples.bit_length())}
    return sorted({k for k in powers if k <= samples} | set(results.ks(benchmark)))


def curve(results: Results, checkpoint: str, benchmark: str, at: list[int]) -> list[Estimate]:
    values = [np.asarray(results.values(checkpoint, benchmark, k)) for k in at]
    return [mean_interval(own, draws=DRAWS, seed=SEED) for own in values]
