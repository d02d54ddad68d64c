"""Which experiments are seeds of one design, and what their stages are called where several are compared."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from passk.files.layout import BASE
from reports.data.results import Results

_NOT_DESIGN = ("name", "question", "seed", "compute", "trackers")


@dataclass(frozen=True, eq=False)
class Entry:
    """A checkpoint as a reader sees it: a stage of a design, trained once a seed."""

    label: str
    checkpoint: str
    kind: str
    """sft, rl, or base: the experiment's own model"""
    parent: str | None
    """label of the entry it was trained from"""
    runs: tuple[Results, ...]

    def sampled(self, group: str) -> list[Results]:
        return [run for run in self.runs if run.problems(self.checkpoint, group) is not None]


def designs(results: Sequence[Results]) -> list[tuple[Results, ...]]:
    """Experiments that differ in name, question, seed, machine and trackers alone stand together, by seed."""
    found: dict[str, list[Results]] = {}
    for one in results:
        decides = {key: value for key, value in one.record.config.items() if key not in _NOT_DESIGN}
        found.setdefault(json.dumps(_without_none(decides), sort_keys=True), []).append(one)
    return [tuple(sorted(own, key=lambda run: (run.seed or 0, run.name))) for own in found.values()]


def _without_none(content: object) -> object:
    """A field that is new to passk, and not used, makes no other design."""
    if isinstance(content, dict):
        return {key: _without_none(value) for key, value in content.items() if value is not None}
    return content


def named(designs: list[tuple[Results, ...]], names_of: list[str]) -> dict[tuple[int, str], Entry]:
    """(id of a design, name of a stage) -> its entry; stages that two designs share are one entry."""
    drafts: dict[tuple, tuple[int, str]] = {}
    same: dict[tuple[int, str], tuple] = {}
    runs: dict[tuple, tuple[Results, ...]] = {}
    for design in designs:
        for stage in (BASE, *(node.name for node in design[0].graph)):
            own = {_key(run, stage): run for run in reversed(design)}
            if stage == BASE and not any(BASE in run.checkpoints for run in design):
                continue
            identity = (stage, *sorted(own))
            same[id(design), stage] = identity
            drafts.setdefault(identity, (id(design), stage))
            runs.setdefault(identity, tuple(run for run in design if run in own.values()))
    names = [stage for _, stage in drafts.values()]
    label_of = {id(design): label for design, label in zip(designs, names_of, strict=True)}
    called = {
        identity: stage if names.count(stage) == 1 else f"{label_of[design]}/{stage}"
        for identity, (design, stage) in drafts.items()
    }
    entries = {}
    for identity, (design, stage) in drafts.items():
        node = next((node for node in runs[identity][0].graph if node.name == stage), None)
        parent = called[same[design, node.parent]] if node and node.parent else None
        entries[identity] = Entry(called[identity], stage, node.kind if node else BASE, parent, runs[identity])
    return {place: entries[identity] for place, identity in same.items()}


def _key(run: Results, stage: str) -> str:
    if stage != BASE:
        return run.record.stages.get(stage, run.name)
    return json.dumps([run.record.config.get("model"), run.seed], sort_keys=True)


def labels(designs: list[tuple[Results, ...]]) -> list[str]:
    shared = [_common([run.name for run in design]) for design in designs]
    if len(set(shared)) < len(designs) or not all(shared):
        return [design[0].name for design in designs]
    return shared


def _common(names: list[str]) -> str:
    """maze of maze-s11 and maze-s12."""
    letters = list(takewhile(lambda column: len(set(column)) == 1, zip(*names, strict=False)))
    return names[0] if len(names) == 1 else re.sub(r"[-._]+(s|seed)?\d*$", "", "".join(column[0] for column in letters))
