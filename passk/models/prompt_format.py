"""The text that a model sees for a problem's prompt. Training and every evaluation use this one definition.

With a chat template, the prompt is the user's message after an optional system prompt, and the template adds what
begins the model's turn. Without one, the model sees the prompt alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from passk.base.errors import ConfigError, one_line
from passk.experiment import chat
from passk.experiment.flag_value import FlagValue
from passk.experiment.model import NONE, Model
from passk.models.tiny import has_chat_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PromptFormat(FlagValue):
    """How prompts are formatted. The default is the prompt alone."""

    chat: bool = False
    """Whether a chat template formats the prompt."""
    template: str | None = None
    """Text of the chat template (None: the tokenizer's own)."""
    system_prompt: str | None = None
    options: dict[str, Any] = Field(default={})
    """Variables of the template, such as enable_thinking."""

    @property
    def about(self) -> str:
        """The format in a few words."""
        if not self.chat:
            return "without a chat template"
        whose = "the model's own" if self.template is None else "the experiment's"
        return f"by {whose} chat template" + (", with a system prompt" if self.system_prompt else "")

    def prompts(self, tokenizer: "PreTrainedTokenizerBase | None", prompts: Sequence[str]) -> list[str]:
        """Return each prompt as the model sees it. Raise ConfigError if the template refuses one."""
        if not self.chat:
            return list(prompts)
        return self._applied(tokenizer, [self._turns(prompt) for prompt in prompts], add_generation_prompt=True)

    def responses(
        self, tokenizer: "PreTrainedTokenizerBase | None", prompts: Sequence[str], responses: Sequence[str]
    ) -> list[str | None]:
        """Return each response as it follows its prompt in a conversation.

        A response is None if the template formats its prompt differently with it than without it. Raise ConfigError if
        the template refuses one.
        """
        if not self.chat:
            return list(responses)
        turns = [
            [*self._turns(prompt), {"role": "assistant", "content": response}]
            for prompt, response in zip(prompts, responses, strict=True)
        ]
        wholes = self._applied(tokenizer, turns, add_generation_prompt=False)
        return [
            whole[len(prompt) :] if whole.startswith(prompt) and len(whole) > len(prompt) else None
            for prompt, whole in zip(self.prompts(tokenizer, prompts), wholes, strict=True)
        ]

    def _turns(self, prompt: str) -> list[dict[str, str]]:
        system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt is not None else []
        return [*system, {"role": "user", "content": prompt}]

    def _applied(
        self,
        tokenizer: "PreTrainedTokenizerBase | None",
        turns: list[list[dict[str, str]]],
        *,
        add_generation_prompt: bool,
    ) -> list[str]:
        assert tokenizer is not None
        options = self.options | ({"chat_template": self.template} if self.template is not None else {})
        try:
            return tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=add_generation_prompt, **options
            )
        except Exception as error:  # a template computes, so it can raise anything
            reason = one_line(error, 200)
            field = "system_prompt" if self.system_prompt is not None else "chat_template"
            raise ConfigError(
                f"model.{field}",
                f"the chat template refuses a prompt ({reason})",
                "change the field or model.chat_options",
            ) from None


PLAIN = PromptFormat()
"""The prompt alone."""


def of(model: Model, place: Path | str) -> PromptFormat:
    """Return the format of an experiment's model. place: its directory or the name of a hub model.

    Raise ConfigError if a field needs a chat template and there is none.
    """
    if model.chat_template == NONE:
        return PLAIN
    template = chat.template(model)
    if template is None and not has_chat_template(place, trusted=model.trust_remote_code):
        for field in ("system_prompt", "chat_options"):
            if getattr(model, field):
                raise ConfigError(
                    f"model.{field}",
                    f"{place} has no chat template that uses it",
                    f"set model.chat_template to a file, or remove {field}",
                )
        return PLAIN
    return PromptFormat(chat=True, template=template, system_prompt=model.system_prompt, options=model.chat_options)
