"""Requests to an OpenAI-compatible endpoint: retries with pauses, rate limits, and checks of each reply.

The key comes from the environment and goes into one header. Redirects are not followed, so no other server gets it.
"""

import email.utils
import json
import math
import os
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from passk.base.errors import PasskError
from passk.base.redact import hidden

CONNECT_SECONDS = 20.0
LONGEST_REPLY = 64 * 2**20
"""Most bytes of a reply."""
LONGEST_PAUSE = 60.0
LONGEST_WISH = 600.0
"""Longest pause that an endpoint may ask for by Retry-After."""
_AGAIN = (408, 409, 425, 429)
_BUSY = (429, 503)


@dataclass(frozen=True)
class Choice:
    """One response, with the attributes of vLLM's CompletionOutput that an evaluation reads."""

    index: int
    text: str
    tokens: int
    finish_reason: str
    cumulative_logprob: float
    """NaN without log-probabilities."""

    @property
    def token_ids(self) -> range:
        """As many items as the response has tokens."""
        return range(self.tokens)


class Stopped(Exception):
    """The evaluation ends, so no further request is sent."""


class _Failed(Exception):
    """A request that may succeed later. after: pause that the endpoint asks for. busy: holds up all requests."""

    def __init__(self, reason: str, after: float | None = None, *, busy: bool = False) -> None:
        super().__init__(reason)
        self.after, self.busy = after, busy


class _Renamed(Exception):
    """The endpoint wants another name of a parameter, which the client uses from now on."""


class Client:
    """A thread-safe client of one endpoint. engine: the fields of passk/experiment/engine.py."""

    def __init__(self, engine: Mapping[str, Any]) -> None:
        self._engine = engine
        key = os.environ.get(engine["key_variable"], "")
        host = urlsplit(engine["url"]).hostname
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(engine["timeout_s"], connect=min(CONNECT_SECONDS, engine["timeout_s"])),
            limits=httpx.Limits(max_connections=engine["concurrency"]),
            trust_env=host not in ("localhost", "127.0.0.1", "::1"),  # a proxy does not reach this machine
        )
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._answered = 0
        self._length = "max_tokens"

    def stop(self) -> None:
        """Let all waiting requests raise Stopped."""
        self._stopped.set()

    def ask(
        self, prompt: str, config: Mapping[str, Any], *, seed: int, n: int, system: str | None = None
    ) -> tuple[list[Choice], int]:
        """Return n responses, and the tokens of the prompt.

        system: text of a system message. config: temperature, top_p, max_response and stop. Raise PasskError if the
        endpoint refuses the request, or fails on it more often than `retries`.
        """
        failures = 0
        while True:
            self._wait()
            answered = self._answered
            try:
                reply = self._once(self._body(prompt, config, seed, n, system))
                result = self._read(reply, n)
            except _Renamed:
                continue
            except _Failed as failed:
                # A rate limit that lets other requests through is not an endpoint that is away.
                if not (failed.busy and self._answered > answered):
                    failures += 1
                if failures > self._engine["retries"]:
                    raise PasskError(self._message(f"{failed}, {failures} times in a row")) from None
                self._pause(failed, failures)
                continue
            with self._lock:
                self._answered += 1
            return result

    def _body(self, prompt: str, config: Mapping[str, Any], seed: int, n: int, system: str | None) -> dict[str, Any]:
        chat = self._engine["api"] == "chat"
        messages = [{"role": "system", "content": system}] if system else []
        body = {
            "model": self._engine["model"],
            **({"messages": [*messages, {"role": "user", "content": prompt}]} if chat else {"prompt": prompt}),
            "temperature": config["temperature"],
            "top_p": config["top_p"],
            self._length: config["max_response"],
            "seed": seed,
        }
        if config["stop"]:
            body["stop"] = list(config["stop"])
        if n > 1:
            body["n"] = n
        if self._engine["logprobs"]:
            body["logprobs"] = True if chat else 1
        return body

    def _once(self, body: dict[str, Any]) -> dict[str, Any]:
        path = "chat/completions" if self._engine["api"] == "chat" else "completions"
        deadline, size, parts = time.monotonic() + self._engine["timeout_s"], 0, []
        try:
            with self._http.stream("POST", f"{self._engine['url']}/{path}", json=body) as response:
                for part in response.iter_bytes():
                    size += len(part)
                    parts.append(part)
                    if size > LONGEST_REPLY:
                        raise _Failed(f"its reply is longer than {LONGEST_REPLY} bytes")
                    if time.monotonic() > deadline:
                        raise _Failed(f"no whole reply within timeout_s = {self._engine['timeout_s']:g} s")
        except httpx.TimeoutException:
            raise _Failed(f"no reply within timeout_s = {self._engine['timeout_s']:g} s") from None
        except httpx.HTTPError as error:
            raise _Failed(f"no connection ({type(error).__name__})") from None
        return self._accepted(response, b"".join(parts), body)

    def _accepted(self, response: httpx.Response, content: bytes, body: dict[str, Any]) -> dict[str, Any]:
        status = response.status_code
        # Reasoning models of OpenAI refuse max_tokens. Requests under way still have it after the first refusal.
        if status == 400 and "max_tokens" in body and b"max_completion_tokens" in content:
            self._length = "max_completion_tokens"
            raise _Renamed
        if status in _AGAIN or status >= 500:
            raise _Failed(f"status {status}{_error_message(content)}", _wish(response), busy=status in _BUSY)
        if status != 200:
            fix = {401: "; set the key in the variable of engine.key_variable", 404: "; correct engine.url or model"}
            raise PasskError(self._message(f"status {status}{_error_message(content)}", fix.get(status, "")))
        try:
            reply = json.loads(content)
        except (ValueError, RecursionError):
            raise _Failed("its reply is not JSON") from None
        if not isinstance(reply, dict):
            raise _Failed("its reply is not a JSON object")
        return reply

    def _read(self, reply: dict[str, Any], n: int) -> tuple[list[Choice], int]:
        choices = reply.get("choices")
        if not isinstance(choices, list) or len(choices) != n or not all(isinstance(one, dict) for one in choices):
            number = len(choices) if isinstance(choices, list) else "no"
            raise _Failed(f"its reply has {number} choices instead of {n}")
        usage = reply.get("usage") if isinstance(reply.get("usage"), dict) else {}
        tokens = _count(usage.get("completion_tokens"))
        parsed = []
        for place, choice in enumerate(choices):
            share = tokens // n + (place < tokens % n)
            parsed.append(_choice(place, choice, share, chat=self._engine["api"] == "chat"))
        return parsed, _count(usage.get("prompt_tokens"))

    def _wait(self) -> None:
        while True:
            if self._stopped.is_set():
                raise Stopped
            with self._lock:
                rest = self._not_before - time.monotonic()
            if rest <= 0:
                return
            self._stopped.wait(rest)

    def _pause(self, failed: _Failed, failures: int) -> None:
        pause = min(LONGEST_PAUSE, 2.0 ** max(failures - 1, 0)) * random.uniform(0.75, 1.25)
        if failed.after is not None:
            pause = min(failed.after, LONGEST_WISH)
        if failed.busy:
            with self._lock:
                self._not_before = max(self._not_before, time.monotonic() + pause)
        else:
            self._stopped.wait(pause)

    def _message(self, fault: str, fix: str = "") -> str:
        fix = fix or "; repeat the command to continue, finished samples are kept"
        return hidden(f"engine: {self._engine['url']}: {fault}{fix}")


def _choice(place: int, choice: dict[str, Any], tokens: int, *, chat: bool) -> Choice:
    message = choice.get("message") if chat else choice
    if not isinstance(message, dict):
        raise _Failed("a choice of its reply has no message")
    text = message.get("content" if chat else "text")
    if text is not None and not isinstance(text, str):
        raise _Failed("the content of its reply is no text")
    logprobs = _logprobs(choice.get("logprobs"), chat=chat)
    reason = choice.get("finish_reason")
    return Choice(
        place,
        (text or "").encode(errors="replace").decode(),
        len(logprobs) or tokens,
        reason[:40] if isinstance(reason, str) and reason else "stop",
        math.fsum(logprobs) if logprobs else math.nan,
    )


def _logprobs(logprobs: Any, *, chat: bool) -> list[float]:
    """Return the log-probabilities of the tokens; [] if the reply lacks any of them."""
    if not isinstance(logprobs, dict):
        return []
    items = logprobs.get("content" if chat else "token_logprobs")
    if not isinstance(items, list):
        return []
    values = [item.get("logprob") if isinstance(item, dict) else item for item in items]
    good = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return [float(value) for value in values] if good else []


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40 else 0


def _error_message(content: bytes) -> str:
    """Return the endpoint's own message, shortened."""
    try:
        error = json.loads(content)["error"]
        text = str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f" ({' '.join(text.split())[:200]})"


def _wish(response: httpx.Response) -> float | None:
    """Return the seconds of Retry-After, which is a number or a date; None without a readable one."""
    value = response.headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
