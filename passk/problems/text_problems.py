r"""Sources whose problems are texts: a template makes the prompt, and a specification may select some problems."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import Field

from passk.base.errors import ConfigError, nearest
from passk.problems.record import Problem, Spec
from passk.verifiers.extract import clean, final, last_boxes

MATHEMATICS = {
    "boxed": "{problem}\n\nThink step by step, then give your final answer inside \\boxed{}.",
    # the exact prompt in the model cards of Qwen2.5-Math and DeepSeek-R1
    "qwen": "{problem}\nPlease reason step by step, and put your final answer within \\boxed{}.",
    "plain": "{problem}",
}


class Worded(Spec):
    """Specification of a source whose problems are texts."""

    templates: ClassVar[Mapping[str, str]] = MATHEMATICS

    template: str = Field(
        "boxed", min_length=1, description="one of the templates below, or your own text with {problem}"
    )
    size: int | None = Field(None, ge=1, lt=10**9, description="number of problems, drawn at random (default: all)")
    unreadable: Literal["refuse", "leave_out"] = Field(
        "refuse", description="refuse or leave_out problems whose gold answers the verifier cannot read"
    )

    def wording(self) -> str:
        return self.templates.get(self.template, self.template)


@dataclass(frozen=True)
class Item:
    """A problem of a source, before its template."""

    id: str
    problem: str
    answer: str
    difficulty: str = "unrated"
    demonstration: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


def check(spec: Worded) -> None:
    """Raise ConfigError for a template that is neither a name nor a text with the slot."""
    if spec.template not in spec.templates and spec.template.count(spec.slot) != 1:
        fix = f"write {spec.slot} in it once"
        if len(spec.template) < 40:
            fix = nearest(spec.template, spec.templates)
        raise ConfigError(
            "template", f"{spec.template!r} is neither a template nor a text that contains {spec.slot} once", fix
        )


def problems(spec: Worded, items: Iterable[Item], rng: random.Random, *, verifier: str) -> list[Problem]:
    """Return the problems of a source's items, in their order. Raise ConfigError if `size` exceeds their number."""
    selected = list(items)
    if spec.size is not None:
        if spec.size > len(selected):
            raise ConfigError(
                "size", f"{spec.size} problems requested, but the source has {len(selected)}", "lower size"
            )
        selected = [selected[row] for row in sorted(rng.sample(range(len(selected)), spec.size))]
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
        for item in selected
    ]


def gold(solution: str) -> str:
    """Return the gold answer of a solution: its last box, else what a verifier reads of it; "" for none."""
    boxed = last_boxes(solution)
    return clean(boxed) if boxed is not None else final(solution) or ""
