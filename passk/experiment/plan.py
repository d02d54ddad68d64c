"""The plan of an experiment: the order of its stages, the key of each, and which of them are finished.

A key is the hash of everything that decides a result: the configuration, the parent's key, the problems' fingerprint,
the versions of the engines and the seed. This module imports neither torch nor ray nor vllm.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passk import problems
from passk.base.errors import ConfigError, nearest
from passk.experiment import chat, method_field, rollout_sets
from passk.experiment.benchmark import REPORTED
from passk.experiment.config import Experiment
from passk.experiment.kept_evaluations import Kind, chosen_by, kinds, require_kept, stopped_by
from passk.experiment.planned import PlannedEvaluation, PlannedStage
from passk.experiment.result_versions import (
    SAMPLING_VERSION,
    TRAINING_VERSION,
    engine_versions,
    estimator_versions,
    judging,
    verdicts,
)
from passk.experiment.stage import RlStage, SftStage
from passk.files import layout
from passk.files.layout import BASE, BEST, REHEARSALS, EvaluationRecord, StageRecord
from passk.files.model_files import contents
from passk.files.usable import require_usable

_WITHOUT_EFFECT = {"evaluate", "save_every", "keep_checkpoints", "max_failed", "export_every"}
_WITHOUT_EFFECT |= {"evaluate_every", "evaluate_on", "evaluate_samples", "evaluate_last", "keep_best"}
"""Fields of a stage that do not change its model. Evaluations during the training draw no random number of it."""
_NOT_SAMPLED = {"k", "max_failed", "validation", *REPORTED}
"""Fields of a benchmark that do not change its samples."""


@dataclass(frozen=True)
class Plan:
    """An experiment with its stages, its evaluations and the paths of its files."""

    experiment: Experiment
    directory: Path
    """runs/<experiment>"""
    problems: dict[str, Path]
    """Parquet file of each problem set."""
    model: Path | str
    """The model of stages without a parent: a directory in the run (tiny), or a HF model."""
    stages: tuple[PlannedStage, ...]
    """Stages in training order, parents first."""
    all_evaluations: tuple[PlannedEvaluation, ...]
    """Evaluations of all checkpoints that the stages may have at their end."""

    @property
    def evaluations(self) -> tuple[PlannedEvaluation, ...]:
        """Evaluations of the checkpoints that exist, and of those that unfinished stages may have."""
        return tuple(planned for planned in self.all_evaluations if planned.exists)

    @property
    def store(self) -> Path:
        return layout.store(self.directory.parent)

    @property
    def locks(self) -> Path:
        """Directory of the lock files (passk/files/file_lock.py) of all experiments and stage keys."""
        return layout.locks(self.directory.parent)

    def training_problems(self, planned: PlannedStage) -> Path:
        """Return the Parquet file of a stage's problems; of all of them, if it mixes sets."""
        return layout.problem_set(self.directory, planned.record.problems)

    def parent_model(self, planned: PlannedStage) -> Path | str:
        """Return the directory or name of the model that a stage starts from."""
        for other in self.stages:
            if other.record.key == planned.record.parent:
                return layout.model(other.directory)
        return self.model


def plan(experiment: Experiment, runs: Path) -> Plan:
    """Return the plan of an experiment under `runs`. Raise ConfigError if its graph of stages is invalid.

    A rehearsal lies in a directory of its own below `runs`, with a database of its own.
    """
    if experiment.rehearses and runs.name != REHEARSALS:
        runs = layout.rehearsals(runs)
    require_usable(runs, experiment.name)
    directory = runs.resolve() / experiment.name
    versions = engine_versions()
    specs = rollout_sets.others(experiment.problems)
    fingerprints = {name: problems.fingerprint(spec, experiment.seed) for name, spec in specs.items()}
    base = _hash(_base(experiment))
    stages: dict[str, PlannedStage] = {}
    for name in order(experiment):
        stage = experiment.stages[name]
        parent = stages[stage.parent] if stage.parent else None
        trainers = versions
        if isinstance(stage, RlStage):
            trainers = versions | estimator_versions(stage.advantage, stage.options) | _verdicts(experiment, stage)
            trainers |= method_field.versions(stage.method)
        # Without the defaults, so a new field with a default does not change the keys of finished stages.
        without = dict.fromkeys(("parent", *_WITHOUT_EFFECT), True) | {"stop_when": {"select_on_test"}}
        settings = stage.model_dump(mode="json", exclude_defaults=True, exclude=without)
        if referred := settings.get("kl", {}).get("reference"):
            # A name says nothing about the model.
            earlier = parent.lineage if parent else ()
            settings["kl"]["reference"] = next((a.record.key for a in earlier if a.record.name == referred), referred)
        key = _hash(
            {
                "config": settings,
                "parent": parent.record.key if parent else base,
                "problems": _fingerprint(stage, fingerprints),
                "versions": trainers,
                "results": TRAINING_VERSION,
                "seed": experiment.seed,
            }
            | stopped_by(experiment, stage, fingerprints)
            # The only field of `compute` that decides which rollouts are sampled.
            | ({"deterministic": True} if experiment.compute.deterministic else {})
        )
        record = StageRecord(
            key=key,
            name=name,
            kind=stage.kind,
            experiment=experiment.name,
            parent=parent.record.key if parent else None,
            config=stage.model_dump(mode="json", by_alias=True),
            seed=experiment.seed,
            problems=_fingerprint(stage, fingerprints),
            first_step=sum(a.steps for a in (parent.lineage if parent else ()) if a.stage.kind == "rl"),
            versions=trainers,
        )
        stages[name] = PlannedStage(record, stage, layout.stages(directory) / key, parent, experiment.compute)
        fingerprints |= rollout_sets.fingerprints(experiment, stages[name])
    model: Path | str = layout.model(directory) if experiment.model.tiny else _expanded(str(experiment.model.path))
    for planned in stages.values():
        require_kept(planned)
    evaluations = [
        _evaluation(experiment, directory, checkpoint, name, stages, base, model, fingerprints, versions, kind)
        for checkpoint in _checkpoints(experiment, list(stages))
        for kind in kinds(experiment.stages.get(checkpoint))
        for name, benchmark in experiment.benchmarks.items()
        if not benchmark.validation
    ]
    return Plan(
        experiment=experiment,
        directory=directory,
        problems={name: layout.problem_set(directory, mark) for name, mark in fingerprints.items()},
        model=model,
        stages=tuple(stages.values()),
        all_evaluations=tuple(evaluations),
    )


def _fingerprint(stage: SftStage | RlStage, fingerprints: dict[str, str]) -> str:
    """Return the fingerprint of a stage's problems, with the weights if it mixes sets."""
    if stage.mix is None:
        return fingerprints[str(stage.problems)]
    return _hash({"mix": sorted((fingerprints[name], weight) for name, weight in stage.mix.items())})


def _verdicts(experiment: Experiment, stage: RlStage) -> dict[str, str]:
    """Return the versions of the verifiers of a stage's problems."""
    each = map(verdicts, rollout_sets.verifiers(experiment, stage.weights))
    versions = sorted({one["verdicts"] for one in each if one})
    return {"verdicts": ", ".join(versions)} if versions else {}


def _base(experiment: Experiment) -> dict[str, Any]:
    """Return everything that decides the model that stages start from."""
    model = experiment.model
    if experiment.engine:
        prompting = model.model_dump(include={"opens_thinking", "system_prompt"}, exclude_defaults=True)
        return {"engine": experiment.engine.identity(), "model": prompting, "seed": experiment.seed}
    files = contents(Path(_expanded(model.path))) if model.path else {}
    fields = chat.decides(model)
    if files:
        del fields["path"]  # the files are the model, wherever they lie
    decides: dict[str, Any] = {"model": fields, "seed": experiment.seed}
    if experiment.rehearses:
        decides["rehearsal"] = True  # no key of a rehearsal is that of a run
    return decides | ({"files": files} if files else {})


def _expanded(path: str) -> str:
    return str(Path(path).expanduser()) if path.startswith("~") else path


def order(experiment: Experiment) -> list[str]:
    """Return the stage names, parents first, otherwise in the file's order.

    Raise ConfigError for a cycle, a missing parent, or problems of rollouts that no ancestor has.
    """
    placed: list[str] = []
    for name, stage in experiment.stages.items():
        if stage.parent is not None and stage.parent not in experiment.stages:
            raise ConfigError(
                f"stages.{name}.from",
                f"stage {stage.parent!r} does not exist",
                nearest(stage.parent, experiment.stages),
            )
    while len(placed) < len(experiment.stages):
        ready = [
            name
            for name, stage in experiment.stages.items()
            if name not in placed and (stage.parent is None or stage.parent in placed)
        ]
        if not ready:
            loop = sorted(set(experiment.stages) - set(placed))
            raise ConfigError(f"stages.{loop[0]}.from", f"a cycle among {', '.join(loop)}", "remove one `from:`")
        placed.append(ready[0])
    rollout_sets.check(experiment)
    return placed


def _checkpoints(experiment: Experiment, stages: list[str]) -> list[str]:
    base = [] if experiment.model.tiny else [BASE]
    return base + [name for name in stages if experiment.stages[name].evaluate]


def _evaluation(
    experiment: Experiment,
    directory: Path,
    checkpoint: str,
    benchmark: str,
    stages: dict[str, PlannedStage],
    base: str,
    model: Path | str,
    fingerprints: dict[str, str],
    versions: dict[str, str],
    kind: Kind,
) -> PlannedEvaluation:
    config = experiment.benchmarks[benchmark]
    stage = stages.get(checkpoint)
    # an endpoint's samples do not depend on the engines of this machine
    versions = ({} if experiment.engine else versions) | judging(verifier_of(experiment, config.problems))
    decides: dict[str, Any] = {
        "benchmark": benchmark,
        "checkpoint": stage.record.key if stage else base,
        "config": config.model_dump(mode="json", exclude=_NOT_SAMPLED, exclude_defaults=True),
        "problems": fingerprints[config.problems],
        "versions": versions,
        "results": SAMPLING_VERSION,
        "seed": experiment.seed,
    }
    if stage and isinstance(stage.stage, RlStage):
        decides |= chosen_by(experiment, stage.stage, kind, fingerprints)
    key = _hash(decides)
    record = EvaluationRecord(
        key=key,
        experiment=experiment.name,
        checkpoint=f"{checkpoint}{BEST}" if kind.best else checkpoint,
        stage=stage.record.key if stage else None,
        benchmark=benchmark,
        problems=fingerprints[config.problems],
        config=config.model_dump(mode="json"),
        seed=kind.seed(experiment.seed),
        versions=versions,
        best=kind.best,
    )
    return PlannedEvaluation(record, config, stage, model, layout.evaluations(directory) / key, kind.before_last)


def verifier_of(experiment: Experiment, problem_set: str) -> str:
    """Return the name of the verifier of a problem set."""
    spec = experiment.problems[problem_set]
    return str(getattr(spec, "verifier", spec.judged_by))


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
