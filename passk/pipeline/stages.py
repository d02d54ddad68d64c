"""The steps of a run, one function each: prepare, train, evaluate, ingest. Flows and tasks call only these.

Every step is safe to repeat. Finished work is reused, and interrupted work resumes.
"""

import logging
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from passk import store, trackers
from passk.base.errors import PasskError
from passk.base.redact import without_secrets
from passk.cpu import operators
from passk.evaluation import progress
from passk.experiment import rollout_sets
from passk.experiment.compute import Compute
from passk.experiment.plan import Plan
from passk.experiment.planned import PlannedEvaluation, PlannedStage
from passk.experiment.stage import RlStage
from passk.files import durable, file_lock, layout, scratch
from passk.files.layout import write_json
from passk.files.metrics_log import damaged_line, read_metrics
from passk.models import remote_code
from passk.models.tiny import ENDS, load_tokenizer, make_tiny
from passk.openrlhf import checkpoints, flags, lengths, train_data
from passk.pipeline import data_checks, model_card, rollout_problems, training_problems
from passk.pipeline.evaluation_request import all_requests, format_of
from passk.pipeline.finish import finish
from passk.pipeline.held_out_request import held_out
from passk.pipeline.progress import Progress
from passk.problems import preparation
from passk.runtime import follow
from passk.runtime.environment import environment, passed_on, single_process
from passk.runtime.failures import StageFailed
from passk.runtime.job_watchdog import end_jobs
from passk.runtime.ray_cluster import is_open, ray_cluster, rejoined
from passk.store import ingest as store_items

log = logging.getLogger(__name__)
LAST_WRITER_SECONDS = 120.0
"""Longest wait for the job of a killed process; its job watchdog needs 30 s to end it."""


def prepare(plan: Plan) -> None:
    """Make the problems and a tiny model, and check the training data."""
    preparation.prepare(rollout_sets.others(plan.experiment.problems), plan.problems, plan.experiment.seed)
    training_problems.prepare(plan)
    preparation.require_fields(plan.experiment.benchmarks, plan.problems)
    if plan.experiment.model.tiny and isinstance(plan.model, Path) and not (plan.model / "config.json").exists():
        with scratch.beside(plan.model) as temporary:
            make_tiny(plan.experiment.model.tiny, temporary, seed=plan.experiment.seed)
            durable.move(temporary, plan.model)
        log.info("model: made a tiny Qwen2 with random weights")
    for planned in plan.stages:
        if planned.finished:
            trackers.show_finished(plan, planned)
    data_checks.check(plan)


def alone(plan: Plan) -> AbstractContextManager[None]:
    """Hold the lock of an experiment's name, after a wait for another process that runs it."""
    name = plan.experiment.name
    return file_lock.alone(
        layout.experiment_lock(plan.directory.parent, name), what=name, experiment=name, does="runs it"
    )


def train(plan: Plan, planned: PlannedStage, cluster: Mapping[str, str]) -> None:
    """Train or resume one stage as a job on the Ray cluster; `cluster` is the environment of ray_cluster.

    If another process trains the stage, wait for it, then reuse its result. Raise job.StageFailed with the reason first
    and the path of the log last; its `retry` is true if another attempt may succeed.
    """
    name, experiment = planned.record.name, plan.experiment.name

    alone = partial(file_lock.alone, what=name, experiment=experiment, going=lambda: is_open(cluster))
    with alone(plan.locks / planned.record.key, does="trains it"):
        if planned.finished:
            log.info("%s: another process finished it, in %s", name, follow.shown(planned.directory))
            trackers.show_finished(plan, planned)
            return
        # The lock is free as soon as its holder dies, but the holder's job may need some seconds to end.
        end_jobs(planned.directory)
        try:
            with alone(layout.writer(planned.directory), does="still writes there", longest=LAST_WRITER_SECONDS):
                pass
        except file_lock.StillHeld as error:
            raise StageFailed(str(error), "lost") from None
        _train(plan, planned, cluster)


def _train(plan: Plan, planned: PlannedStage, cluster: Mapping[str, str]) -> None:
    stage, compute, tiny = planned.stage, plan.experiment.compute, plan.experiment.model.tiny
    directory = _repaired(planned)
    if directory == planned.own_directory or not layout.stage_record(directory).exists():
        record = replace(planned.record, first_step=planned.first_step)
        write_json(layout.stage_record(directory), without_secrets(asdict(record)))
    if not layout.data(directory).exists():
        rollout_problems.prepare(plan, planned)
        format, trusted = format_of(plan), plan.experiment.model.trust_remote_code
        train_data.write(
            stage,
            {plan.problems[name]: weight for name, weight in stage.weights.items()},
            layout.data(directory),
            seed=planned.record.seed,
            first_prompt=planned.first_prompt,
            end=ENDS[tiny.alphabet] if tiny else "",
            format=format,
            tokenizer=load_tokenizer(plan.model, trusted=trusted) if format.chat else None,
            opens_thinking=plan.experiment.model.opens_thinking,
        )
    operators.forget_stale_locks()
    progress = Progress(planned.record.name, stage.steps)
    started = time.monotonic()
    alone = {} if isinstance(stage, RlStage) else _alone(compute)
    with trackers.Following(plan, planned) as tracked:

        def on_step(line: dict[str, Any]) -> None:
            progress(line)
            tracked(line)

        def on_evaluation(line: dict[str, Any]) -> None:
            log.info("%s", progress.evaluation(line))
            tracked.evaluated(line)

        follow.train(
            command(plan, planned),
            cluster=rejoined(cluster),
            environment={**passed_on(environment(compute)), **alone},
            directory=directory,
            about=f"{planned.record.experiment}: {planned.record.name}",
            stall_timeout_s=compute.stall_timeout_s,
            gpus=0 if isinstance(stage, RlStage) else compute.gpus_per_node,
            is_open=lambda: is_open(cluster),
            on_step=on_step,
            on_evaluation=on_evaluation,
        )
        ended = finish(planned, seconds=time.monotonic() - started, startup=progress.startup)
        model_card.write(plan, planned)
    if isinstance(stage, RlStage) and any(stage.conditions):
        log.info("%s: %s", planned.record.name, ended)


def _repaired(planned: PlannedStage) -> Path:
    """Remove damaged checkpoints, and return the directory in which the stage resumes.

    The removal may make another experiment's directory the one with the most steps.
    """
    name = planned.record.name
    while True:
        directory = planned.directory
        done = len(read_metrics(layout.metrics(directory)))
        if number := damaged_line(layout.metrics(directory)):
            log.info("%s: line %d of metrics.jsonl is damaged; its step and the later ones are repeated", name, number)
        repaired = checkpoints.repair(layout.checkpoints(directory), recorded=done)
        for line in repaired.removed:
            log.info("%s: %s", name, line)
        if planned.directory == directory:
            break
    if done:
        step = repaired.step
        start = (
            f"resuming from the last checkpoint, step {step}" if step else "restarting, since there is no checkpoint"
        )
        log.info("%s: %s; %d of %d steps were done", name, start, done, planned.stage.steps)
    return directory


def command(plan: Plan, planned: PlannedStage) -> list[str]:
    """Return the command line that trains a stage: the interpreter, the module, OpenRLHF's flags and ours."""
    experiment, stage = plan.experiment, planned.stage
    paths = flags.Paths(
        str(plan.parent_model(planned)),
        layout.data(planned.directory),
        planned.directory,
        plan.training_problems(planned),
        reference=str(layout.model(planned.reference.directory)) if planned.reference else None,
    )
    remote_code.check(plan.parent_model(planned), trusted=experiment.model.trust_remote_code)
    if isinstance(stage, RlStage):
        evaluations = held_out(plan, planned)
        arguments = flags.rl(stage, experiment.compute, paths, seed=experiment.seed, held_out=evaluations)
        return [sys.executable, "-m", "passk.openrlhf", *arguments]
    longest = lengths.max_length(stage, experiment.model.tiny)
    arguments = flags.sft(stage, experiment.compute, paths, seed=experiment.seed, max_tokens=longest)
    return [*_launcher(experiment.compute), "-m", "passk.openrlhf.sft", *arguments]


def _launcher(compute: Compute) -> list[str]:
    if compute.gpus_per_node == 1:
        return [sys.executable]
    processes = f"--nproc-per-node={compute.gpus_per_node}"
    return [sys.executable, "-m", "passk.runtime.torchrun", processes]


def _alone(compute: Compute) -> Mapping[str, str]:
    return single_process() if compute.gpus_per_node == 1 else {}


def evaluate(plan: Plan, only: Sequence[PlannedEvaluation] | None = None) -> None:
    """Evaluate every finished checkpoint on every benchmark, on all GPUs, except for finished evaluations.

    only: the evaluations to do instead of all.
    With several engines, or if RAY_ADDRESS names a cluster, a Ray job evaluates; otherwise a process on this machine.
    Raise PasskError; the `retry` of a job.StageFailed is true if another attempt may succeed.
    """
    chosen = plan.evaluations if only is None else only
    remaining = [planned for planned in chosen if not planned.finished and _has_model(planned)]
    if not remaining:
        return
    compute, directory = plan.experiment.compute, layout.evaluations(plan.directory)
    file, work = layout.request(directory), all_requests(plan, remaining)
    work.write(file)
    command = [sys.executable, "-m", "passk.evaluation.evaluate", str(file)]
    on = f" on {work.engines} engines" if work.engines > 1 else ""
    checkpoints_left = len({str(planned.model) for planned in remaining})
    log.info("evaluations to do: %d of %d checkpoints%s", len(remaining), checkpoints_left, on)
    with progress.followed(layout.metrics(directory)):
        if work.on_ray:
            _sample_on_ray(plan, command, directory)
        else:
            follow.run(
                command, environment=environment(compute), directory=directory, stall_timeout_s=compute.stall_timeout_s
            )
    model_card.write_all(plan)
    missing = sorted({planned.record.checkpoint for planned in remaining if not planned.finished})
    if missing:
        raise PasskError(
            f"the evaluation of {', '.join(missing)} is incomplete; see {follow.shown(layout.log(directory))}"
        )


def remaining_share(planned: PlannedStage) -> float:
    """Return the share of a stage's steps that remain. A stage whose parent is not finished has all of them."""
    if planned.parent and not planned.parent.finished:
        return 1.0
    return 1 - len(read_metrics(layout.metrics(planned.directory))) / planned.stage.steps


def sampled(plan: Plan) -> tuple[int, int]:
    """Return the progress of the evaluations: the number of finished ones, and of shards of the others."""
    evaluations = plan.evaluations
    remaining = [planned for planned in evaluations if not planned.finished]
    shards = sum(len(layout.shard_files(planned.directory)) for planned in remaining)
    return len(evaluations) - len(remaining), shards


def standing(plan: Plan) -> str:
    """Return the progress of a run that survives a crash, as text that changes with every saved step of progress."""
    saved = [f"{planned.record.name}: {_saved(planned)}" for planned in plan.stages]
    finished, shards = sampled(plan)
    return ", ".join([*saved, f"{finished} evaluations and {shards} shards"])


def _saved(planned: PlannedStage) -> str:
    return "all" if planned.finished else str(checkpoints.newest(layout.checkpoints(planned.directory)))


def _sample_on_ray(plan: Plan, command: list[str], directory: Path) -> None:
    compute = plan.experiment.compute
    with ray_cluster(compute, layout.ray_log(directory)) as cluster:
        follow.train(
            command,
            cluster=cluster,
            environment=passed_on(environment(compute)),
            directory=directory,
            about=f"{plan.experiment.name}: evaluation",
            stall_timeout_s=compute.stall_timeout_s,
            on_step=lambda line: None,
        )


def _has_model(planned: PlannedEvaluation) -> bool:
    return planned.stage is None or planned.stage.finished


def ingest(plan: Plan) -> None:
    """Ingest all finished work into the database. Raise PasskError that names damaged items; the rest is ingested."""
    wanted: list[store_items.Item] = [(store_items.experiment_record, plan.directory)]
    sets = {*plan.problems.values(), *map(plan.training_problems, plan.stages)}
    wanted += [(store_items.problem_set, path) for path in sorted(sets) if path.exists()]
    wanted += [(store_items.stage, planned.directory) for planned in plan.stages if planned.finished]
    wanted += [(store_items.evaluation, planned.directory) for planned in plan.evaluations if planned.finished]
    if skipped := store.ingest_items(plan.store, wanted).skipped:
        raise PasskError("; ".join(skipped))


def all_finished(plan: Plan) -> bool:
    """Return whether all stages and evaluations of the plan are finished."""
    return all(s.finished for s in plan.stages) and all(each.finished for each in plan.evaluations)
