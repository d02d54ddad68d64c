"""The model card of a trained model: README.md beside its weights, in the form of the Hugging Face hub.

It is written when the stage ends, and again when its evaluations are finished. It is no part of the result: the key and
the weights of a model do not depend on it.
"""

import json
from pathlib import Path
from typing import Any

from passk.base.errors import PasskError
from passk.evaluation.table import correct_counts
from passk.experiment.plan import Plan
from passk.experiment.planned import PlannedEvaluation, PlannedStage
from passk.experiment.stage import RlStage, SftStage
from passk.files import layout
from passk.files.durable import write_text
from passk.files.layout import export_of, exported_steps, kept_model, kept_steps
from passk.files.metrics_log import read_metrics
from passk.openrlhf.held_out import figures

NAME = "README.md"
UNKNOWN = "not known; see the base model"


def write(plan: Plan, planned: PlannedStage) -> None:
    """Write the cards of the models of a finished stage."""
    models = {layout.model(planned.directory): planned.steps}
    models |= {export_of(planned.directory, step): step for step in exported_steps(planned.directory)}
    models |= {kept_model(planned.directory, step): step for step in kept_steps(planned.directory)}
    for model, step in models.items():
        write_text(model / NAME, card(plan, planned, model, step))


def write_all(plan: Plan) -> None:
    """Write the cards of all finished stages of this experiment, with their finished evaluations."""
    for planned in plan.stages:
        if planned.finished and planned.directory == planned.own_directory:
            write(plan, planned)


def card(plan: Plan, planned: PlannedStage, model: Path, step: int) -> str:
    """Return the card of the model in a directory, that of a step of a stage, as Markdown."""
    experiment, record = plan.experiment, planned.record
    licence = licence_of(plan.model) if experiment.model.path else None
    head: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["passk", "openrlhf"],
    }
    if experiment.model.path and not Path(plan.model).is_dir():
        head["base_model"] = experiment.model.path
    if licence:
        head["license"] = licence
    base = "a tiny Qwen2 with random weights" if experiment.model.tiny else str(experiment.model.path)
    facts = [
        ("question", experiment.question),
        ("base model", base),
        ("licence of the base model", licence or ("none" if experiment.model.tiny else UNKNOWN)),
        ("step", f"{step} of {planned.stage.steps}"),
        ("seed", str(record.seed)),
        ("command", f"`{_command(plan)}`"),
        ("key of the stage", f"`{record.key}`"),
        ("versions", ", ".join(f"{name} {version}" for name, version in sorted(record.versions.items()))),
    ]
    front = "\n".join(f"{name}: {json.dumps(value)}" for name, value in sorted(head.items()))
    parts = [
        f"---\n{front}\n---",
        f"# {record.name} of {experiment.name}",
        "passk trained this model with OpenRLHF.",
        _table(("", ""), facts),
        "## Training",
        _table(
            ("stage", "kind", "advantage", "k", "steps", "learning rate", "problems"),
            [_stage(each) for each in reversed(planned.lineage)],
        ),
        "## Data",
        _table(("problems", "source", "fingerprint"), _data(plan, planned)),
        "## Results",
        _results(plan, planned, model, step),
    ]
    return "\n\n".join(parts) + "\n"


def licence_of(model: Path | str) -> str | None:
    """Return the licence in a model's own card, from its directory or the cache of the hub; None if it is not known."""
    from huggingface_hub import ModelCard, try_to_load_from_cache
    from yaml import YAMLError

    directory = Path(model)
    file: Any = directory / NAME if directory.is_dir() else try_to_load_from_cache(str(model), NAME)
    if not isinstance(file, str | Path) or not Path(file).is_file():
        return None
    try:
        licence = ModelCard.load(str(file), ignore_metadata_errors=True).data.license
    except (ValueError, OSError, YAMLError):
        return None
    return licence if isinstance(licence, str) and licence.isprintable() else None


def _command(plan: Plan) -> str:
    try:
        return str(json.loads(layout.experiment_record(plan.directory).read_text())["command"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return f"passk run {plan.experiment.name}.yaml"


def _stage(planned: PlannedStage) -> tuple[str, ...]:
    stage: SftStage | RlStage = planned.stage
    rl = isinstance(stage, RlStage)
    estimator, k = (stage.advantage.label, stage.k.label) if isinstance(stage, RlStage) else ("", "")
    problems = ", ".join(f"{name} ({weight:g})" if stage.mix else name for name, weight in stage.weights.items())
    return planned.record.name, "rl" if rl else "sft", estimator, k, str(planned.steps), f"{stage.lr:g}", problems


def _data(plan: Plan, planned: PlannedStage) -> list[tuple[str, ...]]:
    names = dict.fromkeys(name for each in planned.lineage for name in each.stage.weights)
    return [(name, plan.experiment.problems[name].source, f"`{plan.problems[name].stem}`") for name in names]


def _results(plan: Plan, planned: PlannedStage, model: Path, step: int) -> str:
    rows: list[tuple[str, ...]] = []
    for evaluation in plan.evaluations:
        if evaluation.exists and evaluation.model == model and evaluation.finished:
            rows += _evaluated(evaluation)
    averages = isinstance(planned.stage, RlStage) and planned.stage.ema
    when = f"during the training{', of the weights and not of their average' if averages else ''}"
    for line in read_metrics(layout.training_evaluations(planned.directory)):
        if line["step"] == step:
            benchmark = f"{line['benchmark']} ({when})"
            rows += [_row(benchmark, line["samples"], k, each) for k, each in line["pass_at_k"].items()]
    if not rows:
        return "No benchmark is evaluated yet."
    about = "Unbiased pass@k, mean over problems, with 95 % intervals over problems. There is one training run."
    return f"{_table(('benchmark', 'samples', 'metric', 'value', 'interval'), rows)}\n\n{about}"


def _evaluated(evaluation: PlannedEvaluation) -> list[tuple[str, ...]]:
    """Return the rows of a finished evaluation; none if its samples are damaged, which the ingest names."""
    config = evaluation.benchmark
    try:
        each = figures(config.samples, correct_counts(layout.samples(evaluation.directory)), config.k)
    except PasskError:
        return []
    return [_row(evaluation.record.benchmark, config.samples, k, figure) for k, figure in each.items()]


def _row(benchmark: str, samples: int, k: str, figure: dict[str, float]) -> tuple[str, ...]:
    interval = f"{figure['lower']:.3f} to {figure['upper']:.3f}"
    return benchmark, str(samples), f"pass@{k}", f"{figure['value']:.3f}", interval


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]] | list[tuple[str, str]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |" for row in lines
    )
