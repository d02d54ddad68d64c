"""Training sets of mathematics with answers: DAPO-Math-17k, POLARIS-53K and DeepScaleR.

DAPO-Math-17k (Yu et al., arXiv 2503.14476) repeats its 17,000 problems about a hundred times in its file; each counts
once here. Its own instructions are removed, since the template gives them. POLARIS rates a problem by how many of 8
samples of a 7B model are correct.
"""

import random
from typing import Any, ClassVar, Literal

from pydantic import Field

from passk.base.errors import PasskError
from passk.problems import hub
from passk.problems.competitions import joined
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
VERIFIER = "math"
_BEFORE = (
    "Solve the following math problem step by step. The last line of your response should be of the form "
    "Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\n"
)
_AFTER = '\n\nRemember to put your answer on its own line after "Answer:".'


class _TrainingSet(hub.HubSpec):
    judged_by: ClassVar = VERIFIER
    columns: ClassVar[tuple[str, ...]] = ("problem", "answer")

    split: Literal["train"] = Field("train", description="problems for training or for benchmarks")


class DapoProblems(_TrainingSet):
    """Specification of DAPO-Math-17k."""

    about: ClassVar = "about 17,000 training problems whose answers are whole numbers"
    columns: ClassVar = ("prompt", "reward_model", "extra_info")
    matches: ClassVar = "**/dapo-math-17k*"

    source: Literal["dapo_math_17k"]
    dataset: str = Field("BytedTsinghua-SIA/DAPO-Math-17k", min_length=1, description=hub.DATASET)
    revision: str = Field("65877096c24ffa7abc4e4fa5edb95cf3413a5674", min_length=1, description=hub.REVISION)


class PolarisProblems(_TrainingSet):
    """Specification of POLARIS-53K."""

    about: ClassVar = "about 53,000 training problems with a rated difficulty"
    columns: ClassVar = ("problem", "answer", "difficulty")
    matches: ClassVar = "**/*53K*"

    source: Literal["polaris_53k"]
    dataset: str = Field("POLARIS-Project/Polaris-Dataset-53K", min_length=1, description=hub.DATASET)
    revision: str = Field("296f8e34132e63f4a1d70e0dcc8bddebb43f03e4", min_length=1, description=hub.REVISION)


class DeepScalerProblems(_TrainingSet):
    """Specification of DeepScaleR."""

    about: ClassVar = "about 40,000 training problems of AIME, AMC, Omni-MATH and STILL"
    matches: ClassVar = "**/deepscaler*"

    source: Literal["deepscaler"]
    dataset: str = Field("agentica-org/DeepScaleR-Preview-Dataset", min_length=1, description=hub.DATASET)
    revision: str = Field("b6ae8c60f5c1f2b594e2140b91c49c9ad0949e29", min_length=1, description=hub.REVISION)


def generate(spec: _TrainingSet, rng: random.Random) -> list[Problem]:
    """Return the problems. Raise PasskError if the data set is not available or a row has another form."""
    if isinstance(spec, DapoProblems):
        return problems(spec, _dapo(spec), rng, verifier=VERIFIER)
    rows, origin = hub.rows(spec, spec.columns, shaped=("answer",))
    items = [
        Item(
            f"{spec.source}-{number}",
            row["problem"],
            joined(row["answer"], f"row {number} of {spec.dataset}"),
            difficulty=row.get("difficulty") or "unrated",
            metadata=origin,
        )
        for number, row in enumerate(rows)
    ]
    return problems(spec, items, rng, verifier=VERIFIER)


def _dapo(spec: DapoProblems) -> list[Item]:
    rows, origin = hub.rows(spec, spec.columns, words=(), shaped=spec.columns)
    items: dict[str, Item] = {}
    for number, row in enumerate(rows):
        text, answer, name = _parts(row, f"row {number} of {spec.dataset}")
        items.setdefault(name, Item(f"dapo-{name}", text, answer, metadata=origin))
    return list(items.values())


def _parts(row: dict[str, Any], where: str) -> tuple[str, str, str]:
    """Return the problem, its answer and its id."""
    try:
        [message] = row["prompt"]
        text, answer, name = message["content"], row["reward_model"]["ground_truth"], row["extra_info"]["index"]
    except (TypeError, ValueError, KeyError):
        text = answer = name = None
    if not (isinstance(text, str) and isinstance(answer, str) and isinstance(name, str) and text.strip()):
        raise PasskError(
            f"dataset: {where} lacks a prompt of one message, reward_model.ground_truth or extra_info.index; "
            "name a revision that has them"
        )
    return text.removeprefix(_BEFORE).removesuffix(_AFTER), answer, name
