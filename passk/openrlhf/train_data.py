"""Write a stage's training data: only the rows that it uses, in its order."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from passk import problems
from passk.base.errors import ConfigError
from passk.experiment.stage import RlStage, SftStage
from passk.files import durable, scratch
from passk.models.prompt_format import PLAIN, PromptFormat
from passk.models.tiny import load_tokenizer
from passk.openrlhf.flags import LABEL, PROMPT, RESPONSE
from passk.openrlhf.prompt_label import Label
from passk.verifiers import extract

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def write(
    stage: SftStage | RlStage,
    sources: Mapping[Path, float],
    directory: Path,
    *,
    seed: int,
    first_prompt: int,
    end: str = "",
    format: PromptFormat = PLAIN,
    tokenizer: "PreTrainedTokenizerBase | None" = None,
    opens_thinking: bool = False,
) -> None:
    """Write the `datasets` directory that OpenRLHF reads, completely or not at all.

    The rows are the problems in an order that depends only on the seed. After all problems they repeat in another
    order. `first_prompt` is the number of rows that the stage's ancestors used. Two methods that branch after different
    numbers of steps therefore see the same problems at the same step. sources: files of problems by their weights; each
    row is of one of them, drawn with a probability proportional to its weight. end: text after each demonstration.
    format, tokenizer: how the model sees prompts; the default is the prompt alone, which needs no tokenizer.
    opens_thinking: whether the prompts end with <think>, for the reward function.
    """
    from datasets import Dataset, concatenate_datasets

    sets = [problems.load(source) for source in sources]
    rows = concatenate_datasets(sets)
    count = stage.most_prompts if isinstance(stage, RlStage) else stage.steps * stage.batch_size
    order = _mixed([len(each) for each in sets], list(sources.values()), first_prompt + count, seed)
    selected = rows.select(order[first_prompt:])
    prompts = format.prompts(tokenizer, list(selected["prompt"]))
    if isinstance(stage, RlStage):
        labels = [
            Label(row["id"], row["verifier"], row["answer"], opens_thinking, stage.stop).dump()
            for row in selected.select_columns(["id", "verifier", "answer"])
        ]
        data = Dataset.from_dict({PROMPT: prompts, LABEL: labels})
    else:
        # OpenRLHF appends " " and the end token to a response without one. A tiny model of mazes has no token for a
        # space.
        demonstrations = [text + end for text in selected["demonstration"]]
        responses = format.responses(tokenizer, list(selected["prompt"]), demonstrations)
        data = Dataset.from_dict({PROMPT: prompts, RESPONSE: responses})
    with scratch.beside(directory) as temporary:
        data.save_to_disk(temporary)
        shutil.rmtree(directory, ignore_errors=True)
        durable.move(temporary, directory)


def require_opened_thinking(
    opens_thinking: bool,
    files: Mapping[str, Path],
    model: Path | str,
    *,
    format: PromptFormat,
    trusted: bool = False,
) -> None:
    """Raise ConfigError if `model.opens_thinking` does not match whether the prompts end with <think>.

    files: problem files by name. format: how the model sees prompts.
    """
    tokenizer = load_tokenizer(model, trusted=trusted) if format.chat and files else None
    for name, file in files.items():
        first = problems.load(file)[0]
        [prompt] = format.prompts(tokenizer, [first["prompt"]])
        if extract.opens_thinking(prompt) != opens_thinking:
            does, value = ("does not end", "false") if opens_thinking else ("ends", "true")
            raise ConfigError(
                "model.opens_thinking",
                f"the prompt of {first['id']} in {name} {does} with <think>",
                f"set it to {value}",
            )


def _mixed(sizes: list[int], weights: list[float], count: int, seed: int) -> np.ndarray:
    """Return [count] row numbers of sets one after another. A longer order begins with every shorter one."""
    if len(sizes) == 1:
        return _order(sizes[0], count, seed)
    shares = np.array(weights) / sum(weights)
    chosen = np.random.default_rng([seed, *sizes]).choice(len(sizes), size=count, p=shares)
    order = np.empty(count, dtype=np.int64)
    for place, size in enumerate(sizes):
        rows = chosen == place
        order[rows] = sum(sizes[:place]) + _order(size, int(rows.sum()), seed)
    return order


def _order(rows: int, count: int, seed: int) -> np.ndarray:
    """Return [count] row numbers: permutations of all rows, one after another."""
    generator = np.random.default_rng([seed, rows])
    rounds = [generator.permutation(rows) for _ in range(-(-count // rows))]
    return np.concatenate([np.empty(0, dtype=np.int64), *rounds])[:count]
