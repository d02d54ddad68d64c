"""Fields of `engine:`, an OpenAI-compatible endpoint that samples in place of vLLM."""

import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from passk.base.errors import InvalidError
from passk.experiment.fields import Count, Natural, NotNegative, Positive, Rollouts, Strict, Text

SAMPLES_DEPEND_ON = {"url", "model", "api", "responses_per_request", "logprobs"}
"""Fields that decide which samples an evaluation gets."""
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


class Price(Strict):
    """Price of a million tokens, in any currency."""

    input: NotNegative = Field(description="price of a million tokens of prompts")
    output: NotNegative = Field(description="price of a million tokens of responses")


class Engine(Strict):
    """An OpenAI-compatible endpoint."""

    url: Text = Field(description="address up to the version, such as https://api.openai.com/v1")
    model: Text = Field(description="name of the model, as the endpoint has it")
    api: Literal["chat", "completions"] = Field(
        "chat", description="chat completions, or completions for a model without a chat template"
    )
    key_variable: Text = Field(
        "OPENAI_API_KEY", description="environment variable with the key; without its value no key is sent"
    )
    responses_per_request: Rollouts = Field(
        1, description="responses of one request; above 1 the endpoint must support the parameter n"
    )
    logprobs: bool = Field(False, description="ask for log-probabilities, which not every endpoint has")
    concurrency: Count = Field(16, description="most requests at once")
    timeout_s: Positive = Field(600.0, description="longest time of one request, in seconds")
    retries: Natural = Field(6, description="retries of a request, with pauses that double from 1 s to 60 s")
    price: Price | None = Field(None, description="price of a million tokens, for the cost in the report")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or re.search(r"[\s\x00-\x1f]", url):
            raise InvalidError(f"{url[:80]!r} is no address", "write it as in https://api.openai.com/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise InvalidError(
                "must have no user, password, query or fragment", "name the key's variable in key_variable"
            )
        return url.rstrip("/")

    @field_validator("key_variable")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not _VARIABLE.fullmatch(name):
            raise InvalidError("must be the name of an environment variable", "write it as in OPENAI_API_KEY")
        return name

    def identity(self) -> dict[str, Any]:
        """Return what decides the samples, for the keys."""
        return self.model_dump(mode="json", include=SAMPLES_DEPEND_ON, exclude_defaults=True)


def with_model(raw: dict[str, Any]) -> dict[str, Any]:
    """Return an experiment's mapping with the endpoint's model as its `model`, if it has none."""
    engine = raw.get("engine")
    if "model" in raw or not isinstance(engine, dict) or not isinstance(engine.get("model"), str):
        return raw
    return raw | {"model": {"path": engine["model"]}}
