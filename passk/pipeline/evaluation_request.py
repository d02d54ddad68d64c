"""The request of an evaluation, which the process that samples reads (passk/evaluation/request.py)."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from passk.evaluation.request import Request, Work
from passk.experiment.compute import Compute
from passk.experiment.plan import Plan, PlannedEvaluation
from passk.models import prompt_format, remote_code
from passk.models.prompt_format import PromptFormat
from passk.models.prompt_record import prompt_record
from passk.pipeline.evaluation_length import longest_sequence


def format_of(plan: Plan) -> PromptFormat:
    """Return how the plan's model sees prompts. An endpoint has its own template.

    Raise ConfigError if a field needs a chat template and the model has none.
    """
    if plan.experiment.engine:
        return PromptFormat(system_prompt=plan.experiment.model.system_prompt)
    return prompt_format.of(plan.experiment.model, plan.model)


def all_requests(plan: Plan, remaining: Sequence[PlannedEvaluation]) -> Work:
    """Return the requests of the remaining evaluations, and how many engines sample them.

    Raise PasskError for a model whose code is not trusted.
    """
    compute, endpoint = plan.experiment.compute, plan.experiment.engine
    # On a CPU, engines are processes; use no more of them than the trainer has.
    gpus = plan.experiment.gpus if compute.profile == "gpu" else compute.gpus(rollouts=False)
    engines = 1 if endpoint else gpus // compute.tensor_parallel or 1
    on_ray = not endpoint and (engines > 1 or "RAY_ADDRESS" in os.environ)
    return Work([request(plan, planned) for planned in remaining], engines, compute.tensor_parallel, on_ray)


def request(plan: Plan, planned: PlannedEvaluation) -> Request:
    """Return the request of an evaluation. Raise PasskError for a model whose code is not trusted."""
    compute, tiny = plan.experiment.compute, plan.experiment.model.tiny
    trusted, format = plan.experiment.model.trust_remote_code, format_of(plan)
    record = asdict(planned.record) | {"step": planned.step}
    if plan.experiment.engine:
        engine = plan.experiment.engine.model_dump(mode="json", exclude={"price"})
    else:
        remote_code.check(planned.model, trusted=trusted)
        engine = engine_settings(compute, seed=plan.experiment.seed) | {"trust_remote_code": trusted}
        engine["max_model_len"] = tiny.max_length if tiny else longest_sequence(plan)
        record |= {"prompt_format": prompt_record(str(plan.model), format, trusted=trusted)}
    return Request(
        record=record,
        model=str(planned.model),
        problems=str(plan.problems[planned.benchmark.problems]),
        directory=str(planned.directory),
        engine=engine,
        format=format.model_dump(exclude_defaults=True),
        deterministic=compute.deterministic,
        opens_thinking=plan.experiment.model.opens_thinking,
    )


def engine_settings(compute: Compute, *, seed: int) -> dict[str, Any]:
    """Keyword arguments of vllm.LLM."""
    engine: dict[str, Any] = {
        "seed": seed,
        "dtype": "bfloat16",
        "enable_prefix_caching": True,
        "tensor_parallel_size": compute.tensor_parallel,
        "gpu_memory_utilization": compute.memory_utilization,
        "disable_log_stats": True,
    }
    if compute.profile == "cpu":
        engine["enforce_eager"] = True
        # With chunked prefill, vLLM rewinds the generator of a seeded request, which a CPU generator cannot do.
        engine["enable_chunked_prefill"] = False
    if compute.tensor_parallel > 1:
        # The GPUs of an engine are in one node, and its Ray actor has requested them already.
        engine["distributed_executor_backend"] = "mp"
    return engine
