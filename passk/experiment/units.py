"""Units of the numbers in an experiment file, for docs/configuration*.md and `passk schema`."""

from typing import Any

NONE = "none"
"""A number without a dimension."""
_FIELDS = {
    "cells": "width",
    "checkpoints": "keep_checkpoints evaluate_last",
    "currency per million tokens": "input output",
    "cycles": "cycles",
    "demonstrations": "batch_size",
    "engines": "engines",
    "evaluations": "evaluations",
    "GiB": "kv_cache_gib",
    "GPUs": "gpus_per_node tensor_parallel",
    "moves": "path_length ShortcutProblems.steps",
    "nats": "bound Sage.threshold",
    "nodes": "nodes",
    "problems": "size",
    "prompts": "prompts_per_step mini_batch_prompts",
    "requests": "concurrency",
    "responses": "responses_per_request",
    "retries": "retries",
    "rollouts": "rollouts_per_prompt RlStage.k",
    "rounds": "max_rounds",
    "samples": "samples evaluate_samples k",
    "seconds": "timeout_s stall_timeout_s",
    "sequences": "micro_batch",
    "share": "above below computed easy_fraction ema false_positive_rate high hint_correct low max_failed "
    "memory_utilization partial pass_rate quantile random_move_prob random_share SimKO.alpha step_noise top_p value "
    "walls",
    "stages": "max_parallel_stages",
    "steps": "cycle_steps evaluate_every export_every last_steps save_every steps warmup window",
    "threads": "threads",
    "tokens": "buffer max_length max_prompt max_response max_tokens_per_gpu ResRL.tokens",
    NONE: "alpha betas bounds candidates clip coef correct decay dual_clip entropy_coef feed_forward heads hidden_size "
    "layers least lr max_norm orders penalty push random_spread rank ratio seed states temperature threshold "
    "token_shift token_spread weight weight_decay zero_stage",
}
"""Unit -> its fields. Model.field stands for the field of one model alone."""
_UNITS = {field: unit for unit, fields in _FIELDS.items() for field in fields.split()}


def with_units(schema: dict[str, Any]) -> dict[str, Any]:
    """Add `unit` to every number of a model's JSON schema. Raise KeyError for a number that has none here."""
    for title, model in {schema["title"]: schema, **schema.get("$defs", {})}.items():
        for name, field in model.get("properties", {}).items():
            if is_number(field):
                field["unit"] = _UNITS[name if f"{title}.{name}" not in _UNITS else f"{title}.{name}"]
    return schema


def is_number(field: dict[str, Any]) -> bool:
    """Return whether a field of a JSON schema takes a number, a list of numbers, or either of other values."""
    choices = [*field.get("anyOf", ()), *field.get("prefixItems", ())]
    items = field.get("items")
    return field.get("type") in ("integer", "number") or any(
        map(is_number, [*choices, *([items] if isinstance(items, dict) else [])])
    )
