"""Methods of an experiment: chains of stages that a report compares, and the warm start of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from passk.experiment.advantage_schedule import AdvantageSchedule
from passk.experiment.k_schedule import Schedule
from passk.experiment.selection import StopWhen
from passk.experiment.stage_end import Conditions
from passk.experiment.until import Until
from passk.files.layout import BASE

PASS_AT_1 = Schedule.of(1)
WITHOUT_CONDITION = Conditions()


@dataclass(frozen=True)
class Node:
    """A stage of the experiment's graph."""

    name: str
    kind: str
    parent: str | None
    steps: int
    advantage: str = ""
    """Estimator, or the estimators of a schedule: "grpo→maxrl"."""
    k: Schedule = PASS_AT_1
    conditions: Conditions = WITHOUT_CONDITION

    @property
    def is_pass_at_1(self) -> bool:
        """Whether k is 1 at every step."""
        return all(k == 1 for _, k in self.k.within(self.steps))


@dataclass(frozen=True)
class Method:
    """A leaf of the graph that is an rl stage, with all stages before it, the first one first."""

    chain: tuple[Node, ...]

    @property
    def name(self) -> str:
        """Name of the last stage."""
        return self.chain[-1].name

    @property
    def rl(self) -> tuple[Node, ...]:
        """Rl stages of the chain."""
        return tuple(node for node in self.chain if node.kind == "rl")

    @property
    def is_baseline(self) -> bool:
        """Whether every rl stage is Pass@1 training."""
        return all(node.is_pass_at_1 for node in self.rl)

    @property
    def warm_start(self) -> str:
        """Name of the last checkpoint before the first rl stage."""
        before = [node.name for node in self.chain[: self.chain.index(self.rl[0])]]
        return before[-1] if before else BASE


def nodes(stages: Mapping[str, Mapping[str, Any]]) -> list[Node]:
    """Return the nodes of the `stages:` of a configuration, every stage after its parent, each branch in one piece.

    The order of the mapping decides only between siblings.
    """
    by_name = {
        name: Node(
            name, stage["kind"], stage.get("parent", stage.get("from")), int(stage["steps"]),
            _estimators(stage), Schedule.of(stage.get("k", 1)),
            Conditions(_read(Until, stage.get("until")), _read(StopWhen, stage.get("stop_when"))),
        )
        for name, stage in stages.items()
    }  # fmt: skip

    def below(parent: str | None) -> list[Node]:
        return [line for node in by_name.values() if node.parent == parent for line in (node, *below(node.name))]

    return below(None)


Condition = TypeVar("Condition", bound=BaseModel)


def _read(kind: type[Condition], content: Any) -> Condition | None:
    return kind.model_validate(content) if content else None


def methods(graph: list[Node]) -> list[Method]:
    """Return all methods in the order of the graph."""
    by_name = {node.name: node for node in graph}
    parents = {node.parent for node in graph}
    leaves = []
    for leaf in graph:
        if leaf.kind != "rl" or leaf.name in parents:
            continue
        chain = [leaf]
        while chain[0].parent is not None:
            chain.insert(0, by_name[chain[0].parent])
        leaves.append(Method(tuple(chain)))
    return leaves


def against_baseline(compared: list[Method]) -> list[tuple[Method, Method]]:
    """Return (method, baseline) for every other method.

    The baseline is the first method with only Pass@1 training, else the first method.
    """
    baseline = next((method for method in compared if method.is_baseline), compared[0] if compared else None)
    return [(method, baseline) for method in compared if method is not baseline] if baseline else []


def _estimators(stage: Mapping[str, Any]) -> str:
    if not stage.get("advantage"):
        return ""
    return AdvantageSchedule.of(stage["advantage"]).until(int(stage["steps"]), {})[0].label
