"""A stage's training data: just the rows it takes, in the order in which it takes them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from passk import problems
from passk.base.errors import ConfigError
from passk.experiment.config import RlStage, SftStage
from passk.files.durable import flush_all
from passk.openrlhf.flags import LABEL, PROMPT, RESPONSE
from passk.openrlhf.prompt_label import Label


def write(
    stage: SftStage | RlStage, source: Path, directory: Path, *, seed: int, first_prompt: int, end: str = ""
) -> None:
    """Write what OpenRLHF reads (a `datasets` directory), whole or not at all.

    The rows are the problems in an order that the seed alone decides, again in another order once all were
    taken; `first_prompt` says how many of them the stage's ancestors took. Two arms that branch after
    different numbers of steps so see the same problems at the same step. end: what a demonstration is ended with.
    """
    from datasets import Dataset

    rows = problems.load(source)
    count = stage.steps * (stage.prompts_per_step if isinstance(stage, RlStage) else stage.batch_size)
    taken = rows.select(_order(len(rows), first_prompt + count, seed)[first_prompt:])
    if isinstance(stage, RlStage):
        labels = [
            Label(row["id"], row["verifier"], row["answer"]).dump()
            for row in taken.select_columns(["id", "verifier", "answer"])
        ]
        data = Dataset.from_dict({PROMPT: list(taken["prompt"]), LABEL: labels})
    else:
        # OpenRLHF ends a response by " " and the end token where it does not end so already; a space is no
        # symbol of a tiny model of mazes.
        responses = [text + end for text in taken["demonstration"]]
        data = Dataset.from_dict({PROMPT: list(taken["prompt"]), RESPONSE: responses})
    temporary = directory.with_name(f".{directory.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)
    data.save_to_disk(temporary)
    # A directory that is there is trusted: it must not come out of a power loss with half its files.
    flush_all(temporary)
    temporary.replace(directory)


def require_prompts_fit(
    stages: Mapping[str, RlStage], files: Mapping[str, Path], model: Path | str, *, chat: bool
) -> None:
    """Raise ConfigError where a prompt is longer than its stage's max_prompt: OpenRLHF would cut off its beginning.

    stages: by name; files: of the problems, by theirs; chat: whether the model's chat template words the prompts.
    """
    for problem_set in dict.fromkeys(stage.problems for stage in stages.values()):
        rows = problems.load(files[problem_set])
        lengths = _lengths(list(rows["prompt"]), model, chat=chat)
        longest = max(range(len(lengths)), key=lengths.__getitem__)
        for name, stage in stages.items():
            if stage.problems == problem_set and lengths[longest] > stage.max_prompt:
                raise ConfigError(
                    f"stages.{name}.max_prompt: the prompt of {rows[longest]['id']} in {problem_set} has "
                    f"{lengths[longest]} tokens, and OpenRLHF would cut off its beginning; make it "
                    f"{lengths[longest]}, not {stage.max_prompt}"
                )


def _lengths(prompts: list[str], model: Path | str, *, chat: bool) -> list[int]:
    """In tokens, as OpenRLHF makes them."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    if chat:
        turns = [[{"role": "user", "content": prompt}] for prompt in prompts]
        prompts = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return [len(tokens) for tokens in tokenizer(prompts, add_special_tokens=False)["input_ids"]]


def _order(rows: int, count: int, seed: int) -> np.ndarray:
    """[count] row numbers: permutations of all rows, one after another."""
    generator = np.random.default_rng([seed, rows])
    rounds = [generator.permutation(rows) for _ in range(-(-count // rows))]
    return np.concatenate(rounds)[:count]
