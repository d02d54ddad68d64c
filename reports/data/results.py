"""Results of one experiment, read from the store at once. A report computes everything from them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from passk.files.layout import BASE, BEST, ExperimentRecord
from passk.statistics.further import BEST_OF
from passk.statistics.pass_at_k import pass_at_k
from passk.store import queries, reading, report_queries
from reports.data.methods import Method, Node, methods, nodes

ALL = "all"
"""Name of the group of all benchmarks."""


@dataclass(frozen=True, eq=False)
class Results:
    """Frames with the columns of passk/store/queries.py and report_queries.py."""

    record: ExperimentRecord
    stages: pd.DataFrame
    steps: pd.DataFrame
    evaluations: pd.DataFrame
    counts: pd.DataFrame
    traits: pd.DataFrame
    launches: pd.DataFrame
    pauses: pd.DataFrame
    reasons: pd.DataFrame
    curve: pd.DataFrame
    ranked: pd.DataFrame
    """Verdicts and log-probabilities of the benchmarks that ask for best-of."""
    graph: list[Node]
    methods: list[Method]
    foreign: dict[str, ExperimentRecord]
    """Records of the other experiments that trained some of these stages, by name."""
    compared: frozenset[str] | None = None
    """Benchmarks that all experiments of a comparison share; None for a single experiment."""

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self.record.name

    @property
    def seed(self) -> int | None:
        """Seed of the experiment; None if its record has none."""
        return self.record.config.get("seed")

    @cached_property
    def trained_elsewhere(self) -> pd.DataFrame:
        """Stages that another experiment trained."""
        return self.stages[self.stages["experiment"] != self.name]

    @cached_property
    def checkpoints(self) -> list[str]:
        """Names of the evaluated checkpoints in the order of the graph, the base model first.

        The best model of a stage (`keep_best`) follows its last one.
        """
        sampled = set(self.counts["checkpoint"])
        names = [name for node in self.graph for name in (node.name, f"{node.name}{BEST}")]
        return [name for name in (BASE, *names) if name in sampled]

    @cached_property
    def benchmarks(self) -> list[str]:
        """Names of the benchmarks with samples."""
        return sorted(set(self.counts["benchmark"]))

    @cached_property
    def groups(self) -> list[str]:
        """ALL if there are several benchmarks, then each benchmark."""
        return [ALL, *self.benchmarks] if len(self.together) > 1 else self.benchmarks

    @cached_property
    def together(self) -> list[str]:
        """Benchmarks whose mean is ALL. Temperatures of one benchmark are not part of it."""
        left_out = temperatures_of_one(self.record.config["benchmarks"])
        return [
            name
            for name in self.benchmarks
            if name not in left_out and (self.compared is None or name in self.compared)
        ]

    def problems(self, checkpoint: str, group: str) -> pd.DataFrame | None:
        """Return n and c by (benchmark, problem) of the last of a stage's checkpoints.

        None unless it has samples of the whole group.
        """
        return self._last.get((checkpoint, group))

    @cached_property
    def _last(self) -> dict[tuple[str, str], pd.DataFrame]:
        last = {place: counts[counts["step"].isna()] for place, counts in self._problems.items()}
        return {place: counts if last[place].empty else last[place] for place, counts in self._problems.items()}

    @cached_property
    def _problems(self) -> dict[tuple[str, str], pd.DataFrame]:
        indexed = self.counts.set_index(["benchmark", "problem"]).sort_index()
        frames = {}
        for checkpoint, counts in indexed.groupby("checkpoint"):
            parts = {name: part for name, part in counts.groupby(level="benchmark")}
            frames |= {(checkpoint, name): part for name, part in parts.items()}
            if len(self.together) > 1 and set(self.together) <= set(parts):
                frames[checkpoint, ALL] = counts[counts.index.isin(self.together, level="benchmark")]
        return frames

    def ks(self, group: str) -> list[int]:
        """Return the configured k of a benchmark; for ALL the k that its benchmarks share."""
        if group == ALL:
            shared = set.intersection(*(set(self.ks(name)) for name in self.together))
            return sorted(shared)
        configured = self.record.config["benchmarks"].get(group, {}).get("k", [])
        return sorted({1, *(int(k) for k in configured if k <= self.samples(group))})

    def samples(self, group: str) -> int:
        """Return the number of samples that every problem of a group has."""
        return min(int(self._samples[name]) for name in (self.together if group == ALL else [group]))

    @cached_property
    def _samples(self) -> pd.Series:
        return self.counts.groupby("benchmark")["n"].min()

    def values(self, checkpoint: str, group: str, k: int) -> pd.Series:
        """Return the unbiased pass@k of each problem by (benchmark, problem), mean over the stage's checkpoints.

        The checkpoints of one run are repeated measurements of the same problems. So a problem has one value, and an
        interval over problems does not take its checkpoints for problems of their own.
        """
        if (checkpoint, group, k) not in self._values:
            values = _pass_at_k(self._problems[checkpoint, group], k)
            unique = values.index.is_unique
            self._values[checkpoint, group, k] = values if unique else values.groupby(level=[0, 1]).mean()
        return self._values[checkpoint, group, k]

    @cached_property
    def _values(self) -> dict[tuple[str, str, int], pd.Series]:
        """Values that were computed before."""
        return {}

    def by_step(self, checkpoint: str, group: str, k: int) -> dict[int | None, float]:
        """Return the mean pass@k of each of a stage's checkpoints; the last one has the key None."""
        counts = self._problems[checkpoint, group]
        means = _pass_at_k(counts, k).groupby(counts["step"].fillna(-1).to_numpy()).mean()
        return {None if step < 0 else int(step): float(mean) for step, mean in means.items()}


def _pass_at_k(counts: pd.DataFrame, k: int) -> pd.Series:
    values = pass_at_k(counts["n"].to_numpy(), counts["c"].to_numpy(), k)
    return pd.Series(np.asarray(values, dtype=float), counts.index)


def temperatures_of_one(benchmarks: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the benchmarks that differ from another one in their temperature alone."""
    by_rest: dict[str, list[str]] = {}
    for name, config in benchmarks.items():
        rest = {field: value for field, value in config.items() if field != "temperature"}
        by_rest.setdefault(json.dumps([rest, "temperature" in config], sort_keys=True), []).append(name)
    of_one = [names for names in by_rest.values() if len({benchmarks[name].get("temperature") for name in names}) > 1]
    return {name for names in of_one for name in names}


def load(store: Path, experiment: str) -> Results:
    """Read an experiment from the store. Raises PasskError if the store does not have it."""
    with reading(store) as connection:
        record = queries.experiment(connection, experiment)
        graph = nodes(record.config["stages"])
        stages = queries.stages(connection, experiment)
        others = sorted(set(stages["experiment"]).intersection(queries.names(connection)) - {experiment})
        return Results(
            record=record,
            stages=stages,
            steps=queries.steps(connection, experiment),
            evaluations=queries.evaluations(connection, experiment),
            counts=queries.problem_counts(connection, experiment),
            traits=report_queries.traits(connection, experiment),
            launches=report_queries.launches(connection, experiment),
            pauses=report_queries.pauses(connection, experiment),
            reasons=report_queries.reasons(connection, experiment),
            curve=report_queries.evaluation_curve(connection, experiment),
            ranked=report_queries.ranked(connection, experiment, _ranked(record)),
            graph=graph,
            methods=methods(graph),
            foreign={name: queries.experiment(connection, name) for name in others},
        )


def _ranked(record: ExperimentRecord) -> list[str]:
    benchmarks = record.config["benchmarks"].items()
    return [name for name, config in benchmarks if BEST_OF in config["metrics"]]


def transcripts(store: Path, experiment: str, checkpoint: str) -> pd.DataFrame:
    """Return a few samples of one checkpoint, as queries.transcripts selects them."""
    with reading(store) as connection:
        return queries.transcripts(connection, experiment, checkpoint)
