r"""Sources whose problems are texts: a template words the prompt, and a part of the problems can be taken."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import Field

from passk.base.errors import ConfigError, nearest
from passk.problems.record import Problem, Spec
from passk.verifiers.extract import final

MATHEMATICS = {
    "boxed": "{problem}\n\nThink step by step, then give your final answer inside \\boxed{}.",
    # word for word what the cards of Qwen2.5-Math and DeepSeek-R1 ask for
    "qwen": "{problem}\nPlease reason step by step, and put your final answer within \\boxed{}.",
    "plain": "{problem}",
}


class Worded(Spec):
    """Of a source whose problems are texts."""

    templates: ClassVar[Mapping[str, str]] = MATHEMATICS

    template: str = Field(
        "boxed", min_length=1, description="one of the templates below, or a text of your own that holds {problem}"
    )
    size: int | None = Field(None, ge=1, lt=10**9, description="that many, drawn at random; all, where it is left out")
    unreadable: Literal["refuse", "leave_out"] = Field(
        "refuse", description="what becomes of problems whose gold answer the verifier cannot read"
    )

    def wording(self) -> str:
        return self.templates.get(self.template, self.template)


@dataclass(frozen=True)
class Item:
    """A problem as its source has it."""

    id: str
    problem: str
    answer: str
    difficulty: str = "unrated"
    demonstration: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


def check(spec: Worded) -> None:
    """Raise ConfigError for a template that is neither there nor one."""
    if spec.template not in spec.templates and spec.template.count(spec.slot) != 1:
        known = nearest(spec.template, spec.templates) if len(spec.template) < 40 else ""
        raise ConfigError(f"template: {spec.template!r} is no template, nor a text that holds {spec.slot} once{known}")


def problems(spec: Worded, items: Iterable[Item], rng: random.Random, *, verifier: str) -> list[Problem]:
    """The problems of a source's items, in its order. Raises ConfigError where `count` asks for more than there are."""
    found = list(items)
    if spec.size is not None:
        if spec.size > len(found):
            raise ConfigError(f"size: {spec.size} problems asked for, the source has {len(found)}; lower size")
        found = [found[row] for row in sorted(rng.sample(range(len(found)), spec.size))]
    wording = spec.wording()
    return [
        Problem(
            id=item.id,
            prompt=wording.replace(spec.slot, item.problem),
            answer=item.answer,
            verifier=verifier,
            split=spec.split,
            difficulty=item.difficulty,
            demonstration=item.demonstration,
            metadata=item.metadata,
        )
        for item in found
    ]


def gold(solution: str) -> str:
    """Return the gold answer of a solution, read as a verifier reads a response; "" for none."""
    return final(solution, joined=True) or ""
