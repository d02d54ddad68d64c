"""The mazes of the Pass@k Training paper (arXiv 2508.10751), as published by its authors.

There are 40,000 train mazes, 9x9 to 15x15, and 775 test mazes, 7x7 to 21x21. Rows have verl's format: `prompt` is a
list of chat messages, and `reward_model.ground_truth` is the maze.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from passk.base.errors import ConfigError
from passk.problems import hub, maze
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
COLUMNS = ("prompt", "reward_model")
# "published": the data set's own message, which contains the maze
TEMPLATES = {"published": "{problem}", "instruct": maze.TEMPLATES["instruct"].replace("{maze}", "{problem}")}


class PublishedMazeProblems(hub.HubSpec):
    """Specification of the paper's mazes."""

    templates: ClassVar[Mapping[str, str]] = TEMPLATES
    judged_by: ClassVar = "maze or maze_strict"
    about: ClassVar = "the paper's mazes, 40000 train and 775 test"

    source: Literal["maze_published"]
    template: str = Field(
        "published", min_length=1, description="a template's name (published: the data set's own prompt), or a text"
    )
    verifier: Literal["maze", "maze_strict"] = Field("maze", description="maze_strict requires the answer tags")
    dataset: str = hub.dataset("RUC-AIBOX/Passk_Training_Maze")
    revision: str = Field("main", min_length=1, description="commit of the data set; write the one that the run logs")

    def patterns(self) -> Sequence[str]:
        return (f"**/*{self.split}*.*",)


def generate(spec: PublishedMazeProblems, rng: random.Random) -> list[Problem]:
    """Return the split's mazes; `difficulty` is the size. Raise ConfigError if the data set is not available."""
    rows, origin = hub.rows(spec, COLUMNS, shaped=COLUMNS)
    items = []
    for number, row in enumerate(rows):
        try:
            grid = row["reward_model"]["ground_truth"].strip("\n")
            message = _message(row["prompt"])
        except (TypeError, KeyError, AttributeError, ValueError):
            raise ConfigError(
                "dataset",
                f"row {number} of {spec.dataset} lacks a maze in reward_model.ground_truth or a single user message in "
                "prompt",
                "name a revision that has them",
            ) from None
        size = len(grid.split("\n"))
        text = message if spec.template == "published" else grid
        items.append(Item(f"maze-{spec.split}-{number}", text, grid, difficulty=f"{size}x{size}", metadata=origin))
    return problems(spec, items, rng, verifier=spec.verifier)


def _message(prompt: Any) -> str:
    """Return the user message of a chat with one, after the system message if there is one."""
    contents = [message["content"] for message in prompt if message["role"] in ("system", "user")]
    if not contents or len(contents) != len(prompt) or sum(message["role"] == "user" for message in prompt) != 1:
        raise ValueError("not one message")
    return "\n\n".join(contents)
