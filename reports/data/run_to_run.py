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
    width: int
    """Width of the mazes. Other sizes and other models vary by another amount."""


MEASURED = {
    "maze": RunToRun(
        "tiny models on mazes of 5 x 5, each seed with its own warm start and test mazes", 5, {1: 0.056, 8: 0.030},
        {1: 0.050, 8: 0.028}, "studies/mazes/tables.md", 5,
    )
}  # fmt: skip
"""Source of problems -> its measurement; tests/unit/studies computes the numbers again from the study's data."""


def measured(comparison: Comparison) -> RunToRun | None:
    """Return the measurement that fits all benchmarks and models; None if one of them is of another kind."""
    configs = [run.record.config for run in comparison.results]
    specs = [
        run.record.config.get("problems", {}).get(run.record.config["benchmarks"][name]["problems"], {})
        for run in comparison.results
        for name in run.benchmarks
    ]
    sources = {spec.get("source") for spec in specs}
    known = MEASURED.get(sources.pop() or "") if len(sources) == 1 else None
    if known is None or any(spec.get("width") != known.width for spec in specs):
        return None
    return known if all(config.get("model", {}).get("tiny") for config in configs) else None
