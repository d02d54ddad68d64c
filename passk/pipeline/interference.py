"""The interference of a finished stage: policy gradients by difficulty, from a model of it and the rollouts before."""

import json
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passk import problems
from passk.base.errors import ConfigError, nearest
from passk.experiment.plan import Plan
from passk.experiment.planned import PlannedStage
from passk.experiment.stage import RlStage
from passk.files import layout
from passk.files.layout import export_of, exported_steps, kept_model, kept_steps
from passk.models import remote_code
from passk.models.tiny import load_tokenizer
from passk.pipeline.evaluation_request import format_of

if TYPE_CHECKING:
    from passk.models.interference import Response

REWARD, TRAINED = "reward", "trained"
"""Gradients: of pass@1, weighted by the reward less its mean in the group; and of what the stage trained on, weighted
by its advantages."""


@dataclass(frozen=True)
class Product:
    """Inner product of the gradients of two difficulties."""

    of: str
    """Difficulty whose pass@1 it concerns."""
    by: str
    """Difficulty of the other gradient."""
    gradient: str
    """REWARD or TRAINED: the kind of the other gradient."""
    inner: float
    cosine: float


@dataclass(frozen=True)
class Interference:
    """Result of the probe."""

    products: list[Product]
    problems: dict[str, int]
    """Number of problems of each difficulty."""
    steps: list[int]
    """Steps whose rollouts were read."""


def measured(plan: Plan, name: str, last_steps: int, step: int | None = None) -> Interference:
    """Return the interference of a stage. Raise ConfigError for a stage without the model or without rollouts.

    last_steps: steps whose rollouts count, the last of them before the model. step: that of the model (default: the
    stage's last one).
    """
    from transformers import AutoModelForCausalLM

    from passk.models.interference import gradients, products

    planned, stage = _finished(plan, name)
    step = planned.steps if step is None else step
    model_path = _model(planned, step)
    rows, steps = _rollouts(planned, last_steps, step)
    trusted = plan.experiment.model.trust_remote_code
    remote_code.check(model_path, trusted=trusted)
    responses, counts = _responses(plan, planned, rows, load_tokenizer(model_path, trusted=trusted), stage.stop)
    model = AutoModelForCausalLM.from_pretrained(model_path, dtype="float32", trust_remote_code=trusted).eval()
    by_difficulty = gradients(model, responses, stage.temperature)
    names = [each for each in sorted(counts) if each in by_difficulty]
    pairs = [
        Product(of, by, kind, *products(by_difficulty[of][0], by_difficulty[by][row]))
        for row, kind in enumerate((REWARD, TRAINED))
        for of in names
        for by in names
    ]
    return Interference(pairs, dict(counts), steps)


def _finished(plan: Plan, name: str) -> tuple[PlannedStage, RlStage]:
    stages = {planned.record.name: planned for planned in plan.stages}
    if name not in stages:
        raise ConfigError("stage", f"{name!r} does not exist", nearest(name, stages))
    planned = stages[name]
    if not isinstance(planned.stage, RlStage):
        raise ConfigError("stage", f"{name} is an sft stage, which has no rollouts", "name an rl stage")
    if not planned.finished:
        raise ConfigError("stage", f"{name} is not finished", "run the experiment first")
    return planned, planned.stage


def _model(planned: PlannedStage, step: int) -> Path:
    """Return the directory of the model of a step. Raise ConfigError if the stage did not keep it."""
    directory = planned.directory
    models = {each: kept_model(directory, each) for each in kept_steps(directory)}
    models |= {each: export_of(directory, each) for each in exported_steps(directory)}
    models[planned.steps] = layout.model(directory)
    if step not in models:
        known = ", ".join(map(str, sorted(models)))
        raise ConfigError("step", f"{planned.record.name} has no model of step {step}", f"name one of {known}")
    return models[step]


def _rollouts(planned: PlannedStage, last_steps: int, step: int) -> tuple[list[dict[str, Any]], list[int]]:
    """Return the rollouts of the last steps up to a step, and these steps."""
    import pyarrow.parquet

    steps = layout.rollout_files(planned.directory)
    files = [file for file, number in steps.items() if number is not None and number <= step][-last_steps:]
    if not files:
        raise ConfigError("stage", f"{planned.record.name} has no rollouts", "run the experiment again")
    columns = ["step", "problem", "response", "reward", "advantage", "truncated"]
    rows = [row for file in files for row in pyarrow.parquet.read_table(file, columns=columns).to_pylist()]
    return rows, sorted({row["step"] for row in rows})


def _responses(
    plan: Plan, planned: PlannedStage, rows: list[dict[str, Any]], tokenizer: Any, stop: tuple[str, ...]
) -> "tuple[list[Response], Counter[str]]":
    """Return the responses with their weights, and the number of groups of each difficulty.

    stop: texts that end a response, in place of the end token.
    """
    from passk.models.interference import Response

    known = {row["id"]: row for row in problems.load(_problems(plan, planned)).to_list()}
    format = format_of(plan)
    groups = [list(each) for _, each in groupby(rows, key=lambda row: (row["step"], row["problem"]))]
    counts = Counter(str(known[group[0]["problem"]]["difficulty"]) for group in groups)
    responses = []
    for group in groups:
        problem = known[group[0]["problem"]]
        [prompt] = format.prompts(tokenizer, [problem["prompt"]])
        difficulty, mean = str(problem["difficulty"]), sum(row["reward"] for row in group) / len(group)
        scale = 1 / (len(group) * counts[difficulty])
        for row in group:
            stopped = row["truncated"] or any(each in row["response"] for each in stop)
            text = row["response"] + ("" if stopped else tokenizer.eos_token)
            weights = ((row["reward"] - mean) * scale, row["advantage"] * scale)
            responses.append(Response(difficulty, _tokens(tokenizer, prompt), _tokens(tokenizer, text), weights))
    return responses, counts


def _problems(plan: Plan, planned: PlannedStage) -> Path:
    file = plan.training_problems(planned)
    if not file.exists():
        raise ConfigError("stage", f"the problems of {planned.record.name} are missing", "run the experiment again")
    return file


def _tokens(tokenizer: Any, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def as_json(interference: Interference) -> str:
    """Return the result as JSON."""
    products = [vars(each) for each in interference.products]
    return json.dumps({"steps": interference.steps, "problems": interference.problems, "products": products}, indent=1)
