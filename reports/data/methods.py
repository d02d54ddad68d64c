"""The stage graph as a reader thinks of it: methods that compete, and the warm start they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from passk.experiment.k_schedule import Schedule
from passk.files.layout import BASE

PASS_AT_1 = Schedule.of(1)


@dataclass(frozen=True)
class Node:
    """A stage of the experiment's graph."""

    name: str
    kind: str
    parent: str | None
    steps: int
    advantage: str = ""
    k: Schedule = PASS_AT_1

    @property
    def is_pass_at_1(self) -> bool:
        return all(k == 1 for _, k in self.k.within(self.steps))


@dataclass(frozen=True)
class Method:
    """A leaf of the graph that ends in an rl stage, with all stages that lead to it, the first one first."""

    chain: tuple[Node, ...]

    @property
    def name(self) -> str:
        return self.chain[-1].name

    @property
    def rl(self) -> tuple[Node, ...]:
        return tuple(node for node in self.chain if node.kind == "rl")

    @property
    def is_baseline(self) -> bool:
        return all(node.is_pass_at_1 for node in self.rl)

    @property
    def warm_start(self) -> str:
        """The last checkpoint before the method's first rl stage."""
        before = [node.name for node in self.chain[: self.chain.index(self.rl[0])]]
        return before[-1] if before else BASE

    @property
    def recipe(self) -> str:
        """What the method did, such as `passk_analytical k=4, 600 steps -> grpo, 300 steps`."""
        parts = [
            f"{node.advantage}{'' if node.is_pass_at_1 else f' k={node.k.label}'}, {node.steps} steps"
            for node in self.rl
        ]
        return " → ".join(parts)


def nodes(stages: Mapping[str, Mapping[str, Any]]) -> list[Node]:
    """The `stages:` of an experiment's configuration, every stage after its parent, each branch in one piece.

    The order of the mapping decides between siblings only: a file whose keys were sorted does as well.
    """
    found = {
        name: Node(
            name, stage["kind"], stage.get("parent", stage.get("from")), int(stage["steps"]),
            stage.get("advantage", ""), Schedule.of(stage.get("k", 1)),
        )
        for name, stage in stages.items()
    }  # fmt: skip

    def below(parent: str | None) -> list[Node]:
        return [line for node in found.values() if node.parent == parent for line in (node, *below(node.name))]

    return below(None)


def methods(graph: list[Node]) -> list[Method]:
    """All methods, in the order of the graph."""
    by_name = {node.name: node for node in graph}
    parents = {node.parent for node in graph}
    found = []
    for leaf in graph:
        if leaf.kind != "rl" or leaf.name in parents:
            continue
        chain = [leaf]
        while chain[0].parent is not None:
            chain.insert(0, by_name[chain[0].parent])
        found.append(Method(tuple(chain)))
    return found


def against_baseline(found: list[Method]) -> list[tuple[Method, Method]]:
    """(method, baseline): every method against the first that only ever had Pass@1, or else against the first."""
    baseline = next((method for method in found if method.is_baseline), found[0] if found else None)
    return [(method, baseline) for method in found if method is not baseline] if baseline else []
