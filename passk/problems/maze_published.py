"""The mazes of the Pass@k Training paper (arXiv 2508.10751), as its authors published them.

40,000 to train, 9x9 to 15x15, and 775 to test, 7x7 to 21x21. Rows are in verl's form: `prompt` is a list of
chat messages, `reward_model.ground_truth` the maze.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from passk.base.errors import PasskError
from passk.problems import hub, maze
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
COLUMNS = ("prompt", "reward_model")
# "published": the message of the data set itself, which holds the maze
TEMPLATES = {"published": "{problem}", "instruct": maze.TEMPLATES["instruct"].replace("{maze}", "{problem}")}


class PublishedMazeProblems(hub.HubSpec):
    templates: ClassVar[Mapping[str, str]] = TEMPLATES
    judged_by: ClassVar = "maze or maze_strict"
    about: ClassVar = "the paper's mazes, 40000 to train and 775 to test"

    source: Literal["maze_published"]
    template: str = Field("published", min_length=1, description="published: the data set's own words; or as elsewhere")
    verifier: Literal["maze", "maze_strict"] = Field("maze", description="maze_strict wants the answer's tags")
    dataset: str = Field("RUC-AIBOX/Passk_Training_Maze", min_length=1, description=hub.DATASET)
    revision: str = Field(
        "main", min_length=1, description="a commit; none is known to us, so name the one that is reported"
    )

    def patterns(self) -> Sequence[str]:
        return (f"**/*{self.split}*.*",)


def generate(spec: PublishedMazeProblems, rng: random.Random) -> list[Problem]:
    """The split's mazes; `difficulty` is the size. Raises PasskError where they cannot be had."""
    rows, origin = hub.rows(spec, COLUMNS, shaped=COLUMNS)
    items = []
    for number, row in enumerate(rows):
        try:
            grid = row["reward_model"]["ground_truth"].strip("\n")
            message = _message(row["prompt"])
        except (TypeError, KeyError, AttributeError, ValueError):
            raise PasskError(
                f"dataset: {spec.dataset} has no maze as text in reward_model.ground_truth, or no one message to the "
                f"model in prompt, in row {number}; give a revision that has"
            ) from None
        size = len(grid.split("\n"))
        text = message if spec.template == "published" else grid
        items.append(Item(f"maze-{spec.split}-{number}", text, grid, difficulty=f"{size}x{size}", metadata=origin))
    return problems(spec, items, rng, verifier=spec.verifier)


def _message(prompt: Any) -> str:
    """What a user says in a chat of one message, and a system's words before it."""
    contents = [message["content"] for message in prompt if message["role"] in ("system", "user")]
    if not contents or len(contents) != len(prompt) or sum(message["role"] == "user" for message in prompt) != 1:
        raise ValueError("not one message")
    return "\n\n".join(contents)
