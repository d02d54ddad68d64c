"""Everything a report says, read from the store in one go and computed from nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from passk.evaluate.compare import paired_difference
from passk.evaluate.estimators import pass_at_k
from passk.evaluate.intervals import Estimate, mean_interval
from passk.layout import ExperimentRecord
from passk.store import queries, reading
from reports.arms import BASE, Arm, Node, arms, matchups, nodes

ALL = "all"
DRAWS = 10_000
SEED = 0


@dataclass(frozen=True)
class Difference:
    """Checkpoint `of` minus checkpoint `to` on the same problems."""

    benchmark: str
    of: str
    to: str
    k: int
    value_of: float
    value_to: float
    estimate: Estimate

    @property
    def sign(self) -> int:
        """+1 or -1 where the 95 % interval is clear of zero, 0 where these data show no difference."""
        return int(self.estimate.low > 0) - int(self.estimate.high < 0)


@dataclass(frozen=True)
class Cell:
    benchmark: str
    checkpoint: str
    k: int
    estimate: Estimate
    best: bool
    """better than the runner-up by a paired difference that is clear of zero"""


@dataclass(frozen=True)
class Results:
    record: ExperimentRecord
    stages: pd.DataFrame
    steps: pd.DataFrame
    samplings: pd.DataFrame
    counts: pd.DataFrame
    transcripts: pd.DataFrame
    transcripts_of: str
    """the checkpoint that wrote them"""
    graph: list[Node]
    arms: list[Arm]

    @cached_property
    def matchups(self) -> list[tuple[Arm, Arm]]:
        return matchups(self.arms)

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
        return [ALL, *self.benchmarks] if len(self.benchmarks) > 1 else self.benchmarks

    def problems(self, checkpoint: str, group: str) -> pd.DataFrame | None:
        """n and c by (benchmark, problem); None where the checkpoint was not sampled on all of the group."""
        return self._problems.get((checkpoint, group))

    @cached_property
    def _problems(self) -> dict[tuple[str, str], pd.DataFrame]:
        indexed = self.counts.set_index(["benchmark", "problem"])
        found = {}
        for checkpoint, own in indexed.groupby("checkpoint"):
            parts = {name: part for name, part in own.groupby(level="benchmark")}
            found |= {(checkpoint, name): part for name, part in parts.items()}
            if len(parts) == len(self.benchmarks) > 1:
                found[checkpoint, ALL] = own
        return found

    def ks(self, group: str) -> list[int]:
        """The k that the experiment asks for on this benchmark; for all together those of each."""
        if group == ALL:
            shared = set.intersection(*(set(self.ks(name)) for name in self.benchmarks))
            return sorted(shared)
        asked = self.record.config["benchmarks"].get(group, {}).get("k", [])
        samples = self.counts.loc[self.counts["benchmark"] == group, "n"].min()
        return sorted({1, *(int(k) for k in asked if k <= samples)})

    def values(self, checkpoint: str, group: str, k: int) -> np.ndarray:
        """Unbiased pass@k of each problem, [P]."""
        problems = self._problems[checkpoint, group]
        return np.asarray(pass_at_k(problems["n"].to_numpy(), problems["c"].to_numpy(), k), dtype=float)

    def difference(self, group: str, of: str, to: str, k: int) -> Difference | None:
        """Paired by problem; None where one of the two was not sampled on the group."""
        mine, theirs = self.problems(of, group), self.problems(to, group)
        if mine is None or theirs is None:
            return None
        a = pd.Series(self.values(of, group, k), mine.index)
        b = pd.Series(self.values(to, group, k), theirs.index)
        both = a.index.intersection(b.index, sort=True)
        if both.empty:
            return None
        a, b = a.loc[both].to_numpy(), b.loc[both].to_numpy()
        return Difference(group, of, to, k, a.mean(), b.mean(), paired_difference(a, b, draws=DRAWS, seed=SEED))

    @cached_property
    def cells(self) -> dict[tuple[str, str, int], Cell]:
        """(group, checkpoint, k) -> the main table's cell."""
        return {
            (cell.benchmark, cell.checkpoint, cell.k): cell
            for group in self.groups
            for k in self.ks(group)
            for cell in self._column(group, k)
        }

    def _column(self, group: str, k: int) -> Iterator[Cell]:
        names = [name for name in self.checkpoints if self.problems(name, group) is not None]
        estimates = {name: mean_interval(self.values(name, group, k), draws=DRAWS, seed=SEED) for name in names}
        ranked = sorted(names, key=lambda name: -estimates[name].value)
        lead = self.difference(group, ranked[0], ranked[1], k) if len(ranked) > 1 else None
        winner = ranked[0] if lead is not None and lead.sign > 0 else None
        for name in names:
            yield Cell(group, name, k, estimates[name], name == winner)

    @cached_property
    def between_arms(self) -> list[Difference]:
        """Challenger minus baseline, at pass@1 and at the largest k."""
        return self._differences([(challenger.name, baseline.name) for challenger, baseline in self.matchups])

    @cached_property
    def over_warm_start(self) -> list[Difference]:
        """Arm minus its warm start, at pass@1 and at the largest k."""
        return self._differences([(arm.name, arm.warm_start) for arm in self.arms])

    def _differences(self, pairs: list[tuple[str, str]]) -> list[Difference]:
        found = [
            self.difference(group, of, to, k) for of, to in pairs for group in self.groups for k in self.ends(group)
        ]
        return [difference for difference in found if difference is not None]

    def ends(self, group: str) -> list[int]:
        """1 and the largest k of a group."""
        ks = self.ks(group)
        return sorted({ks[0], ks[-1]})


def load(store: Path, experiment: str) -> Results:
    """Read an experiment from the store. Raises PasskError where it is not there."""
    with reading(store) as connection:
        record = queries.experiment(connection, experiment)
        graph = nodes(record.config["stages"])
        found = arms(graph)
        tried = [challenger for challenger, _ in matchups(found)] or found
        shown = tried[0].name if tried else BASE
        return Results(
            record=record,
            stages=queries.stages(connection, experiment),
            steps=queries.steps(connection, experiment),
            samplings=queries.samplings(connection, experiment),
            counts=queries.problem_counts(connection, experiment),
            transcripts=queries.transcripts(connection, experiment, shown),
            transcripts_of=shown,
            graph=graph,
            arms=found,
        )
