"""Comparison of the checkpoints of one or several experiments: means and differences with intervals.

A single experiment is a comparison of one. Experiments of one design (reports/designs.py) are its seeds: each of their
stages is one entry with one run for each seed. Stages of different designs are matched by name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from passk.statistics.bootstrap import Estimate, mean_intervals
from passk.statistics.paired import holm
from reports.data import seed_statistics
from reports.data.designs import Entry, designs, labels, named
from reports.data.methods import Method, against_baseline
from reports.data.results import ALL, Results
from reports.data.seed_statistics import DRAWS, SEED


@dataclass(frozen=True)
class Difference:
    """Entry `of` minus entry `to`, paired by seed and by problem."""

    benchmark: str
    of: str
    to: str
    k: int
    value_of: float
    value_to: float
    estimate: Estimate
    by_seed: tuple[float, ...]
    """Difference of each seed."""

    @property
    def several_runs(self) -> bool:
        """Whether there are several pairs of training runs, without which nothing is known of the methods."""
        return len(self.by_seed) > 1

    @property
    def sign(self) -> int:
        """+1 or -1 if there are several runs and the 95 % interval excludes zero, else 0."""
        return seed_statistics.sign(self.estimate) if self.several_runs else 0


@dataclass(frozen=True)
class Cell:
    """A cell of the main table."""

    estimate: Estimate
    best: bool
    """Whether the interval of each paired difference to the other checkpoints, over several runs, is above zero."""


@dataclass(frozen=True, eq=False)
class MethodRuns:
    """A method with the entries of its rl stages and its warm start."""

    method: Method
    entry: Entry
    rl: tuple[Entry, ...]
    warm_start: Entry | None


class Comparison:
    """A comparison of experiments.

    results: of the experiments, in the order of the command.
    """

    def __init__(self, results: Sequence[Results]) -> None:
        benchmarks = [set(run.benchmarks) for run in results if run.benchmarks]
        self.together = sorted(set.intersection(*benchmarks)) if benchmarks else []
        """Benchmarks with samples of all experiments; ALL is their mean."""
        self.results = tuple(replace(run, compared=frozenset(self.together)) for run in results)
        self.together = [name for name in self.together if all(name in run.together for run in self.results)]
        self.designs = designs(self.results)
        self._labels = labels(self.designs)
        self._named = named(self.designs, self._labels)
        self._cache: dict[tuple, Estimate | Difference | None] = {}

    def label(self, design: tuple[Results, ...]) -> str:
        """Return the label of a design: the common part of its names if that is distinct, else an experiment's name."""
        return self._labels[self.designs.index(design)]

    @cached_property
    def entries(self) -> list[Entry]:
        """All stages, and the base model if it has samples, each once and after its parent."""
        return list(dict.fromkeys(self._named.values()))

    @cached_property
    def sampled(self) -> list[Entry]:
        """Entries with samples."""
        return [entry for entry in self.entries if any(entry.sampled(name) for name in self.benchmarks)]

    @cached_property
    def trained_methods(self) -> list[MethodRuns]:
        """Methods of all designs, each once."""
        by_entry: dict[Entry, MethodRuns] = {}
        for design in self.designs:
            for method in design[0].methods:
                chain = [self.entry(design, node.name) for node in method.chain]
                rl = tuple(entry for entry in chain if entry.kind == "rl")
                trained = MethodRuns(method, chain[-1], rl, self._named.get((id(design), method.warm_start)))
                by_entry.setdefault(chain[-1], trained)
        return list(by_entry.values())

    def entry(self, design: tuple[Results, ...], stage: str) -> Entry:
        """Return the entry of a stage of a design."""
        return self._named[id(design), stage]

    def sharing(self, entry: Entry) -> list[Results]:
        """Return all experiments with the entry's stage, including those of other designs."""
        sharing = [design for design in self.designs if self._named.get((id(design), entry.checkpoint)) is entry]
        return [run for design in sharing for run in design]

    @cached_property
    def comparisons(self) -> list[tuple[Entry, Entry]]:
        """Pairs (method, baseline) within each design, and methods of the same name between designs.

        If a design shares no method name with the first, the methods of both count as one design. Without rl stages
        the pairs are checkpoints of the same name.
        """
        pairs = []
        for design in self.designs:
            within = against_baseline(design[0].methods)
            pairs += [(self.entry(design, a.name), self.entry(design, b.name)) for a, b in within]
        first, *others = self.designs
        for other in others:
            baselines, names = ([method.name for method in design[0].methods] for design in (first, other))
            if not self.trained_methods:  # evaluations
                baselines, names = first[0].checkpoints, other[0].checkpoints
            shared = [name for name in names if name in baselines]
            pairs += [(self.entry(other, name), self.entry(first, name)) for name in shared]
            if not shared:
                entries = {
                    method: self.entry(design, method.name) for design in (first, other) for method in design[0].methods
                }
                pairs += [(entries[a], entries[b]) for a, b in against_baseline(list(entries))]
        return [(a, b) for a, b in dict.fromkeys([*pairs, *self._best(pairs)]) if a is not b]

    def _best(self, pairs: list[tuple[Entry, Entry]]) -> list[tuple[Entry, Entry]]:
        """Return the pairs of the best models of compared stages, where both have one."""
        best = {entry.parent: entry for entry in self.entries if entry.kind == "best"}
        return [(best[a.label], best[b.label]) for a, b in pairs if a.label in best and b.label in best]

    @cached_property
    def benchmarks(self) -> list[str]:
        """Names of the benchmarks of all experiments."""
        return sorted({name for results in self.results for name in results.benchmarks})

    @cached_property
    def groups(self) -> list[str]:
        """ALL if several benchmarks are shared, then each benchmark, the shared ones first."""
        several = [ALL] if len(self.together) > 1 else []
        return several + sorted(self.benchmarks, key=lambda name: name not in self.together)

    def ks(self, group: str) -> list[int]:
        """Return the configured k that all experiments share."""
        ks = [set(results.ks(group)) for results in self.results if group in results.groups]
        return sorted(set.intersection(*ks)) if ks else []

    def ends(self, group: str) -> list[int]:
        """Return the smallest k (1) and the largest k of a group."""
        ks = self.ks(group)
        return sorted({ks[0], ks[-1]}) if ks else []

    def powers(self, group: str) -> list[int]:
        """Return the powers of two up to the number of samples of every problem, and the configured k."""
        samples = min(results.samples(group) for results in self.results if group in results.groups)
        return sorted({2**i for i in range(samples.bit_length())} | set(self.ks(group)))

    def estimate(self, entry: Entry, group: str, k: int) -> Estimate | None:
        """Return the mean pass@k with its interval over problems, and over seeds if there are several."""
        if (entry, group, k) not in self._cache:
            self._estimate(entry, group)
        estimate = self._cache.get((entry, group, k))
        return estimate if isinstance(estimate, Estimate) else None

    def _estimate(self, entry: Entry, group: str) -> None:
        runs, ks = entry.sampled(group), self.powers(group)
        values = {k: [run.values(entry.checkpoint, group, k) for run in runs] for k in ks}
        if not runs:
            return
        if len(runs) == 1:
            estimates = mean_intervals(np.column_stack([values[k][0] for k in ks]), DRAWS, SEED)
        else:
            estimates = [seed_statistics.mean(values[k]) for k in ks]
        self._cache |= {(entry, group, k): estimate for k, estimate in zip(ks, estimates, strict=True)}

    def difference(self, of: Entry, to: Entry, group: str, k: int) -> Difference | None:
        """Return the paired difference; None if no pair of runs has samples of the same problems."""
        if (of, to, group, k) not in self._cache:
            self._cache[of, to, group, k] = self._difference(of, to, group, k)
        difference = self._cache[of, to, group, k]
        return difference if isinstance(difference, Difference) else None

    def _difference(self, of: Entry, to: Entry, group: str, k: int) -> Difference | None:
        mine, theirs = self._paired(of, to, group, k)
        if not mine:
            return None
        estimate = seed_statistics.difference(mine, theirs)
        values = [np.mean([row.mean() for row in rows]) for rows in (mine, theirs)]
        by_seed = tuple(float(a.mean() - b.mean()) for a, b in zip(mine, theirs, strict=True))
        return Difference(group, of.label, to.label, k, float(values[0]), float(values[1]), estimate, by_seed)

    def _paired(self, of: Entry, to: Entry, group: str, k: int) -> tuple[list[pd.Series], list[pd.Series]]:
        """Return pass@k of both by problem, one Series for each seed, without seeds that share too few problems."""
        mine, theirs = [], []
        for a, b in self.pairs(of, to, group):
            first, second = a.values(of.checkpoint, group, k), b.values(to.checkpoint, group, k)
            if first.index.equals(second.index):
                mine.append(first)
                theirs.append(second)
                continue
            both = first.index.intersection(second.index, sort=True)
            # two random draws may share a few problems, which are not a benchmark
            if 2 * len(both) >= max(len(first), len(second)):
                mine.append(first.loc[both])
                theirs.append(second.loc[both])
        return mine, theirs

    def pairs(self, of: Entry, to: Entry, group: str) -> list[tuple[Results, Results]]:
        """Return the pairs of runs of two entries: of the same experiment, else of the same seed."""
        ours, theirs = of.sampled(group), to.sampled(group)
        seeds = {run.seed: run for run in reversed(theirs) if run.seed is not None}
        pairs = [(run, run if run in theirs else seeds.get(run.seed)) for run in ours]
        return [(a, b) for a, b in pairs if b is not None]

    @cached_property
    def cells(self) -> dict[tuple[str, str, int], Cell]:
        """Cells of the main table by (group, label, k)."""
        return {
            (group, label, k): cell
            for group in self.groups
            for k in self.ks(group)
            for label, cell in self._column(group, k)
        }

    def _column(self, group: str, k: int) -> Iterator[tuple[str, Cell]]:
        column = {entry: self.estimate(entry, group, k) for entry in self.sampled}
        estimates = {entry: estimate for entry, estimate in column.items() if estimate}
        ranked = sorted(estimates, key=lambda entry: -estimates[entry].value)
        leads = (self.difference(ranked[0], other, group, k) for other in ranked[1:])
        holds = len(ranked) > 1 and all(lead is not None and lead.sign > 0 for lead in leads)
        for entry, estimate in estimates.items():
            yield entry.label, Cell(estimate, holds and entry is ranked[0])

    @cached_property
    def between_methods(self) -> list[Difference]:
        """Method minus baseline, at pass@1 and at the largest k."""
        return self._differences(self.comparisons)

    @cached_property
    def over_warm_start(self) -> list[Difference]:
        """Method minus its warm start, at pass@1 and at the largest k."""
        return self._differences([(c.entry, c.warm_start) for c in self.trained_methods if c.warm_start])

    @cached_property
    def p_values(self) -> dict[Difference, tuple[float, float]]:
        """p-value and Holm-corrected p-value of each of the `differences` with several runs."""
        by_label = {entry.label: entry for entry in self.entries}
        tested = [difference for difference in self.differences if difference.several_runs]
        ps = [seed_statistics.p_value(*self._paired(by_label[d.of], by_label[d.to], d.benchmark, d.k)) for d in tested]
        return {d: (p, float(corrected)) for d, p, corrected in zip(tested, ps, holm(ps), strict=True)}

    @property
    def differences(self) -> list[Difference]:
        """Return the differences of `between_methods` and `over_warm_start`, each once."""
        return list(dict.fromkeys([*self.between_methods, *self.over_warm_start]))

    def _differences(self, pairs: list[tuple[Entry, Entry]]) -> list[Difference]:
        differences = [
            self.difference(*pair, group, k) for pair in pairs for group in self.groups for k in self.ends(group)
        ]
        return [difference for difference in differences if difference is not None]
