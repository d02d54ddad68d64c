"""The request of an evaluation: passk/pipeline/stages.py writes it, and the process that samples reads it."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from passk.files.layout import EvaluationRecord, write_json

PIECE_SAMPLES = 256
"""Samples of a batch in a deterministic evaluation."""
SHAPELESS = ("use_cache", "transformers_version", "_name_or_path")
"""Fields of config.json that vLLM's engine does not read. A trained model differs in them from its base."""


@dataclass(frozen=True)
class Request:
    """One checkpoint on one benchmark."""

    record: dict[str, Any]
    """The fields of an EvaluationRecord."""
    model: str
    problems: str
    directory: str
    engine: dict[str, Any]
    """Keyword arguments of vllm.LLM, or the fields of passk/experiment/engine.py for an endpoint."""
    format: dict[str, Any] = field(default_factory=dict)
    """How the model sees prompts: the fields of a PromptFormat. An endpoint has its own."""
    deterministic: bool = False
    """Whether to sample in fixed batches, which do not depend on interruptions, instead of one stream."""
    opens_thinking: bool = False
    """Whether the prompts end with <think>."""

    @property
    def evaluation(self) -> EvaluationRecord:
        """The record of the evaluation."""
        return EvaluationRecord(**self.record)

    @property
    def samples(self) -> int:
        """Samples per problem."""
        return self.record["config"]["samples"]

    @property
    def piece(self) -> int | None:
        """Problems of a batch in a deterministic evaluation, otherwise None."""
        return max(1, PIECE_SAMPLES // self.samples) if self.deterministic else None

    @property
    def shape(self) -> str:
        """Text that is equal for models whose weights one engine can load one after the other."""
        model: str | dict[str, Any] = self.model
        if (directory := Path(self.model)).is_dir():
            config = json.loads((directory / "config.json").read_text())
            model = {name: value for name, value in config.items() if name not in SHAPELESS}
        return json.dumps([model, self.engine], sort_keys=True)


@dataclass(frozen=True)
class Work:
    """All requests of one process."""

    requests: list[Request]
    engines: int
    gpus: int
    """GPUs of each engine."""
    on_ray: bool
    """Whether the engines are actors of a Ray cluster; otherwise the process has the only engine."""

    def write(self, file: Path) -> None:
        """Write the requests as JSON."""
        write_json(file, self)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return the requests in a file."""
        content = json.loads(file.read_text())
        return cls(**{**content, "requests": [Request(**entry) for entry in content["requests"]]})


def problem_seed(problem: str, seed: int) -> int:
    """Return the seed of a problem's request; its samples use it and the numbers after it.

    It depends only on the problem's id and the seed, so the samples do not depend on the other problems.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{problem}".encode()).digest()[:4]) >> 1
