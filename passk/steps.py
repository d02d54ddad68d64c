"""The steps of a run, each one call: prepare, train, sample, file. Flows and tasks know nothing but these.

Every step is safe to repeat: what is finished is left alone, what was stopped goes on.
"""

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from passk import lock, problems, store
from passk.config import Compute, RlStage
from passk.errors import PasskError
from passk.evaluate.sample import Request, to_json
from passk.layout import is_finished, write_json
from passk.model import has_chat_template, make_tiny
from passk.openrlhf import checkpoints, data, flags, job
from passk.openrlhf.cluster import is_open, rejoined
from passk.openrlhf.cpu import operators
from passk.openrlhf.environment import environment, passed_on, single_process
from passk.openrlhf.progress import Progress
from passk.openrlhf.record import WRITER, read_metrics
from passk.plan import Plan, PlannedSampling, PlannedStage
from passk.store import ingest

Say = Callable[[str], None]


def prepare(plan: Plan, say: Say) -> None:
    """Make the problems and, where it is made from scratch, the model."""
    for name, file in plan.problems.items():
        if not file.exists():
            spec = plan.experiment.problems[name]
            problems.save(problems.generate(spec, plan.experiment.seed), file)
            say(f"problems {name}: {spec.count} of the {spec.split} split")
    if plan.experiment.model.tiny and isinstance(plan.model, Path) and not (plan.model / "config.json").exists():
        temporary = plan.model.with_name(".model")
        shutil.rmtree(temporary, ignore_errors=True)
        make_tiny(plan.experiment.model.tiny, temporary, seed=plan.experiment.seed)
        temporary.replace(plan.model)
        say("model: a tiny Qwen2 from scratch")


def alone(plan: Plan, say: Say) -> AbstractContextManager[None]:
    """Run an experiment alone: who else runs the one of this name is waited for."""
    name = plan.experiment.name
    return lock.alone(plan.locks / f"experiment-{name}", what=name, experiment=name, does="runs it", say=say)


def train(plan: Plan, planned: PlannedStage, cluster: Mapping[str, str], say: Say) -> None:
    """Train one stage from where it stands, as a job on the Ray cluster that `cluster` (ray_cluster's) joins.

    Who else trains it, for another experiment too, is waited for; what came of that is then used. Raises
    job.StageFailed with the reason first and the log's path last; its `retry` tells whether to try again.
    """
    name, experiment = planned.record.name, plan.experiment.name

    def alone(file: Path, does: str) -> AbstractContextManager[None]:
        return lock.alone(file, what=name, experiment=experiment, does=does, say=say, going=lambda: is_open(cluster))

    with alone(plan.locks / planned.record.key, "trains it"):
        if planned.finished:
            say(f"{name}: finished meanwhile, in {job.shown(planned.directory)}")
            return
        # That lock is free as soon as its holder died; what the holder had started may need some seconds to end.
        with alone(planned.directory / WRITER, "still writes there"):
            pass
        _train(plan, planned, cluster, say)


def _train(plan: Plan, planned: PlannedStage, cluster: Mapping[str, str], say: Say) -> None:
    stage, directory, compute = planned.stage, planned.directory, plan.experiment.compute
    if directory == planned.own or not (directory / "stage.json").exists():
        write_json(directory / "stage.json", planned.record)
    if not (directory / "data").exists():
        data.write(
            stage,
            plan.problems[stage.problems],
            directory / "data",
            seed=planned.record.seed,
            first_prompt=planned.first_prompt,
            tiny=plan.experiment.model.tiny is not None,
        )
    done = len(read_metrics(directory / "metrics.jsonl"))
    mended = checkpoints.mend(directory / "checkpoints", recorded=done)
    for line in mended.removed:
        say(f"{planned.record.name}: {line}")
    if done:
        start = (
            f"goes on from the last checkpoint, step {mended.step}" if mended.step else "starts again, no checkpoint"
        )
        say(f"{planned.record.name}: {start}; {done} of {stage.steps} steps were done")
    operators.forget_stale_locks()
    progress = Progress(planned.record.name, stage.steps, say)
    started = time.time()
    alone = {} if isinstance(stage, RlStage) else _alone(compute)
    job.train(
        command(plan, planned),
        cluster=rejoined(cluster),
        environment={**passed_on(environment(compute)), **alone},
        directory=directory,
        about=f"{planned.record.experiment}: {planned.record.name}",
        hung_after=compute.hung_after,
        gpus=0 if isinstance(stage, RlStage) else compute.gpus_per_node,
        is_open=lambda: is_open(cluster),
        on_step=progress,
    )
    finish(planned, seconds=time.time() - started, startup=progress.startup)


def command(plan: Plan, planned: PlannedStage) -> list[str]:
    """The command line that trains a stage: the interpreter, the module, OpenRLHF's flags and ours."""
    experiment, stage = plan.experiment, planned.stage
    paths = flags.Paths(str(plan.parent_model(planned)), planned.directory / "data", planned.directory)
    chat = has_chat_template(plan.model)
    if isinstance(stage, RlStage):
        arguments = flags.rl(stage, experiment.compute, paths, seed=experiment.seed, chat=chat)
        return [sys.executable, "-m", "passk.openrlhf", *arguments]
    longest = experiment.model.tiny.max_length if experiment.model.tiny else 4096
    arguments = flags.sft(stage, experiment.compute, paths, seed=experiment.seed, chat=chat, max_tokens=longest)
    return [*_launcher(experiment.compute), "-m", "passk.openrlhf.sft", *arguments]


def _launcher(compute: Compute) -> list[str]:
    if compute.gpus_per_node == 1:
        return [sys.executable]
    processes = f"--nproc-per-node={compute.gpus_per_node}"
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", processes]


def _alone(compute: Compute) -> Mapping[str, str]:
    return single_process() if compute.gpus_per_node == 1 else {}


def finish(planned: PlannedStage, *, seconds: float, startup: float | None) -> None:
    """Check that a stage made all it should have, and seal it with its manifest."""
    directory, stage = planned.directory, planned.stage
    steps = [line["step"] for line in read_metrics(directory / "metrics.jsonl")]
    if steps != list(range(1, stage.steps + 1)):
        raise PasskError(
            f"OpenRLHF ended after {len(steps)} steps of {stage.steps}; see {job.shown(directory / 'log.txt')}"
        )
    if not (directory / "model" / "config.json").is_file():
        raise PasskError(f"OpenRLHF ended without writing a model; see {job.shown(directory / 'log.txt')}")
    write_json(
        directory / "manifest.json",
        {"key": planned.record.key, "steps": stage.steps, "seconds": seconds, "startup_seconds": startup},
    )
    # A finished stage is never resumed, and whoever starts from it starts from model/. Only now: who is killed
    # between the two has lost nothing.
    shutil.rmtree(directory / "checkpoints", ignore_errors=True)


def sample(plan: Plan, say: Say) -> None:
    """Sample every finished checkpoint on every benchmark that has not been, in one process."""
    left = [planned for planned in plan.samplings if not planned.finished and _has_model(planned)]
    if not left:
        return
    file = plan.directory / "samples" / "request.json"
    write_json(file, to_json([_request(plan, planned) for planned in left]))
    directory = file.parent
    say(f"sampling {len(left)} times: {len({p.record.checkpoint for p in left})} checkpoints")
    job.run(
        [sys.executable, "-m", "passk.evaluate.sample", str(file)],
        environment=environment(plan.experiment.compute),
        directory=directory,
    )
    missing = sorted({planned.record.checkpoint for planned in left if not planned.finished})
    if missing:
        raise PasskError(f"sampling of {', '.join(missing)} is not complete; see {job.shown(directory / 'log.txt')}")


def _has_model(planned: PlannedSampling) -> bool:
    return planned.stage is None or planned.stage.finished


def _request(plan: Plan, planned: PlannedSampling) -> Request:
    compute, tiny = plan.experiment.compute, plan.experiment.model.tiny
    engine: dict[str, Any] = {
        "seed": planned.record.seed,
        "dtype": "bfloat16",
        "enable_prefix_caching": True,
        "tensor_parallel_size": compute.tensor_parallel,
        "gpu_memory_utilization": compute.memory_utilization,
        "disable_log_stats": True,
    }
    if compute.profile == "cpu":
        engine["enforce_eager"] = True
        # Where a prompt is read in pieces, vLLM winds a seeded request's generator back, which a CPU's cannot.
        engine["enable_chunked_prefill"] = False
    if tiny:
        engine["max_model_len"] = tiny.max_length
    return Request(
        record=asdict(planned.record),
        model=str(planned.model),
        problems=str(plan.problems[planned.benchmark.problems]),
        directory=str(planned.directory),
        engine=engine,
        chat=has_chat_template(plan.model),
    )


def file(plan: Plan) -> None:
    """File all that is finished and not in DuckDB yet. Raises PasskError naming what is damaged; the rest is filed."""
    wanted: list[ingest.Piece] = [(ingest.experiment_record, plan.directory)]
    wanted += [(ingest.problem_set, path) for path in plan.problems.values() if path.exists()]
    wanted += [(ingest.stage, planned.directory) for planned in plan.stages if planned.finished]
    wanted += [(ingest.sampling, planned.directory) for planned in plan.samplings if planned.finished]
    if skipped := store.fill(plan.store, wanted).skipped:
        raise PasskError("; ".join(skipped))


def all_finished(plan: Plan) -> bool:
    return all(s.finished for s in plan.stages) and all(is_finished(s.directory) for s in plan.samplings)
