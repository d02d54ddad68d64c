"""One request to vLLM for all responses to a prompt, where OpenRLHF sends one for each response.

vLLM checks, copies and announces each request in Python, and starts to sample with those that have arrived. A small
model is sampled faster than its requests arrive. Responses with seeds of their own need a request each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vllm import RequestOutput, SamplingParams

Send = Callable[["SamplingParams"], Awaitable["RequestOutput"]]
"""Function that sends a request with these parameters, and returns vLLM's output."""

GREEDY_BELOW = 1e-5
"""Temperature below which vLLM decodes greedily. It then allows one response to a request."""

current: ContextVar["SharedRequest | None"] = ContextVar("current", default=None)
"""Request of the prompt whose responses the running task collects."""


class SharedRequest:
    """A request for `count` responses to a prompt, each of which is awaited by itself."""

    def __init__(self, count: int, params: "SamplingParams") -> None:
        """params: of the request. They are changed."""
        params.n = count
        self.params = params
        self._taken = 0
        self._output: asyncio.Future[RequestOutput] | None = None

    async def next(self, send: Send) -> "RequestOutput":
        """Return vLLM's output with the next response. The first call sends the request."""
        place, self._taken = self._taken, self._taken + 1
        if self._output is None:
            self._output = asyncio.ensure_future(send(self.params))
        output = copy(await self._output)
        output.outputs = [output.outputs[place]]
        return output


def shareable(params: "SamplingParams") -> bool:
    """Return whether a request with these parameters may have several responses, without a change for one of them."""
    return params.seed is None and params.max_tokens is not None and params.temperature >= GREEDY_BELOW


class Uncopied:
    """The parameters of a shared request, for an executor that copies them for each response."""

    def __init__(self, params: "SamplingParams") -> None:
        self._params = params

    def __getattr__(self, name: str) -> Any:
        return getattr(self._params, name)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Uncopied":
        return self


class OncePerPrompt:
    """A tokenizer that encodes a text once, for an executor that encodes the prompt for each response."""

    def __init__(self, tokenizer: Any) -> None:
        self._encode = cache(tokenizer)
        self.decode = tokenizer.decode

    def __call__(self, **options: Any) -> Any:
        return self._encode(**options)
