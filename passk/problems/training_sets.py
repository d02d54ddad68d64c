"""Training sets of mathematics with answers: DAPO-Math-17k, POLARIS-53K and DeepScaleR.

DAPO-Math-17k (Yu et al., arXiv 2503.14476) repeats its 17,000 problems about a hundred times in its file; each counts
once here. Its own instructions are removed, since the template gives them. POLARIS rates a problem by how many of 8
samples of a 7B model are correct.
"""

import random
from typing import Any, ClassVar, Literal

from pydantic import Field

from passk.base.errors import ConfigError
from passk.problems import competitions, hub
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
VERIFIER = "math"
_BEFORE = (
    "Solve the following math problem step by step. The last line of your response should be of the form "
    "Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\n"
)
_AFTER = '\n\nRemember to put your answer on its own line after "Answer:".'


class _TrainingSet(competitions.Answered):
    split: Literal["train"] = Field("train", description="problems for training or for benchmarks")


class DapoProblems(_TrainingSet):
    """Specification of DAPO-Math-17k."""

    about: ClassVar = "about 17,000 training problems whose answers are whole numbers"
    matches: ClassVar = "**/dapo-math-17k*"

    source: Literal["dapo_math_17k"]
    dataset: str = hub.dataset("BytedTsinghua-SIA/DAPO-Math-17k")
    revision: str = hub.revision("65877096c24ffa7abc4e4fa5edb95cf3413a5674")


class PolarisProblems(_TrainingSet):
    """Specification of POLARIS-53K."""

    about: ClassVar = "about 53,000 training problems with a rated difficulty"
    rated: ClassVar = "difficulty"
    matches: ClassVar = "**/*53K*"

    source: Literal["polaris_53k"]
    dataset: str = hub.dataset("POLARIS-Project/Polaris-Dataset-53K")
    revision: str = hub.revision("296f8e34132e63f4a1d70e0dcc8bddebb43f03e4")


class DeepScalerProblems(_TrainingSet):
    """Specification of DeepScaleR."""

    about: ClassVar = "about 40,000 training problems of AIME, AMC, Omni-MATH and STILL"
    matches: ClassVar = "**/deepscaler*"

    source: Literal["deepscaler"]
    dataset: str = hub.dataset("agentica-org/DeepScaleR-Preview-Dataset")
    revision: str = hub.revision("b6ae8c60f5c1f2b594e2140b91c49c9ad0949e29")


def generate(spec: _TrainingSet, rng: random.Random) -> list[Problem]:
    """Return the problems. Raise ConfigError if the data set is not available or a row has another form."""
    items = _dapo(spec) if isinstance(spec, DapoProblems) else competitions.items(spec)
    return problems(spec, items, rng, verifier=VERIFIER)


def _dapo(spec: DapoProblems) -> list[Item]:
    columns = ("prompt", "reward_model", "extra_info")
    rows, origin = hub.rows(spec, columns, words=(), shaped=columns)
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
        raise ConfigError(
            "dataset",
            f"{where} lacks a prompt of one message, reward_model.ground_truth or extra_info.index",
            "name a revision that has them",
        )
    return text.removeprefix(_BEFORE).removesuffix(_AFTER), answer, name
