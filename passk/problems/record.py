"""The record and the base class of specifications that all problem sources share."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True)
class Problem:
    """A row of a file of problems. `answer` is the verifier's input, not necessarily a correct response."""

    id: str
    prompt: str
    answer: str
    verifier: str
    """Name of a verifier in passk.verifiers."""
    split: str
    """Split of the problem, train or test."""
    difficulty: str
    """Label by which reports group problems."""
    demonstration: str
    """A correct response for supervised fine-tuning; empty if the source has none."""
    metadata: dict[str, Any]
    content: str = ""
    """16 hex characters of the hash of the fields that training and evaluation use (`content_hash`)."""


def content_hash(problem: Problem) -> str:
    """Return the hash of the prompt, the answer, the verifier and the demonstration."""
    return _hash([problem.prompt, problem.answer, problem.verifier, problem.demonstration])


def set_hash(problems: Iterable[Problem]) -> str:
    """Return the hash of the problems in order, with ids and splits; equal hashes mean equal sets."""
    return _hash([[problem.id, problem.split, problem.content] for problem in problems])


class Spec(BaseModel):
    """A problem set in an experiment file. The field `source` names its source."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    templates: ClassVar[Mapping[str, str]]
    """Prompt templates by name; the problem replaces `slot` in the text."""
    slot: ClassVar[str] = "{problem}"
    judged_by: ClassVar[str]
    """The verifier, or a description if the specification names it."""
    about: ClassVar[str]
    """Description for `passk problems list`."""
    example: ClassVar[str] = ""
    """Explanation by an example, for `passk problems show`."""

    source: str
    split: Literal["train", "test"] = Field(description="problems for training or for benchmarks")

    def wording(self) -> str:
        """Return the template's text."""
        raise NotImplementedError

    def files(self) -> list[Path]:
        """Return the user's files that decide the problems in addition to the specification. Raise ConfigError."""
        return []


def bare(spec: Spec, prompt: str) -> str:
    """Return the problem of a prompt, without the text of the template."""
    before, _, after = spec.wording().partition(spec.slot)
    return prompt.removeprefix(before).removesuffix(after)


def _hash(content: Any) -> str:
    # ASCII escapes a lone surrogate, which has no UTF-8
    return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()[:16]
