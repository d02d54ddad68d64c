"""Extract numbers from a line of metrics.jsonl, and parameters from a stage's record."""

import re
from typing import Any

from passk.files.layout import StageRecord


def scalars(line: dict[str, Any]) -> dict[str, float]:
    """Return the numbers by name: `train/reward`, `train/pass_at_k/4`. Texts, lists and null are left out.

    A line of evaluations.jsonl has those of `evaluation_scalars`.
    """
    if is_evaluation(line):
        return evaluation_scalars(line)
    return {f"train/{name}": float(value) for name, value in _flat(line).items() if _is_number(name, value)}


def is_evaluation(line: dict[str, Any]) -> bool:
    """Return whether a line is of evaluations.jsonl, not of metrics.jsonl."""
    return "benchmark" in line


def evaluation_scalars(line: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of a line of evaluations.jsonl by name: `held_out/easy/pass_at_k/4`."""
    curves = {name: line.get(name, {}) for name in ("pass_at_k", "maj_at_k")}  # an earlier passk wrote no maj@k
    values = {f"{name}/{k}": each["value"] for name, curve in curves.items() for k, each in curve.items()}
    values |= {name: line[name] for name in ("length", "truncated", "seconds")}
    return {f"held_out/{line['benchmark']}/{name}": float(value) for name, value in values.items()}


def parameters(record: StageRecord) -> dict[str, Any]:
    """Return the stage's configuration and everything else that decides its result, nested."""
    return {
        **record.config,
        "seed": record.seed,
        "problems_fingerprint": record.problems,
        "key": record.key,
        "experiment": record.experiment,
        "versions": record.versions,
    }


def texts(content: dict[str, Any]) -> dict[str, str]:
    """Return nested parameters as one level of text, without null: {"versions/vllm": "0.29.0"}."""
    return {name: str(value) for name, value in _flat(content).items() if value is not None}


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    flat = {}
    for name, value in content.items():
        # MLflow accepts no other letters, and a verifier's reasons are arbitrary.
        key = re.sub(r"[^\w.\- ]", "_", name)
        if isinstance(value, dict):
            flat |= {f"{key}/{inner}": deep for inner, deep in _flat(value).items()}
        else:
            flat[key] = value
    return flat


def _is_number(name: str, value: Any) -> bool:
    return name not in ("step", "time") and isinstance(value, int | float)
