"""GSM8K: grade school word problems whose answers are whole numbers (Cobbe et al., arXiv 2110.14168).

It has 7473 train and 1319 test problems. A solution ends in `#### 72` and marks its sums as <<48/2=24>>; both are
removed from demonstrations.
"""

import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from passk.problems import hub
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
VERIFIER = "numeric"
_SUM = re.compile(r"<<[^<>]*>>")


class Gsm8kProblems(hub.HubSpec):
    """Specification of GSM8K."""

    judged_by: ClassVar = VERIFIER
    about: ClassVar = "grade school word problems, 7473 train and 1319 test"

    source: Literal["gsm8k"]
    dataset: str = hub.dataset("openai/gsm8k")
    revision: str = hub.revision("740312add88f781978c0658806c59bc2815b9866")

    def patterns(self) -> Sequence[str]:
        hub_files = f"main/{self.split}-*.parquet"
        # the authors' repository has JSON lines with the same fields
        places = (hub_files, f"{self.split}.jsonl", f"*/{self.split}.jsonl", f"*/*/{self.split}.jsonl")
        directory = Path(self.dataset).expanduser()
        return (next((place for place in places if any(directory.glob(place))), hub_files),)


def generate(spec: Gsm8kProblems, rng: random.Random) -> list[Problem]:
    """Return the split's problems. Raise ConfigError if the data set is not available."""
    rows, origin = hub.rows(spec, ("question", "answer"), words=("question",))
    items = []
    for number, row in enumerate(rows):
        solution, _, answer = row["answer"].rpartition("####")
        answer = answer.strip().replace(",", "")
        demonstration = f"{_SUM.sub('', solution).strip()}\n\nThe answer is \\boxed{{{answer}}}."
        items.append(
            Item(f"gsm8k-{spec.split}-{number}", row["question"], answer, demonstration=demonstration, metadata=origin)
        )
    return problems(spec, items, rng, verifier=VERIFIER)
