"""The steps of a run, each one call: prepare, train, sample, file. Flows and tasks know nothing but these.

Every step is safe to repeat: what is finished is left alone, what was stopped goes on.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from passk import store, trackers
from passk.base.errors import PasskError
from passk.base.redact import without_secrets
from passk.cpu import operators
from passk.evaluation import progress
from passk.evaluation.request import Work
from passk.experiment.compute import Compute
from passk.experiment.config import RlStage, SftStage
from passk.experiment.plan import Plan, PlannedEvaluation, PlannedStage
from passk.files import durable, file_lock
from passk.files.layout import is_finished, write_json
from passk.files.metrics_log import WRITER, damaged_line, read_metrics
from passk.models import remote_code
from passk.models.tiny import ENDS, make_tiny
from passk.openrlhf import checkpoints, flags, lengths, train_data
from passk.pipeline.evaluation_request import chat_template, request
from passk.pipeline.progress import Progress
from passk.problems import preparation
from passk.runtime import ray_job
from passk.runtime.environment import environment, passed_on, single_process
from passk.runtime.ray_cluster import is_open, ray_cluster, rejoined
from passk.store import ingest as store_items

Say = Callable[[str], None]
LAST_WRITER_SECONDS = 120.0
"""Longest wait for what the killed holder of a stage had started: its job watchdog needs 30 s to end it."""


def prepare(plan: Plan, say: Say) -> None:
    """Make the problems and, where it is made from scratch, the model."""
    preparation.prepare(plan.experiment.problems, plan.problems, plan.experiment.seed, say)
    for name, stage in plan.experiment.stages.items():
        if isinstance(stage, SftStage):
            preparation.require_demonstrations(
                f"stages.{name}.problems: {stage.problems}", plan.problems[stage.problems]
            )
    if plan.experiment.model.tiny and isinstance(plan.model, Path) and not (plan.model / "config.json").exists():
        temporary = plan.model.with_name(".model")
        shutil.rmtree(temporary, ignore_errors=True)
        make_tiny(plan.experiment.model.tiny, temporary, seed=plan.experiment.seed)
        durable.flush_all(temporary)
        temporary.replace(plan.model)
        say("model: a tiny Qwen2 from scratch")
    unbegun: dict[str, SftStage | RlStage] = {}
    for planned in plan.stages:
        if planned.finished:
            trackers.show_finished(plan, planned, say)
        elif not (planned.directory / "data").exists():
            unbegun[planned.record.name] = planned.stage
    chat, model = chat_template(plan), plan.experiment.model
    lengths.require_fit(unbegun, plan.problems, plan.model, chat=chat, tiny=model.tiny, trusted=model.trust_remote_code)
    judged = {stage.problems for stage in unbegun.values() if isinstance(stage, RlStage)}
    judged |= {planned.benchmark.problems for planned in plan.evaluations if not planned.finished}
    files = {name: file for name, file in plan.problems.items() if name in judged}
    train_data.require_thinking_opened_as_said(
        model.opens_thinking, files, plan.model, chat=chat, trusted=model.trust_remote_code
    )


def alone(plan: Plan, say: Say) -> AbstractContextManager[None]:
    """Run an experiment alone: who else runs the one of this name is waited for."""
    name = plan.experiment.name
    return file_lock.alone(plan.locks / f"experiment-{name}", what=name, experiment=name, does="runs it", say=say)


def train(plan: Plan, planned: PlannedStage, cluster: Mapping[str, str], say: Say) -> None:
    """Train one stage from where it stands, as a job on the Ray cluster that `cluster` (ray_cluster's) joins.

    Who else trains it, for another experiment too, is waited for; what came of that is then used. Raises
    job.StageFailed with the reason first and the log's path last; its `retry` tells whether to try again.
    """
    name, experiment = planned.record.name, plan.experiment.name

    alone = partial(file_lock.alone, what=name, experiment=experiment, say=say, going=lambda: is_open(cluster))
    with alone(plan.locks / planned.record.key, does="trains it"):
        if planned.finished:
            say(f"{name}: finished meanwhile, in {ray_job.shown(planned.directory)}")
            trackers.show_finished(plan, planned, say)
            return
        # That lock is free as soon as its holder died; what the holder had started may need some seconds to end.
        ray_job.end_jobs(planned.directory)
        try:
            with alone(planned.directory / WRITER, does="still writes there", longest=LAST_WRITER_SECONDS):
                pass
        except file_lock.StillHeld as error:
            raise ray_job.StageFailed(str(error), "lost") from None
        _train(plan, planned, cluster, say)


def _train(plan: Plan, planned: PlannedStage, cluster: Mapping[str, str], say: Say) -> None:
    stage, compute, tiny = planned.stage, plan.experiment.compute, plan.experiment.model.tiny
    directory = _mended(planned, say)
    if directory == planned.own or not (directory / "stage.json").exists():
        write_json(directory / "stage.json", without_secrets(asdict(planned.record)))
    if not (directory / "data").exists():
        train_data.write(
            stage,
            plan.problems[stage.problems],
            directory / "data",
            seed=planned.record.seed,
            first_prompt=planned.first_prompt,
            end=ENDS[tiny.alphabet] if tiny else "",
            opens_thinking=plan.experiment.model.opens_thinking,
        )
    operators.forget_stale_locks()
    progress = Progress(planned.record.name, stage.steps, say)
    started = time.monotonic()
    alone = {} if isinstance(stage, RlStage) else _alone(compute)
    with trackers.Following(plan, planned, say) as follow:

        def on_step(line: dict[str, Any]) -> None:
            progress(line)
            follow(line)

        ray_job.train(
            command(plan, planned),
            cluster=rejoined(cluster),
            environment={**passed_on(environment(compute)), **alone},
            directory=directory,
            about=f"{planned.record.experiment}: {planned.record.name}",
            stall_timeout_s=compute.stall_timeout_s,
            gpus=0 if isinstance(stage, RlStage) else compute.gpus_per_node,
            is_open=lambda: is_open(cluster),
            on_step=on_step,
        )
        finish(planned, seconds=time.monotonic() - started, startup=progress.startup)


def _mended(planned: PlannedStage, say: Say) -> Path:
    """Where the stage goes on: once damaged checkpoints are gone, another place may be the furthest."""
    name = planned.record.name
    while True:
        directory = planned.directory
        done = len(read_metrics(directory / "metrics.jsonl"))
        if number := damaged_line(directory / "metrics.jsonl"):
            say(f"{name}: line {number} of metrics.jsonl is damaged; the steps from it on are done again")
        mended = checkpoints.mend(directory / "checkpoints", recorded=done)
        for line in mended.removed:
            say(f"{name}: {line}")
        if planned.directory == directory:
            break
    if done:
        step = mended.step
        start = f"goes on from the last checkpoint, step {step}" if step else "starts again, no checkpoint"
        say(f"{name}: {start}; {done} of {planned.stage.steps} steps were done")
    return directory


def command(plan: Plan, planned: PlannedStage) -> list[str]:
    """The command line that trains a stage: the interpreter, the module, OpenRLHF's flags and ours."""
    experiment, stage = plan.experiment, planned.stage
    paths = flags.Paths(str(plan.parent_model(planned)), planned.directory / "data", planned.directory)
    remote_code.check(plan.parent_model(planned), trusted=experiment.model.trust_remote_code)
    chat = chat_template(plan)
    if isinstance(stage, RlStage):
        arguments = flags.rl(stage, experiment.compute, paths, seed=experiment.seed, chat=chat)
        return [sys.executable, "-m", "passk.openrlhf", *arguments]
    longest = lengths.max_length(stage, experiment.model.tiny)
    arguments = flags.sft(stage, experiment.compute, paths, seed=experiment.seed, chat=chat, max_tokens=longest)
    return [*_launcher(experiment.compute), "-m", "passk.openrlhf.sft", *arguments]


def _launcher(compute: Compute) -> list[str]:
    if compute.gpus_per_node == 1:
        return [sys.executable]
    processes = f"--nproc-per-node={compute.gpus_per_node}"
    return [sys.executable, "-m", "passk.runtime.torchrun", processes]


def _alone(compute: Compute) -> Mapping[str, str]:
    return single_process() if compute.gpus_per_node == 1 else {}


def finish(planned: PlannedStage, *, seconds: float, startup: float | None) -> None:
    """Check that a stage made all it should have, and seal it with its manifest."""
    directory, stage = planned.directory, planned.stage
    steps = [line["step"] for line in read_metrics(directory / "metrics.jsonl")]
    if steps != list(range(1, stage.steps + 1)):
        raise PasskError(
            f"OpenRLHF ended after {len(steps)} steps of {stage.steps}; see {ray_job.shown(directory / 'log.txt')}"
        )
    if not (directory / "model" / "config.json").is_file():
        raise PasskError(f"OpenRLHF ended without writing a model; see {ray_job.shown(directory / 'log.txt')}")
    durable.flush_all(directory / "model")
    write_json(
        directory / "manifest.json",
        {"key": planned.record.key, "steps": stage.steps, "seconds": seconds, "startup_seconds": startup},
    )
    durable.flush(directory)
    # A finished stage is never resumed, and whoever starts from it starts from model/. Only now that both are on the
    # disk: who is killed between the two, or loses its power, has lost nothing.
    shutil.rmtree(directory / "checkpoints", ignore_errors=True)


def evaluate(plan: Plan, say: Say) -> None:
    """Sample every finished checkpoint on every benchmark, as far as it has not been, on all GPUs.

    Several engines, and any where RAY_ADDRESS names a cluster, are a job of Ray; else one is a process of this machine.
    Raises PasskError; a job.StageFailed's `retry` tells whether to try again.
    """
    left = [planned for planned in plan.evaluations if not planned.finished and _has_model(planned)]
    if not left:
        return
    compute, directory = plan.experiment.compute, plan.directory / "evaluations"
    # A CPU's engines are processes: no more of them than the trainer has.
    gpus = plan.experiment.gpus if compute.profile == "gpu" else compute.nodes * compute.gpus_per_node
    engines = gpus // compute.tensor_parallel or 1
    on_ray = engines > 1 or "RAY_ADDRESS" in os.environ
    file = directory / "request.json"
    Work([request(plan, planned) for planned in left], engines, compute.tensor_parallel, on_ray).write(file)
    command = [sys.executable, "-m", "passk.evaluation.evaluate", str(file)]
    on = f" on {engines} engines" if engines > 1 else ""
    say(f"evaluation {len(left)} times{on}: {len({p.record.checkpoint for p in left})} checkpoints")
    with progress.followed(directory / progress.FILE, say):
        if on_ray:
            _sample_on_ray(plan, command, directory)
        else:
            ray_job.run(
                command, environment=environment(compute), directory=directory, stall_timeout_s=compute.stall_timeout_s
            )
    missing = sorted({planned.record.checkpoint for planned in left if not planned.finished})
    if missing:
        raise PasskError(
            f"evaluation of {', '.join(missing)} is not complete; see {ray_job.shown(directory / 'log.txt')}"
        )


def sampled(plan: Plan) -> tuple[int, int]:
    """How far the evaluation is: evaluations that are finished, parts of the others."""
    finished = [planned.finished for planned in plan.evaluations]
    left = [planned for planned, done in zip(plan.evaluations, finished, strict=True) if not done]
    return sum(finished), sum(1 for planned in left for _ in planned.directory.glob("parts/[0-9]*.parquet"))


def standing(plan: Plan) -> str:
    """How far a run is, in what a crash leaves: it is another text as soon as a run that died would go on further."""
    saved = [
        f"{planned.record.name}: {'all' if planned.finished else checkpoints.newest(planned.directory / 'checkpoints')}"
        for planned in plan.stages
    ]
    finished, parts = sampled(plan)
    return ", ".join([*saved, f"{finished} evaluations and {parts} parts"])


def _sample_on_ray(plan: Plan, command: list[str], directory: Path) -> None:
    compute = plan.experiment.compute
    with ray_cluster(compute, directory / "ray.log") as cluster:
        ray_job.train(
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
    """Ingest all that is finished into DuckDB. Raise PasskError that names damaged items; the rest is ingested."""
    wanted: list[store_items.Item] = [(store_items.experiment_record, plan.directory)]
    wanted += [(store_items.problem_set, path) for path in plan.problems.values() if path.exists()]
    wanted += [(store_items.stage, planned.directory) for planned in plan.stages if planned.finished]
    wanted += [(store_items.evaluation, planned.directory) for planned in plan.evaluations if planned.finished]
    if skipped := store.ingest_items(plan.store, wanted).skipped:
        raise PasskError("; ".join(skipped))


def all_finished(plan: Plan) -> bool:
    return all(s.finished for s in plan.stages) and all(is_finished(s.directory) for s in plan.evaluations)
