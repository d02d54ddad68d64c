"""The end of a stage: check that it has its steps and its model, and write its manifest."""

import shutil
from typing import Any

from passk.base.errors import PasskError
from passk.experiment.planned import PlannedStage
from passk.experiment.stage import RlStage
from passk.files import durable, layout
from passk.files.layout import kept_model, kept_steps, write_json
from passk.files.metrics_log import read_metrics
from passk.runtime import follow


def finish(planned: PlannedStage, *, seconds: float, startup: float | None) -> str:
    """Check that a stage has all its steps and its model, write its manifest, and return why it ended."""
    directory = planned.directory
    lines = read_metrics(layout.metrics(directory))
    last, ended = _end(planned, lines)
    if [line["step"] for line in lines] != list(range(1, last + 1)):
        raise PasskError(
            f"OpenRLHF ended after {len(lines)} of {last} steps; see {follow.shown(layout.log(directory))}"
        )
    if not (layout.model(directory) / "config.json").is_file():
        raise PasskError(f"OpenRLHF ended without writing a model; see {follow.shown(layout.log(directory))}")
    durable.flush_all(layout.model(directory))
    end = {"key": planned.record.key, "steps": last, "ended": ended, "seconds": seconds, "startup_seconds": startup}
    if isinstance(planned.stage, RlStage) and planned.stage.filter_groups:
        end["prompts"] = sum(line["generated_groups"] for line in lines)
    write_json(layout.manifest(directory), end | _kept(planned, last))
    # A finished stage is never resumed, and its children start from model/. Its checkpoints are removed only after the
    # manifest is on the disk, so a kill or a power loss in between loses nothing.
    shutil.rmtree(layout.checkpoints(directory), ignore_errors=True)
    return ended


def _kept(planned: PlannedStage, last: int) -> dict[str, Any]:
    """Delete models that are no longer needed, and return the entry of the manifest about the others."""
    stage, directory = planned.stage, planned.directory
    keep = stage.keep if isinstance(stage, RlStage) else None
    if keep is None:
        return {}
    best = keep.best_step(last, read_metrics(layout.training_evaluations(directory)))
    wanted = {*keep.final(last), best}
    for step in kept_steps(directory):
        if step not in wanted or step == last:
            shutil.rmtree(kept_model(directory, step))
    there = {last, *kept_steps(directory)}
    models = {
        "keep": keep.model_dump(mode="json", exclude_defaults=True, exclude={"best": {"select_on_test"}}),
        "last": [step for step in keep.final(last) if step in there],
        "best": best if best in there else None,
    }
    return {"models": models}


def _end(planned: PlannedStage, lines: list[dict[str, Any]]) -> tuple[int, str]:
    """Return the last step of a stage and why it ends there."""
    stage = planned.stage
    whole = f"all {stage.steps} steps are done"
    if not isinstance(stage, RlStage):
        return stage.steps, whole
    end = stage.conditions.end(lines, read_metrics(layout.training_evaluations(planned.directory)))
    if end is None:
        return stage.steps, "; ".join(filter(None, (whole, stage.conditions.unmet(lines))))
    return end.step, f"ended at step {end.step} of {stage.steps}: {end.reason}"
