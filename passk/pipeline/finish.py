"""The end of a stage: check that it has its steps and its model, and write its manifest."""

import shutil
from typing import Any

from passk.base.errors import PasskError
from passk.experiment.planned import PlannedStage
from passk.experiment.stage import RlStage, SftStage
from passk.files import durable
from passk.files.layout import write_json
from passk.files.metrics_log import read_metrics
from passk.runtime import ray_job


def finish(planned: PlannedStage, *, seconds: float, startup: float | None) -> str:
    """Check that a stage has all its steps and its model, write its manifest, and return why it ended."""
    directory, stage = planned.directory, planned.stage
    lines = read_metrics(directory / "metrics.jsonl")
    last, ended = _end(stage, lines)
    if [line["step"] for line in lines] != list(range(1, last + 1)):
        raise PasskError(
            f"OpenRLHF ended after {len(lines)} of {last} steps; see {ray_job.shown(directory / 'log.txt')}"
        )
    if not (directory / "model" / "config.json").is_file():
        raise PasskError(f"OpenRLHF ended without writing a model; see {ray_job.shown(directory / 'log.txt')}")
    durable.flush_all(directory / "model")
    end = {"key": planned.record.key, "steps": last, "ended": ended, "seconds": seconds, "startup_seconds": startup}
    if isinstance(stage, RlStage) and stage.filter_groups:
        end["prompts"] = sum(line["generated_groups"] for line in lines)
    write_json(directory / "manifest.json", end)
    # A finished stage is never resumed, and its children start from model/. Its checkpoints are removed only after the
    # manifest is on the disk, so a kill or a power loss in between loses nothing.
    shutil.rmtree(directory / "checkpoints", ignore_errors=True)
    return ended


def _end(stage: SftStage | RlStage, lines: list[dict[str, Any]]) -> tuple[int, str]:
    """Return the last step of a stage and why it ends there."""
    whole = f"all {stage.steps} steps are done"
    until = stage.until if isinstance(stage, RlStage) else None
    if until is None:
        return stage.steps, whole
    step = until.end(lines)
    mean = until.mean(lines[:step])
    if step is None:
        shown = "unknown" if mean is None else f"{mean:.3g}"
        return stage.steps, f"{whole}; {until.name} is {shown}, not {until.threshold}"
    return step, f"ended at step {step} of {stage.steps}: {until.name} is {mean:.3g}, {until.threshold}"
