"""The evaluations during a stage's training, as its command line has them (passk/openrlhf/held_out.py)."""

from passk.experiment.benchmark import REPORTED
from passk.experiment.plan import Plan
from passk.experiment.planned import PlannedStage
from passk.experiment.stage import RlStage
from passk.openrlhf import lengths
from passk.openrlhf.held_out import HeldOut, HeldOutBenchmark
from passk.pipeline.evaluation_request import format_of


def held_out(plan: Plan, planned: PlannedStage) -> HeldOut | None:
    """Return the evaluations during the training of a stage, or None without any."""
    stage, experiment = planned.stage, plan.experiment
    if not isinstance(stage, RlStage) or stage.evaluate_every is None:
        return None
    benchmarks = {}
    for name in stage.evaluate_on or experiment.benchmarks:
        benchmark = experiment.benchmarks[name]
        samples = stage.held_out_samples(benchmark)
        benchmarks[name] = HeldOutBenchmark(
            **benchmark.model_dump(exclude={"samples", "k", "validation", *REPORTED}),
            samples=samples,
            k=tuple(k for k in benchmark.k if k <= samples) or (1,),
            file=str(plan.problems[benchmark.problems]),
        )
    return HeldOut(
        every=stage.evaluate_every,
        seed=experiment.seed,
        benchmarks=benchmarks,
        opens_thinking=experiment.model.opens_thinking,
        format=format_of(plan),
    )


def problem_sets(plan: Plan) -> set[str]:
    """Return the problem sets on which unfinished stages are evaluated during their training."""
    each = [held_out(plan, planned) for planned in plan.stages if not planned.finished]
    return {benchmark.problems for one in each if one for benchmark in one.benchmarks.values()}


def require_room(plan: Plan) -> None:
    """Raise ConfigError if a prompt of a benchmark does not fit into the engines of a stage that evaluates on it."""
    trusted = plan.experiment.model.trust_remote_code
    for planned in plan.stages:
        evaluations = None if planned.finished else held_out(plan, planned)
        if evaluations is None or not isinstance(planned.stage, RlStage):
            continue
        room = planned.stage.max_prompt + planned.stage.max_response
        for name, benchmark in evaluations.benchmarks.items():
            lengths.require_room(
                f"stages.{planned.record.name}.evaluate_on: {name}",
                plan.problems[benchmark.problems],
                plan.model,
                room=room,
                max_response=benchmark.max_response,
                format=format_of(plan),
                trusted=trusted,
            )
