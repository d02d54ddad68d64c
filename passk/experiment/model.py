"""Fields of `model:`, the model that training starts from."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from passk.base.errors import InvalidError
from passk.experiment.fields import LIMIT, Count, PathText, Strict, Text

AUTO, NONE = "auto", "none"
"""Values of chat_template that name no file."""
_SET_BY_PASSK = (
    "add_generation_prompt",
    "chat_template",
    "continue_final_message",
    "conversation",
    "messages",
    "tokenize",
)
"""Variables that chat_options cannot have."""


class TinyModel(Strict):
    """A Qwen2 with random weights, for a machine without a GPU. Sizes as in HF's Qwen2Config."""

    hidden_size: int = Field(96, ge=32, lt=LIMIT, description="size of the hidden layer; a multiple of 32 x heads")
    layers: Count = Field(3, description="number of layers")
    heads: Count = Field(3, description="number of attention heads")
    feed_forward: int = Field(256, ge=32, lt=LIMIT, description="size of the feed-forward layer")
    max_length: int = Field(128, ge=32, lt=LIMIT, description="longest sequence, tokens")
    alphabet: Literal["maze", "bytes"] = Field("maze", description="a token a maze character, or a byte of any text")
    tie_word_embeddings: bool = Field(False, description="the output head shares the weights of the embeddings")

    @model_validator(mode="after")
    def _head_size_has_a_kernel(self) -> Self:
        if self.hidden_size % self.heads or self.hidden_size // self.heads % 32:
            raise InvalidError(
                "hidden_size / heads must be a multiple of 32, since vLLM has no CPU kernel for other head sizes",
                "set hidden_size to 32 x heads or a multiple",
            )
        return self


class Model(Strict):
    """The model that training starts from: `tiny` (random weights) or `path` (name or directory of a HF model)."""

    tiny: TinyModel | None = Field(None, description="sizes of a model from scratch")
    path: PathText | None = Field(None, description="Hugging Face model, by name or directory")
    chat_template: Text = Field(
        AUTO,
        description="what formats a prompt: auto (the tokenizer's chat template, if it has one), none (the prompt "
        "alone), or a Jinja file",
    )
    system_prompt: Text | None = Field(
        None, description="system message before each prompt (default: what the chat template adds)"
    )
    chat_options: dict[str, Any] = Field(
        default={}, description="variables of the chat template, as in {enable_thinking: false}"
    )
    opens_thinking: bool = Field(
        False,
        description="the prompts end with <think>, by the chat template or their own text: a response without "
        "</think> never gives an answer",
    )
    trust_remote_code: bool = Field(
        False,
        description="run the Python code of the model in `path` (default: refuse such a model)",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.tiny is None) == (self.path is None):
            raise InvalidError(
                "needs exactly one of tiny and path", "write tiny: (random weights) or path: (a HF model)"
            )
        if self.tiny and self.trust_remote_code:
            raise InvalidError("trust_remote_code has no effect on a tiny model", "remove it")
        without_template = self.chat_template == NONE or (self.tiny and self.chat_template == AUTO)
        for field in ("system_prompt", "chat_options"):
            if without_template and getattr(self, field):
                raise InvalidError(f"{field} has no effect without a chat template", "remove it, or set chat_template")
        return self

    @field_validator("chat_options")
    @classmethod
    def _has_no_option_of_passk(cls, options: dict[str, Any]) -> dict[str, Any]:
        if taken := [name for name in options if name in _SET_BY_PASSK]:
            raise InvalidError(f"{taken[0]} is set by passk", "remove it")
        return options
