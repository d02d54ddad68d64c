"""What is compared: the checkpoints of one experiment, or of several; their figures and differences with intervals.

A single experiment is a comparison of one. Several whose configurations differ in name and seed alone are seeds of one
design: a stage of theirs is one entry with a run a seed. Stages of different designs are matched by their names.
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
    """the difference of each seed"""

    @property
    def sign(self) -> int:
        """+1 or -1 where the 95 % interval is clear of zero, 0 where these data show no difference."""
        return seed_statistics.sign(self.estimate)


@dataclass(frozen=True)
class Cell:
    estimate: Estimate
    best: bool
    """better than every other by a paired difference that is clear of zero"""


@dataclass(frozen=True, eq=False)
class MethodRuns:
    """A method with the entries of its rl stages and its warm start."""

    method: Method
    entry: Entry
    rl: tuple[Entry, ...]
    warm_start: Entry | None


class Comparison:
    """results: in the order in which they were named."""

    def __init__(self, results: Sequence[Results]) -> None:
        known = [set(run.benchmarks) for run in results if run.benchmarks]
        self.together = sorted(set.intersection(*known)) if known else []
        """the benchmarks that all experiments have samples of: ALL is their mean"""
        self.results = tuple(replace(run, compared=frozenset(self.together)) for run in results)
        self.designs = designs(self.results)
        self._labels = labels(self.designs)
        self._named = named(self.designs, self._labels)
        self._found: dict[tuple, Estimate | Difference | None] = {}

    def label(self, design: tuple[Results, ...]) -> str:
        """The experiment's name, or what the names of the seeds have in common, where that tells designs apart."""
        return self._labels[self.designs.index(design)]

    @cached_property
    def entries(self) -> list[Entry]:
        """Every stage, and the base model where it was sampled; each once, warm starts before what comes of them."""
        return list(dict.fromkeys(self._named.values()))

    @cached_property
    def sampled(self) -> list[Entry]:
        return [entry for entry in self.entries if any(entry.sampled(name) for name in self.benchmarks)]

    @cached_property
    def trained_methods(self) -> list[MethodRuns]:
        """The methods of all designs; one that two designs share is there once."""
        found: dict[Entry, MethodRuns] = {}
        for design in self.designs:
            for method in design[0].methods:
                own = [self._entry(design, node.name) for node in method.chain]
                rl = tuple(entry for entry in own if entry.kind == "rl")
                trained = MethodRuns(method, own[-1], rl, self._named.get((id(design), method.warm_start)))
                found.setdefault(own[-1], trained)
        return list(found.values())

    def _entry(self, design: "tuple[Results, ...]", stage: str) -> Entry:
        return self._named[id(design), stage]

    def sharing(self, entry: Entry) -> list[Results]:
        """All experiments that have the entry's stage, those of other designs too."""
        named = [design for design in self.designs if self._named.get((id(design), entry.checkpoint)) is entry]
        return [run for design in named for run in design]

    @cached_property
    def comparisons(self) -> list[tuple[Entry, Entry]]:
        """(method, baseline) within each design; between designs, methods of the same name.

        Where a design shares no method name with the first, all methods of both count as one design. Where
        nothing was trained by rl, checkpoints of the same name.
        """
        found = []
        for design in self.designs:
            own = against_baseline(design[0].methods)
            found += [(self._entry(design, a.name), self._entry(design, b.name)) for a, b in own]
        first, *others = self.designs
        for other in others:
            theirs, own = ([method.name for method in design[0].methods] for design in (first, other))
            if not self.trained_methods:  # evaluations
                theirs, own = first[0].checkpoints, other[0].checkpoints
            shared = [name for name in own if name in theirs]
            found += [(self._entry(other, name), self._entry(first, name)) for name in shared]
            if not shared:
                entries = {
                    method: self._entry(design, method.name)
                    for design in (first, other)
                    for method in design[0].methods
                }
                found += [(entries[a], entries[b]) for a, b in against_baseline(list(entries))]
        return [(a, b) for a, b in dict.fromkeys(found) if a is not b]

    @cached_property
    def benchmarks(self) -> list[str]:
        return sorted({name for results in self.results for name in results.benchmarks})

    @cached_property
    def groups(self) -> list[str]:
        """All benchmarks together (where there are several), then each, those that all experiments have first."""
        several = [ALL] if len(self.together) > 1 else []
        return several + sorted(self.benchmarks, key=lambda name: name not in self.together)

    def ks(self, group: str) -> list[int]:
        """The k that all experiments ask for."""
        own = [set(results.ks(group)) for results in self.results if group in results.groups]
        return sorted(set.intersection(*own)) if own else []

    def ends(self, group: str) -> list[int]:
        """1 and the largest k of a group."""
        ks = self.ks(group)
        return sorted({ks[0], ks[-1]}) if ks else []

    def powers(self, group: str) -> list[int]:
        """Powers of two up to the samples that every problem has, and the k that the experiments ask for."""
        samples = min(results.samples(group) for results in self.results if group in results.groups)
        return sorted({2**i for i in range(samples.bit_length())} | set(self.ks(group)))

    def estimate(self, entry: Entry, group: str, k: int) -> Estimate | None:
        """Mean pass@k with its interval: over problems, and over seeds where there are several."""
        if (entry, group, k) not in self._found:
            self._estimate(entry, group)
        found = self._found.get((entry, group, k))
        return found if isinstance(found, Estimate) else None

    def _estimate(self, entry: Entry, group: str) -> None:
        runs, ks = entry.sampled(group), self.powers(group)
        values = {k: [run.values(entry.checkpoint, group, k) for run in runs] for k in ks}
        if not runs:
            return
        if len(runs) == 1:
            own = mean_intervals(np.column_stack([values[k][0] for k in ks]), DRAWS, SEED)
        else:
            own = [seed_statistics.mean(values[k]) for k in ks]
        self._found |= {(entry, group, k): one for k, one in zip(ks, own, strict=True)}

    def difference(self, of: Entry, to: Entry, group: str, k: int) -> Difference | None:
        """None where no seed of the two was sampled on the same problems."""
        if (of, to, group, k) not in self._found:
            self._found[of, to, group, k] = self._difference(of, to, group, k)
        found = self._found[of, to, group, k]
        return found if isinstance(found, Difference) else None

    def _difference(self, of: Entry, to: Entry, group: str, k: int) -> Difference | None:
        mine, theirs = self._paired(of, to, group, k)
        if not mine:
            return None
        estimate = seed_statistics.difference(mine, theirs)
        values = [np.mean([row.mean() for row in rows]) for rows in (mine, theirs)]
        by_seed = tuple(float(a.mean() - b.mean()) for a, b in zip(mine, theirs, strict=True))
        return Difference(group, of.label, to.label, k, float(values[0]), float(values[1]), estimate, by_seed)

    def _paired(self, of: Entry, to: Entry, group: str, k: int) -> tuple[list[pd.Series], list[pd.Series]]:
        """pass@k of both by problem, a Series a seed; seeds without enough problems in common are left out."""
        mine, theirs = [], []
        for a, b in self.pairs(of, to, group):
            first, second = a.values(of.checkpoint, group, k), b.values(to.checkpoint, group, k)
            both = first.index.intersection(second.index, sort=True)
            # a few problems that two draws happen to share are not a benchmark
            if 2 * len(both) >= max(len(first), len(second)):
                mine.append(first.loc[both])
                theirs.append(second.loc[both])
        return mine, theirs

    def pairs(self, of: Entry, to: Entry, group: str) -> list[tuple[Results, Results]]:
        """The runs of two entries that belong together: of the same experiment, else of the same seed."""
        ours, theirs = of.sampled(group), to.sampled(group)
        seeds = {run.seed: run for run in reversed(theirs) if run.seed is not None}
        found = [(run, run if run in theirs else seeds.get(run.seed)) for run in ours]
        return [(a, b) for a, b in found if b is not None]

    @cached_property
    def cells(self) -> dict[tuple[str, str, int], Cell]:
        """(group, label, k) -> the main table's cell."""
        return {
            (group, label, k): cell
            for group in self.groups
            for k in self.ks(group)
            for label, cell in self._column(group, k)
        }

    def _column(self, group: str, k: int) -> Iterator[tuple[str, Cell]]:
        found = {entry: self.estimate(entry, group, k) for entry in self.sampled}
        estimates = {entry: estimate for entry, estimate in found.items() if estimate}
        ranked = sorted(estimates, key=lambda entry: -estimates[entry].value)
        leads = (self.difference(ranked[0], other, group, k) for other in ranked[1:])
        holds = len(ranked) > 1 and all(lead is not None and lead.sign > 0 for lead in leads)
        for entry, estimate in estimates.items():
            yield entry.label, Cell(estimate, holds and entry is ranked[0])

    @cached_property
    def between_methods(self) -> list[Difference]:
        """Challenger minus baseline, at pass@1 and at the largest k."""
        return self._differences(self.comparisons)

    @cached_property
    def over_warm_start(self) -> list[Difference]:
        """Method minus its warm start, at pass@1 and at the largest k."""
        return self._differences([(c.entry, c.warm_start) for c in self.trained_methods if c.warm_start])

    @cached_property
    def p_values(self) -> dict[Difference, tuple[float, float]]:
        """The p-value of each of those differences, and that corrected for the number of all of them (Holm)."""
        by_label = {entry.label: entry for entry in self.entries}
        found = list(dict.fromkeys([*self.between_methods, *self.over_warm_start]))
        own = [seed_statistics.p_value(*self._paired(by_label[d.of], by_label[d.to], d.benchmark, d.k)) for d in found]
        return {d: (p, float(corrected)) for d, p, corrected in zip(found, own, holm(own), strict=True)}

    def _differences(self, pairs: list[tuple[Entry, Entry]]) -> list[Difference]:
        found = [self.difference(*pair, group, k) for pair in pairs for group in self.groups for k in self.ends(group)]
        return [difference for difference in found if difference is not None]
