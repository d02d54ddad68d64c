"""Measured variation between training runs that differ in their seed, by source of problems.

A report of one training run shows it, because an interval over problems does not contain it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from reports.data.comparison import Comparison


@dataclass(frozen=True)
class RunToRun:
    """Standard deviations over seeds, measured by a study."""

    of: str
    """What the study trained."""
    seeds: int
    checkpoint: Mapping[int, float]
    """k -> SD of the pass@k of a method's last checkpoint, pooled over the methods."""
    difference: Mapping[int, float]
    """k -> SD of the difference between two methods with the same seed."""
    page: str
    """Page with the numbers."""


MEASURED = {
    "maze": RunToRun(
        "tiny models on mazes of 5 x 5, each seed with its own warm start and test mazes", 5, {1: 0.056, 8: 0.030},
        {1: 0.050, 8: 0.028}, "studies/mazes/tables.md",
    )
}  # fmt: skip
"""Source of problems -> its measurement; tests/unit/studies computes the numbers again from the study's data."""


def measured(comparison: Comparison) -> RunToRun | None:
    """Return the measurement of the one source of all benchmarks; None if there is none."""
    sources = {
        run.record.config.get("problems", {}).get(run.record.config["benchmarks"][name]["problems"], {}).get("source")
        for run in comparison.results
        for name in run.benchmarks
    }
    return MEASURED.get(sources.pop() or "") if len(sources) == 1 else None
