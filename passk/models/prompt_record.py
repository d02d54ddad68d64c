"""The prompt format in the record of an evaluation: the text around a prompt, and what ends a response."""

from typing import TYPE_CHECKING, Any

from passk.models.prompt_format import PromptFormat
from passk.models.tiny import load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PROMPT = "passk's prompt"
"""A text that stands for the prompt while the text around it is looked for."""
_known: dict[tuple[str, str, bool], dict[str, Any]] = {}


def prompt_record(model: str, format: PromptFormat, *, trusted: bool = False) -> dict[str, Any]:
    """Return EvaluationRecord.prompt_format (passk/files/layout.py) for a model's directory or hub name."""
    place = (model, format.spelled, trusted)
    if place not in _known:
        tokenizer = load_tokenizer(model, trusted=trusted)
        before, after = around(format, tokenizer)
        _known[place] = {
            "chat_template": (format.template or _text(tokenizer.chat_template)) if format.chat else None,
            "system_prompt": format.system_prompt,
            "chat_options": format.options,
            "before": before,
            "after": after,
            "end_tokens": end_tokens(model, tokenizer, trusted=trusted),
        }
    return _known[place]


def around(format: PromptFormat, tokenizer: "PreTrainedTokenizerBase") -> tuple[str | None, str | None]:
    """Return the text before and after a prompt, or (None, None) if the template does not copy the prompt once."""
    [text] = format.prompts(tokenizer, [_PROMPT])
    before, prompt, after = text.partition(_PROMPT)
    return (before, after) if prompt and _PROMPT not in after else (None, None)


def end_tokens(model: str, tokenizer: "PreTrainedTokenizerBase", *, trusted: bool = False) -> list[str]:
    """Return the tokens at which vLLM ends a response: the tokenizer's end token and those of generation_config."""
    from transformers import GenerationConfig

    try:
        settings = GenerationConfig.from_pretrained(model, trust_remote_code=trusted)
    except OSError:  # a model without the file
        settings = GenerationConfig()
    ends = settings.eos_token_id
    numbers = [tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])]
    return [str(tokenizer.convert_ids_to_tokens(number)) for number in dict.fromkeys(numbers) if number is not None]


def _text(template: str | dict[str, str] | None) -> str | None:
    return template.get("default") if isinstance(template, dict) else template
