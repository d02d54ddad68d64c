"""Designs: groups of experiments that are seeds of each other, and the labels of their stages in a comparison."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import pandas as pd

from passk.files.layout import BASE, BEST
from reports.data.results import Results

_NOT_DESIGN = ("name", "question", "seed", "compute", "trackers")


@dataclass(frozen=True, eq=False)
class Entry:
    """A checkpoint in a report: a stage of a design, trained once for each seed."""

    label: str
    checkpoint: str
    kind: str
    """sft, rl, best for the best model of a stage, or base for the model of the experiment."""
    parent: str | None
    """Label of the entry that the training starts from; for the best model, that of the last one."""
    runs: tuple[Results, ...]

    def sampled(self, group: str) -> list[Results]:
        """Return the runs that have samples of the whole group."""
        return [run for run in self.runs if run.problems(self.checkpoint, group) is not None]


def steps_of(entry: Entry) -> list[pd.DataFrame]:
    """Return the rl steps of a stage, one frame for each run that has any."""
    frames = [run.steps[(run.steps["stage"] == entry.checkpoint) & (run.steps["kind"] == "rl")] for run in entry.runs]
    return [frame for frame in frames if not frame.empty]


def designs(results: Sequence[Results]) -> list[tuple[Results, ...]]:
    """Return groups of experiments that differ only in name, question, seed, machine and trackers, sorted by seed."""
    groups: dict[str, list[Results]] = {}
    for run in results:
        design = {key: value for key, value in run.record.config.items() if key not in _NOT_DESIGN}
        groups.setdefault(json.dumps(_without_none(design), sort_keys=True), []).append(run)
    return [tuple(sorted(group, key=lambda run: (run.seed or 0, run.name))) for group in groups.values()]


def _without_none(content: object) -> object:
    """Return a configuration without its unset fields, so that a new unused field does not change the design."""
    if isinstance(content, dict):
        return {
            key: _without_none(value)
            for key, value in content.items()
            if value not in (None, {}) and value is not False
        }
    return content


def named(designs: list[tuple[Results, ...]], names_of: list[str]) -> dict[tuple[int, str], Entry]:
    """Return (id of a design, name of a stage) -> entry; stages that two designs share are one entry."""
    drafts: dict[tuple, tuple[int, str]] = {}
    same: dict[tuple[int, str], tuple] = {}
    runs: dict[tuple, tuple[Results, ...]] = {}
    for design in designs:
        names = [name for node in design[0].graph for name in (node.name, f"{node.name}{BEST}")]
        for stage in (BASE, *names):
            keys = {_key(run, stage): run for run in reversed(design)}
            optional = stage == BASE or stage.endswith(BEST)
            if optional and not any(stage in run.checkpoints for run in design):
                continue
            identity = (stage, *sorted(keys))
            same[id(design), stage] = identity
            drafts.setdefault(identity, (id(design), stage))
            runs.setdefault(identity, tuple(run for run in design if run in keys.values()))
    names = [stage for _, stage in drafts.values()]
    label_of = {id(design): label for design, label in zip(designs, names_of, strict=True)}
    label_by_identity = {
        identity: stage if names.count(stage) == 1 else f"{label_of[design]}/{stage}"
        for identity, (design, stage) in drafts.items()
    }
    entries = {}
    for identity, (design, stage) in drafts.items():
        node = next((node for node in runs[identity][0].graph if node.name == stage), None)
        before = stage.removesuffix(BEST) if stage.endswith(BEST) else node.parent if node else None
        parent = label_by_identity[same[design, before]] if before else None
        kind = "best" if stage.endswith(BEST) else node.kind if node else BASE
        entries[identity] = Entry(label_by_identity[identity], stage, kind, parent, runs[identity])
    return {place: entries[identity] for place, identity in same.items()}


def _key(run: Results, stage: str) -> str:
    if stage != BASE:
        return run.record.stages.get(stage.removesuffix(BEST), run.name)
    return json.dumps([run.record.config.get("model"), run.record.config.get("engine"), run.seed], sort_keys=True)


def labels(designs: list[tuple[Results, ...]]) -> list[str]:
    """Return a distinct label for each design: the common part of its names, else the name of its first experiment."""
    shared = [_common([run.name for run in design]) for design in designs]
    if len(set(shared)) < len(designs) or not all(shared):
        return [design[0].name for design in designs]
    return shared


def _common(names: list[str]) -> str:
    """Return the common part of names without a seed, such as maze for maze-s11 and maze-s12."""
    letters = list(takewhile(lambda column: len(set(column)) == 1, zip(*names, strict=False)))
    return names[0] if len(names) == 1 else re.sub(r"[-._]+(s|seed)?\d*$", "", "".join(column[0] for column in letters))
