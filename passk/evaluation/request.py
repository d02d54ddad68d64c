"""What one evaluation is asked for: written by passk/pipeline/stages.py, read by the process that samples."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from passk.files.layout import EvaluationRecord, write_json

PIECE_SAMPLES = 256
"""that a deterministic evaluation makes as one batch"""


@dataclass(frozen=True)
class Request:
    """One checkpoint on one benchmark."""

    record: dict[str, Any]
    """EvaluationRecord"""
    model: str
    problems: str
    directory: str
    engine: dict[str, Any]
    """keyword arguments of vllm.LLM"""
    chat: bool
    """word the prompt by the model's chat template"""
    deterministic: bool = False
    """in batches that are the same whatever was stopped before, not as one stream"""
    opens_thinking: bool = False
    """Whether the prompts end with <think>."""

    @property
    def evaluation(self) -> EvaluationRecord:
        return EvaluationRecord(**self.record)

    @property
    def samples(self) -> int:
        """a problem"""
        return self.record["config"]["samples"]

    @property
    def piece(self) -> int | None:
        """Problems of a batch, where it is deterministic."""
        return max(1, PIECE_SAMPLES // self.samples) if self.deterministic else None

    @property
    def shape(self) -> str:
        """What two models must share to be served by one engine, weights apart."""
        directory = Path(self.model)
        config = json.loads((directory / "config.json").read_text()) if directory.is_dir() else self.model
        return json.dumps([config, self.engine], sort_keys=True)


@dataclass(frozen=True)
class Work:
    """All that one process samples."""

    requests: list[Request]
    engines: int
    gpus: int
    """of each engine"""
    on_ray: bool
    """as actors of the Ray cluster that the process joins; else the one engine is in the process itself"""

    def write(self, file: Path) -> None:
        write_json(file, self)

    @classmethod
    def read(cls, file: Path) -> Self:
        content = json.loads(file.read_text())
        return cls(**{**content, "requests": [Request(**entry) for entry in content["requests"]]})


def problem_seed(problem: str, seed: int) -> int:
    """The seed of a problem's request; its samples take it and the numbers after it.

    From the problem itself, so that the answers do not depend on which problems are sampled beside it.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{problem}".encode()).digest()[:4]) >> 1
