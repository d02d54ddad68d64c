"""The problems of stages, once the sets of an experiment are made: demonstrations and mixed sets."""

from passk import methods
from passk.experiment.plan import Plan
from passk.experiment.planned import PlannedStage
from passk.experiment.stage import SftStage
from passk.problems import mixture, preparation


def prepare(plan: Plan) -> None:
    """Check what stages need of their problems, and write the union of the sets that a stage mixes.

    A set that an earlier stage still has to make is left to `of_stage`.
    """
    for planned in plan.stages:
        if are_made(plan, planned):
            of_stage(plan, planned)


def are_made(plan: Plan, planned: PlannedStage) -> bool:
    """Return whether the files of all sets of a stage exist."""
    return all(plan.problems[name].exists() for name in planned.stage.weights)


def of_stage(plan: Plan, planned: PlannedStage) -> None:
    """Check what a stage needs of its problems, and write the union of the sets that it mixes."""
    stage, name = planned.stage, planned.record.name
    field = f"stages.{name}.{'mix' if stage.mix else 'problems'}"
    files = {problem_set: plan.problems[problem_set] for problem_set in stage.weights}
    for problem_set, file in files.items():
        if isinstance(stage, SftStage):
            preparation.require_demonstrations(field, problem_set, file, user="sft")
        elif stage.method and methods.get(stage.method["name"]).needs_demonstrations:
            preparation.require_demonstrations(field, problem_set, file, user=stage.method["name"])
    if stage.mix and not plan.training_problems(planned).exists():
        mixture.write(field, files, plan.training_problems(planned))
