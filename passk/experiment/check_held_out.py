"""Checks of the evaluations during the training, and of what a stage decides by them."""

from passk.base.errors import ConfigError, nearest, under
from passk.experiment.config import Experiment
from passk.experiment.selection import Selection, held_out_ks
from passk.experiment.stage import RlStage


def of_benchmarks(experiment: Experiment) -> None:
    """Raise ConfigError for benchmarks with `validation: true` that no stage uses, or that have none beside them."""
    validation = [name for name, benchmark in experiment.benchmarks.items() if benchmark.validation]
    if validation and len(validation) == len(experiment.benchmarks):
        raise ConfigError(
            f"benchmarks.{validation[0]}.validation",
            "no benchmark is left that finished stages are evaluated on",
            "add one without validation",
        )
    stages = [stage for stage in experiment.stages.values() if isinstance(stage, RlStage) and stage.evaluate_every]
    used = {name for stage in stages for name in stage.evaluate_on or experiment.benchmarks}
    for name in validation:
        if name not in used:
            raise ConfigError(
                f"benchmarks.{name}.validation", "no stage is evaluated on it", "set evaluate_every, or remove it"
            )


def of_stage(experiment: Experiment, name: str, stage: RlStage) -> None:
    """Raise ConfigError unless a stage has the benchmarks and checkpoints that its evaluations and choices need."""
    with under(f"stages.{name}"):
        _check_evaluations(experiment, stage)
        _check_kept(stage)
        for field, selection in (("keep_best", stage.keep_best), ("stop_when", stage.stop_when)):
            if selection:
                _check_selection(experiment, field, selection, stage)
        _check_can_stop(stage)


def _check_evaluations(experiment: Experiment, stage: RlStage) -> None:
    """Raise ConfigError unless the benchmarks of the evaluations during the training exist and can be sampled."""
    for field in ("evaluate_on", "evaluate_samples"):
        if stage.evaluate_every is None and getattr(stage, field) is not None:
            raise ConfigError(field, "has no effect without evaluate_every", f"set it, or remove {field}")
    repeated = [each for place, each in enumerate(stage.evaluate_on or ()) if each in (stage.evaluate_on or ())[:place]]
    if repeated:
        raise ConfigError("evaluate_on", f"{repeated[0]} is listed twice", "remove one")
    for benchmark in stage.evaluate_on or ():
        if benchmark not in experiment.benchmarks:
            fix = nearest(benchmark, experiment.benchmarks)
            raise ConfigError("evaluate_on", f"benchmark {benchmark!r} does not exist", fix)
    for benchmark in (stage.evaluate_on or experiment.benchmarks) if stage.evaluate_samples else ():
        if experiment.benchmarks[benchmark].temperature == 0 and stage.evaluate_samples != 1:
            raise ConfigError(
                "evaluate_samples",
                f"at temperature 0 of {benchmark} all {stage.evaluate_samples} samples are identical",
                "set it to 1, or leave the benchmark out of evaluate_on",
            )


def _check_kept(stage: RlStage) -> None:
    """Raise ConfigError unless the stage has the checkpoints whose models it keeps."""
    if not stage.evaluate:
        for field in ("evaluate_last", "keep_best"):
            if getattr(stage, field) not in (1, None):
                raise ConfigError(field, "has no effect with evaluate: false", "remove one of the two")
    if stage.keep_best and stage.ema:
        raise ConfigError(
            "keep_best", "chooses by evaluations of the weights, and ema keeps their average", "remove one of the two"
        )
    there = -(-stage.steps // stage.save_every)
    if stage.last_checkpoints > there:
        raise ConfigError(
            "evaluate_last",
            f"{stage.steps} steps with a checkpoint every {stage.save_every} have {there} checkpoints, not "
            f"{stage.evaluate_last}",
            f"lower it to {there}, or lower save_every",
        )


def _check_can_stop(stage: RlStage) -> None:
    """Raise ConfigError for a `stop_when` with more evaluations than follow the first, which is always the highest."""
    if stage.stop_when is None or stage.evaluate_every is None:
        return
    most = -(-stage.steps // stage.evaluate_every)
    if stage.stop_when.evaluations > most:
        raise ConfigError(
            "stop_when.evaluations",
            f"{stage.steps} steps with an evaluation every {stage.evaluate_every} have {most} after that of step 0, "
            f"not {stage.stop_when.evaluations}",
            f"lower it to {most} or less, or lower evaluate_every",
        )


def _check_selection(experiment: Experiment, field: str, selection: Selection, stage: RlStage) -> None:
    """Raise ConfigError unless the stage has the evaluations that decide, on a benchmark that may decide."""
    name = selection.benchmark
    if stage.evaluate_every is None:
        raise ConfigError(field, "needs evaluations during the training", "set evaluate_every")
    if name not in experiment.benchmarks:
        fix = nearest(name, experiment.benchmarks)
        raise ConfigError(f"{field}.benchmark", f"benchmark {name!r} does not exist", fix)
    if name not in (stage.evaluate_on or experiment.benchmarks):
        raise ConfigError(f"{field}.benchmark", f"{name} is not among evaluate_on", "add it there")
    benchmark = experiment.benchmarks[name]
    known = held_out_ks(stage.held_out_samples(benchmark), benchmark.k)
    if selection.k not in known:
        raise ConfigError(
            f"{field}.k",
            f"pass@{selection.k} on {name} is not evaluated during the training",
            f"use one of {', '.join(map(str, known))}, or add {selection.k} to benchmarks.{name}.k and raise "
            "evaluate_samples",
        )
    if not benchmark.validation and not selection.select_on_test:
        raise ConfigError(
            f"{field}.benchmark",
            f"the report compares on {name}, and a value that the choice has maximized is too high",
            f"name a benchmark with validation: true, or set {field}.select_on_test: true",
        )
