"""The problems of stages, once the sets of an experiment are made: demonstrations and mixed sets."""

from passk.experiment.plan import Plan
from passk.experiment.stage import SftStage
from passk.problems import mixture, preparation


def prepare(plan: Plan) -> None:
    """Check what stages need of their problems, and write the union of the sets that a stage mixes."""
    for planned in plan.stages:
        stage, name = planned.stage, planned.record.name
        field = f"stages.{name}.{'mix' if stage.mix else 'problems'}"
        files = {problem_set: plan.problems[problem_set] for problem_set in stage.weights}
        if isinstance(stage, SftStage):
            for problem_set, file in files.items():
                preparation.require_demonstrations(field, problem_set, file)
        if stage.mix and not plan.training_problems(planned).exists():
            mixture.write(field, files, plan.training_problems(planned))
