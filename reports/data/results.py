"""What the store holds of one experiment, read in one go. Everything a report says is computed from this."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from passk.files.layout import BASE, ExperimentRecord
from passk.statistics.pass_at_k import pass_at_k
from passk.store import queries, reading, report_queries
from reports.data.methods import Method, Node, methods, nodes

ALL = "all"
"""the group of all benchmarks together"""


@dataclass(frozen=True, eq=False)
class Results:
    """Frames as passk/store/queries.py and report_queries.py spell them."""

    record: ExperimentRecord
    stages: pd.DataFrame
    steps: pd.DataFrame
    evaluations: pd.DataFrame
    counts: pd.DataFrame
    traits: pd.DataFrame
    launches: pd.DataFrame
    pauses: pd.DataFrame
    reasons: pd.DataFrame
    graph: list[Node]
    methods: list[Method]
    foreign: dict[str, ExperimentRecord]
    """of the experiments that trained some of these stages"""
    compared: frozenset[str] | None = None
    """benchmarks that all experiments of a comparison have; None: this one stands alone"""

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def seed(self) -> int | None:
        """The experiment's; None for a record of before it was kept."""
        return self.record.config.get("seed")

    @cached_property
    def trained_elsewhere(self) -> pd.DataFrame:
        """The stages that another experiment had trained already."""
        return self.stages[self.stages["experiment"] != self.name]

    @cached_property
    def checkpoints(self) -> list[str]:
        """Names of the sampled checkpoints in the order of the graph, the base model first."""
        sampled = set(self.counts["checkpoint"])
        return [name for name in (BASE, *(node.name for node in self.graph)) if name in sampled]

    @cached_property
    def benchmarks(self) -> list[str]:
        return sorted(set(self.counts["benchmark"]))

    @cached_property
    def groups(self) -> list[str]:
        """All benchmarks together (where there are several), then each."""
        return [ALL, *self.benchmarks] if len(self.together) > 1 else self.benchmarks

    @cached_property
    def together(self) -> list[str]:
        """The benchmarks that ALL is the mean of."""
        return [name for name in self.benchmarks if self.compared is None or name in self.compared]

    def problems(self, checkpoint: str, group: str) -> pd.DataFrame | None:
        """n and c by (benchmark, problem); None where the checkpoint was not sampled on all of the group."""
        return self._problems.get((checkpoint, group))

    @cached_property
    def _problems(self) -> dict[tuple[str, str], pd.DataFrame]:
        indexed = self.counts.set_index(["benchmark", "problem"]).sort_index()
        found = {}
        for checkpoint, own in indexed.groupby("checkpoint"):
            parts = {name: part for name, part in own.groupby(level="benchmark")}
            found |= {(checkpoint, name): part for name, part in parts.items()}
            if len(self.together) > 1 and set(self.together) <= set(parts):
                found[checkpoint, ALL] = own[own.index.isin(self.together, level="benchmark")]
        return found

    def ks(self, group: str) -> list[int]:
        """The k that the experiment asks for on this benchmark; for all together those of each."""
        if group == ALL:
            shared = set.intersection(*(set(self.ks(name)) for name in self.together))
            return sorted(shared)
        asked = self.record.config["benchmarks"].get(group, {}).get("k", [])
        return sorted({1, *(int(k) for k in asked if k <= self.samples(group))})

    def samples(self, group: str) -> int:
        """The samples that every problem of a group has."""
        names = self.together if group == ALL else [group]
        return int(self.counts.loc[self.counts["benchmark"].isin(names), "n"].min())

    def values(self, checkpoint: str, group: str, k: int) -> pd.Series:
        """Unbiased pass@k of each problem, by (benchmark, problem)."""
        problems = self._problems[checkpoint, group]
        return pd.Series(
            np.asarray(pass_at_k(problems["n"].to_numpy(), problems["c"].to_numpy(), k), dtype=float), problems.index
        )


def load(store: Path, experiment: str) -> Results:
    """Read an experiment from the store. Raises PasskError where it is not there."""
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
            graph=graph,
            methods=methods(graph),
            foreign={name: queries.experiment(connection, name) for name in others},
        )


def transcripts(store: Path, experiment: str, checkpoint: str) -> pd.DataFrame:
    """A few samples of one checkpoint, as queries.transcripts draws them."""
    with reading(store) as connection:
        return queries.transcripts(connection, experiment, checkpoint)
