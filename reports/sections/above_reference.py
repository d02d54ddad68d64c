"""Share of a method's training runs that end above a benchmark's reference line, such as the score of a shortcut.

Where some runs leave a shortcut and others stay, the mean over seeds describes no run. The share does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from passk.statistics.bootstrap import Estimate
from passk.statistics.seeds import exact_share
from reports.data import seed_statistics
from reports.data.comparison import Comparison, Entry
from reports.data.markdown import code, inline, listed, table
from reports.data.results import Results
from reports.sections.answer import interval


@dataclass(frozen=True)
class Above:
    """Runs of a method on a benchmark, and how many of them end above its reference line."""

    method: str
    benchmark: str
    line: float
    label: str
    above: int
    runs: int

    @property
    def share(self) -> Estimate:
        """Share of the runs with its exact 95 % interval."""
        return exact_share(self.above, self.runs)


def above_reference(comparison: Comparison) -> list[Above]:
    """Return the runs above each reference line, for methods with several runs.

    A run is above the line if the 95 % interval of its pass@1 over problems is. A run that stays at the line would
    otherwise count as above it by chance in half of all cases.
    """
    return [
        Above(
            entry.label,
            benchmark,
            value,
            label,
            sum(_is_above(run, entry, benchmark, value) for run in runs),
            len(runs),
        )
        for benchmark, value, label in _lines(comparison)
        for entry in (trained.entry for trained in comparison.trained_methods)
        if len(runs := entry.sampled(benchmark)) > 1
    ]


def _lines(comparison: Comparison) -> Iterator[tuple[str, float, str]]:
    """Yield (benchmark, value, label) of each reference line that all experiments with the benchmark share."""
    for benchmark in comparison.benchmarks:
        settings = [
            run.record.config["benchmarks"][benchmark] for run in comparison.results if benchmark in run.benchmarks
        ]
        lines: list[dict[str, Any] | None] = [one.get("reference_line") for one in settings]
        first = lines[0]
        if first and all(line == first for line in lines):
            yield benchmark, float(first["value"]), str(first["label"])


def _is_above(run: Results, entry: Entry, benchmark: str, line: float) -> bool:
    return seed_statistics.mean([run.values(entry.checkpoint, benchmark, 1)]).low > line


def above_table(shares: list[Above]) -> str:
    """Return one row for each method and benchmark; empty without one."""
    rows = [
        [
            code(one.method), code(one.benchmark), f"{one.line:g} ({inline(one.label)})", f"{one.above} of {one.runs}",
            interval(one.share),
        ]
        for one in shares
    ]  # fmt: skip
    return table(["method", "benchmark", "reference line", "runs above", "share"], rows, left=3) if rows else ""


def above_sentences(shares: list[Above], name: Callable[[str], str]) -> list[str]:
    """Return a sentence for each benchmark with a reference line."""
    sentences = []
    for benchmark in dict.fromkeys(one.benchmark for one in shares):
        same = [one for one in shares if one.benchmark == benchmark]
        parts = [f"{one.above} of {one.runs} of {name(one.method)} ({interval(one.share)})" for one in same]
        sentences.append(f"Runs above the line {same[0].line:g} of {name(benchmark)} at pass@1: {listed(parts)}.")
    return sentences
