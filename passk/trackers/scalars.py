"""What of a line of metrics.jsonl is a number to draw, and what of a stage's record is a parameter."""

import re
from typing import Any

from passk.files.layout import StageRecord


def scalars(line: dict[str, Any]) -> dict[str, float]:
    """Name -> value: `train/reward`, `train/pass_at_k/4`. Texts, lists and what is null are left out."""
    return {f"train/{name}": float(value) for name, value in _flat(line).items() if _is_number(name, value)}


def parameters(record: StageRecord) -> dict[str, Any]:
    """The stage's own configuration, and what else decides its result. Nested as it is."""
    return {
        **record.config,
        "seed": record.seed,
        "problems_fingerprint": record.problems,
        "key": record.key,
        "experiment": record.experiment,
        "versions": record.versions,
    }


def texts(content: dict[str, Any]) -> dict[str, str]:
    """Nested parameters as one level of text, what is null left out: {"versions/vllm": "0.29.0"}."""
    return {name: str(value) for name, value in _flat(content).items() if value is not None}


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    flat = {}
    for name, value in content.items():
        # MLflow takes no other letters; a verifier's reasons are anybody's.
        own = re.sub(r"[^\w.\- ]", "_", name)
        if isinstance(value, dict):
            flat |= {f"{own}/{inner}": deep for inner, deep in _flat(value).items()}
        else:
            flat[own] = value
    return flat


def _is_number(name: str, value: Any) -> bool:
    return name not in ("step", "time") and isinstance(value, int | float)
