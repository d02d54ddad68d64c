"""Make the sets of problems that consist of a finished stage's rollouts, when a stage is about to train on them."""

import logging
import random

from passk import problems
from passk.base.errors import under
from passk.experiment import rollout_sets
from passk.experiment.plan import Plan
from passk.experiment.planned import PlannedStage
from passk.files import layout
from passk.openrlhf import lengths
from passk.pipeline import training_problems
from passk.pipeline.evaluation_request import format_of
from passk.problems import preparation, rollouts

log = logging.getLogger(__name__)


def prepare(plan: Plan, planned: PlannedStage) -> None:
    """Write the stage's sets that are missing, and check them as the run checks other sets at its start.

    Raise ConfigError if a set has no problem, or if a prompt is longer than the stage takes.
    """
    specs = rollout_sets.of_stage(plan.experiment, planned.stage)
    if not specs:
        return
    for name, spec in specs.items():
        file = plan.problems[name]
        if not file.exists():
            source = next(each for each in planned.lineage[1:] if each.record.name == spec.stage)
            rows = preparation.loaded(plan.training_problems(source))
            files = list(layout.rollout_files(source.directory))
            with under(f"problems.{name}"):
                problem_set = rollouts.of_stage(spec, rows, files, random.Random(file.stem))
            problems.save(problem_set, file)
            log.info("problems %s: %d to %s, from the rollouts of %s", name, len(problem_set), spec.make, spec.stage)
    training_problems.of_stage(plan, planned)
    model = plan.experiment.model
    lengths.require_fit(
        {planned.record.name: planned.stage},
        plan.problems,
        plan.model,
        format=format_of(plan),
        tiny=model.tiny,
        trusted=model.trust_remote_code,
    )
