"""Check the prepared problems against the stages and the benchmarks that use them, before anything is trained."""

from passk.experiment.plan import Plan
from passk.experiment.stage import RlStage, SftStage
from passk.files import layout
from passk.openrlhf import difficulty, lengths, lora_targets, train_data
from passk.pipeline import evaluation_length, training_problems
from passk.pipeline.checkpoint_ranks import require_same_partition
from passk.pipeline.evaluation_request import format_of
from passk.pipeline.held_out_request import problem_sets, require_room


def check(plan: Plan) -> None:
    """Raise ConfigError for the first problem that does not fit its use. Finished and begun work is not checked."""
    unstarted: dict[str, SftStage | RlStage] = {}
    for planned in plan.stages:
        if not training_problems.are_made(plan, planned):
            continue  # of rollouts; they are checked when they are made
        name, stage = planned.record.name, planned.stage
        until = stage.until if isinstance(stage, RlStage) else None
        if until and until.difficulty and not planned.finished:
            difficulty.require(f"stages.{name}.until.difficulty", until.difficulty, plan.training_problems(planned))
        if not planned.finished and not layout.data(planned.directory).exists():
            unstarted[name] = stage
    if plan.experiment.engine:
        return  # the endpoint has the model and its template
    require_same_partition(plan)
    format, model = format_of(plan), plan.experiment.model
    lengths.require_fit(
        unstarted, plan.problems, plan.model, format=format, tiny=model.tiny, trusted=model.trust_remote_code
    )
    lora_targets.require_known(unstarted, plan.model, trusted=model.trust_remote_code)
    require_room(plan)
    evaluation_length.require_fit(plan)
    judged = {name for stage in unstarted.values() if isinstance(stage, RlStage) for name in stage.weights}
    judged |= {planned.benchmark.problems for planned in plan.evaluations if not planned.finished}
    judged |= problem_sets(plan)
    files = {name: file for name, file in plan.problems.items() if name in judged}
    train_data.require_opened_thinking(
        model.opens_thinking, files, plan.model, format=format, trusted=model.trust_remote_code
    )
