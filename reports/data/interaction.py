"""Several settings compared: does a method gain more over its baseline in one of them, and how much on average?

A setting is a design (reports/data/designs.py), for example another share of correct hints. The interaction is the
difference of two settings' differences. Where the settings share seeds and problems, all four checkpoints are paired by
both. Otherwise the settings are independent, and their intervals are combined (Zou and Donner 2008).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from passk.statistics.bootstrap import Estimate
from reports.data import seed_statistics
from reports.data.comparison import Comparison
from reports.data.designs import Entry
from reports.data.methods import against_baseline
from reports.data.results import Results

Design = tuple[Results, ...]
Pair = tuple[Entry, Entry]
"""A method and its baseline in one setting."""
Rows = list[tuple[int | None, pd.Series, pd.Series]]
"""Seed, and pass@k by problem of the method and of its baseline."""


@dataclass(frozen=True)
class Effect:
    """A combination of the differences between method and baseline in several settings."""

    method: str
    baseline: str
    settings: tuple[str, ...]
    pooled: bool
    """Mean over the settings; otherwise the first setting minus the second."""
    benchmark: str
    k: int
    estimate: Estimate


def effects(comparison: Comparison) -> list[Effect]:
    """Return pooled differences and interactions of methods that several settings share, each over several seeds."""
    return [
        effect
        for (method, baseline), pairs in _shared(comparison)
        for benchmark in comparison.groups
        for k in comparison.ends(benchmark)
        for effect in _effects(comparison, method, baseline, pairs, benchmark, k)
    ]


def _shared(comparison: Comparison) -> Iterator[tuple[tuple[str, str], list[tuple[Design, Pair]]]]:
    """Yield names of method and baseline with their entries in each setting. Settings that share one are left out."""
    settings_by_pair: dict[tuple[str, str], list[tuple[Design, Pair]]] = {}
    for design in comparison.designs:
        if len(design) > 1:
            for a, b in against_baseline(design[0].methods):
                pair = (comparison.entry(design, a.name), comparison.entry(design, b.name))
                settings_by_pair.setdefault((a.name, b.name), []).append((design, pair))
    for names, pairs in settings_by_pair.items():
        entries = [entry for _, pair in pairs for entry in pair]
        if len(pairs) > 1 and len(set(entries)) == len(entries):
            yield names, pairs


def _effects(
    comparison: Comparison, method: str, baseline: str, pairs: list[tuple[Design, Pair]], benchmark: str, k: int
) -> Iterator[Effect]:
    sampled = [(comparison.label(design), rows) for design, pair in pairs if len(rows := _rows(pair, benchmark, k)) > 1]
    if len(sampled) < 2:
        return
    labels, all_rows = tuple(label for label, _ in sampled), [rows for _, rows in sampled]
    yield Effect(method, baseline, labels, True, benchmark, k, pooled(all_rows))
    for (first, a), (second, b) in combinations(sampled, 2):
        yield Effect(method, baseline, (first, second), False, benchmark, k, interaction(a, b))


def _rows(pair: Pair, benchmark: str, k: int) -> Rows:
    """Return the runs of a setting that have both checkpoints on the same problems."""
    of, to = pair
    rows = []
    for run in of.sampled(benchmark):
        if run in to.sampled(benchmark):
            mine, theirs = run.values(of.checkpoint, benchmark, k), run.values(to.checkpoint, benchmark, k)
            if mine.index.equals(theirs.index):
                rows.append((run.seed, mine, theirs))
    return rows


def interaction(first: Rows, second: Rows) -> Estimate:
    """Return the difference of `first` minus that of `second`, with its 95 % interval."""
    if _are_paired([first, second]):
        # (m1 + b2) / 2 - (m2 + b1) / 2 is half of (m1 - b1) - (m2 - b2), and both terms are scores
        mine = [(m1 + b2) / 2 for (_, m1, _), (_, _, b2) in zip(first, second, strict=True)]
        theirs = [(m2 + b1) / 2 for (_, _, b1), (_, m2, _) in zip(first, second, strict=True)]
        half = seed_statistics.difference(mine, theirs)
        return Estimate(2 * half.value, 2 * half.low, 2 * half.high)
    a, b = _difference(first), _difference(second)
    value = a.value - b.value
    low = value - math.hypot(a.value - a.low, b.high - b.value)
    return Estimate(value, low, value + math.hypot(a.high - a.value, b.value - b.low))


def pooled(settings: Sequence[Rows]) -> Estimate:
    """Return the mean of the settings' differences, with its 95 % interval. All settings have the same weight."""
    count = len(settings)
    if _are_paired(settings):
        seeds = list(zip(*settings, strict=True))
        mine = [sum(mine for _, mine, _ in rows) / count for rows in seeds]
        theirs = [sum(theirs for _, _, theirs in rows) / count for rows in seeds]
        return seed_statistics.difference(mine, theirs)
    each = [_difference(rows) for rows in settings]
    value = sum(one.value for one in each) / count
    low = value - math.hypot(*(one.value - one.low for one in each)) / count
    return Estimate(value, low, value + math.hypot(*(one.high - one.value for one in each)) / count)


def _are_paired(settings: Sequence[Rows]) -> bool:
    """Return whether all settings have the same seeds, each with the same problems."""
    first, *others = settings
    return all(
        [seed for seed, *_ in rows] == [seed for seed, *_ in first]
        and all(a[1].index.equals(b[1].index) for a, b in zip(rows, first, strict=True))
        for rows in others
    )


def _difference(rows: Rows) -> Estimate:
    return seed_statistics.difference([mine for _, mine, _ in rows], [theirs for _, _, theirs in rows])
