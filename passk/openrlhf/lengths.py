"""Check the token lengths of training data before a stage starts. OpenRLHF cuts or drops longer rows.

OpenRLHF tokenizes a supervised row as prompt, response and end token. It cuts the end of a longer row. It drops a row
whose prompt leaves fewer than PROMPT_ROOM tokens, and the stage would then end before its last step.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passk import problems
from passk.base.errors import ConfigError
from passk.experiment.model import TinyModel
from passk.experiment.stage import RlStage, SftStage
from passk.models.prompt_format import PromptFormat
from passk.models.tiny import ENDS, load_tokenizer

if TYPE_CHECKING:
    import datasets

DEFAULT_MAX_LENGTH = 4096
"""Tokens of a supervised row, for a model that is not built from scratch."""
PROMPT_ROOM = 3
"""Tokens that OpenRLHF requires after a supervised row's prompt."""


def max_length(stage: SftStage, tiny: TinyModel | None) -> int:
    """Return the longest supervised row in tokens: that of the stage, else the tiny model's, else the default."""
    return stage.max_length or (tiny.max_length if tiny else DEFAULT_MAX_LENGTH)


def require_fit(
    stages: Mapping[str, SftStage | RlStage],
    files: Mapping[str, Path],
    model: Path | str,
    *,
    format: PromptFormat,
    tiny: TinyModel | None,
    trusted: bool = False,
) -> None:
    """Raise ConfigError for a problem that exceeds a stage's limit.

    stages, files: by the names of stages and of problem sets. format: how the model sees prompts.
    trusted: run code that comes with the tokenizer.
    """
    if not stages:
        return
    tokenizer = load_tokenizer(model, trusted=trusted)
    for problem_set in dict.fromkeys(name for stage in stages.values() for name in stage.weights):
        rows = problems.load(files[problem_set])
        trained = {name: stage for name, stage in stages.items() if problem_set in stage.weights}
        prompts = format.prompts(tokenizer, list(rows["prompt"]))
        lengths = _tokens(prompts, tokenizer)
        for name, stage in trained.items():
            if isinstance(stage, RlStage):
                place = _longest(lengths)
                _require(
                    f"stages.{name}.max_prompt",
                    f"the prompt of {rows[place]['id']} in {problem_set}",
                    lengths[place],
                    stage.max_prompt,
                    "cut off its beginning",
                )
        if supervised := {name: stage for name, stage in trained.items() if isinstance(stage, SftStage)}:
            if tokenizer.eos_token is None:
                raise ConfigError(
                    "model.path",
                    f"the tokenizer of {model} has no end token, which ends each demonstration of "
                    f"stages.{next(iter(supervised))}",
                    "set eos_token in its tokenizer_config.json, or choose another model",
                )
            stage_set = next(iter(supervised)), problem_set
            end = ENDS[tiny.alphabet] if tiny else ""
            texts = _responses(rows, prompts, tokenizer, stage_set, format=format, end=end)
            whole = _tokens(texts, tokenizer)
            needed = [max(row, prompt + PROMPT_ROOM) for row, prompt in zip(whole, lengths, strict=True)]
            place = _longest(needed)
            for name, stage in supervised.items():
                _require(
                    f"stages.{name}.max_length",
                    f"{rows[place]['id']} in {problem_set}, with its demonstration,",
                    needed[place],
                    max_length(stage, tiny),
                    "cut or drop it",
                )


def require_room(
    field: str,
    file: Path,
    model: Path | str,
    *,
    room: int,
    max_response: int,
    format: PromptFormat,
    trusted: bool = False,
) -> None:
    """Raise ConfigError, which begins with the field, unless each prompt of a file leaves room for a response.

    room: tokens of a prompt and its response in the engines of the training.
    """
    rows = problems.load(file)
    tokenizer = load_tokenizer(model, trusted=trusted)
    lengths = _tokens(format.prompts(tokenizer, list(rows["prompt"])), tokenizer)
    place = _longest(lengths)
    needed = lengths[place] + max_response
    if needed > room:
        raise ConfigError(
            field,
            (
                f"the prompt of {rows[place]['id']} and a response have {needed} tokens, and the engines of the stage "
                f"hold {room}"
            ),
            f"raise max_prompt by {needed - room}, or leave the benchmark out",
        )


def _require(field: str, what: str, length: int, most: int, loss: str) -> None:
    if length > most:
        raise ConfigError(
            field,
            f"{what} has {length} tokens, and OpenRLHF would {loss}",
            f"set the limit to {length}, not {most}",
        )


def _longest(lengths: list[int]) -> int:
    return max(range(len(lengths)), key=lengths.__getitem__)


def _tokens(texts: list[str], tokenizer: Any) -> list[int]:
    return [len(tokens) for tokens in tokenizer(texts, add_special_tokens=False)["input_ids"]]


def _responses(
    rows: "datasets.Dataset",
    prompts: list[str],
    tokenizer: Any,
    stage_set: tuple[str, str],
    *,
    format: PromptFormat,
    end: str,
) -> list[str]:
    """Return prompts with their responses as OpenRLHF completes them, the end token included.

    stage_set: the names of the stage and of the problem set, for the error. Raise ConfigError if the chat template
    formats a prompt differently with a response.
    """
    demonstrations = [response + end for response in rows["demonstration"]]
    responses = format.responses(tokenizer, list(rows["prompt"]), demonstrations)
    for row, response in zip(rows["id"], responses, strict=True):
        if response is None:
            raise ConfigError(
                f"stages.{stage_set[0]}.problems",
                f"{stage_set[1]} cannot be learned by sft: the chat template formats {row} differently with its "
                "demonstration than without",
                "set model.chat_template to none or to another file",
            )
    texts = [f"{prompt}{response}" for prompt, response in zip(prompts, responses, strict=True)]
    stripped = [text.rstrip("\n") for text in texts]
    return [text if text.endswith(tokenizer.eos_token) else f"{text} {tokenizer.eos_token}" for text in stripped]
