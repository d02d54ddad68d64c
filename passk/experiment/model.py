"""Fields of `model:`, the model that training starts from."""

from typing import Literal, Self

from pydantic import Field, model_validator

from passk.base.errors import InvalidError
from passk.experiment.fields import LIMIT, Count, Strict, Text


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
    path: Text | None = Field(None, description="Hugging Face model, by name or directory")
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
        return self
