"""What all sources of problems share: the record, and what a specification is."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True)
class Problem:
    """A row of a problems file. `answer` is what the verifier needs, not necessarily a model answer."""

    id: str
    prompt: str
    answer: str
    verifier: str
    """a name of passk.verifiers"""
    split: str
    """train or test, decided by the problem itself"""
    difficulty: str
    demonstration: str
    """a right response, for supervised fine-tuning; empty where the source has none"""
    metadata: dict[str, Any]
    content: str = ""
    """16 hex characters of a hash of what is asked and how it is judged (`content_hash`)"""


def content_hash(problem: Problem) -> str:
    """Of the prompt, the answer, the verifier and the demonstration: what training and evaluation see of it."""
    return _hash([problem.prompt, problem.answer, problem.verifier, problem.demonstration])


def set_hash(problems: Iterable[Problem]) -> str:
    """Of the problems in their order, ids and split with them: two sets with the same one are the same."""
    return _hash([[problem.id, problem.split, problem.content] for problem in problems])


class Spec(BaseModel):
    """What a person writes of a set of problems. The source is named by `source`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    templates: ClassVar[Mapping[str, str]]
    """how a prompt can be worded: name -> text, in which `slot` stands for the problem"""
    slot: ClassVar[str] = "{problem}"
    judged_by: ClassVar[str]
    """the verifier, in words where the specification chooses it"""
    about: ClassVar[str]
    """one line for `passk problems list`"""

    source: str
    split: Literal["train", "test"] = Field(description="problems for training or for benchmarks")

    def wording(self) -> str:
        """The template's text."""
        raise NotImplementedError

    def files(self) -> list[Path]:
        """What decides the problems beside the specification: files of the user's own. Raises ConfigError."""
        return []


def bare(spec: Spec, prompt: str) -> str:
    """The problem without its template's words."""
    before, _, after = spec.wording().partition(spec.slot)
    return prompt.removeprefix(before).removesuffix(after)


def _hash(content: Any) -> str:
    # a lone surrogate has no UTF-8: ASCII spells it
    return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()[:16]
