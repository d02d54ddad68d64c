"""What an estimator is: a decorated function, and what a person should know about it.

An estimator on 0/1 rewards whose advantages depend on nothing but how many are right is written for one group:

    @count_estimator(k="< N", ...)
    def name(n: int, c: int, k: int, *, option: float = 1.0) -> tuple[float, float]:
        ...  # advantages of (a wrong, a right) answer where c of n are right

It is called once for each (N, k, options) and c, in plain Python; batches are looked up in the table of it.
Every other estimator gets the batch:

    @estimator(k="<= N", ...)
    def name(rewards: torch.Tensor, k: int, *, answers: torch.Tensor, option: float = 1.0) -> torch.Tensor:
        ...  # rewards [P, N], float64 and finite; returns [P, N]

Keyword-only parameters named as in INPUTS are handed what they ask for; all others are options, checked
against their annotations, which a person sets in `options:` of a stage or by `--passk.options`.
"""

import inspect
import json
import math
import numbers
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from passk.base.errors import ConfigError, nearest

LARGEST = 3.4028234663852886e38
"""of float32, in which advantages are given"""
INPUTS = ("answers", "entropy", "generator")
"""answers [P, N] int64, the same number for the same answer to a prompt, negative for none; entropy [P, N],
mean nats a token; generator, a torch.Generator on the CPU for estimators that draw"""

Domain = Literal["any", "1", "< N", "<= N", "2 .. N", "<= N / 2"]
"""the k for which an estimator is defined, N rollouts a prompt"""


@dataclass(frozen=True, eq=False)
class Estimator:
    """An estimator and its card. Calling it calls the function as it was written."""

    name: str
    function: Callable[..., Any]
    k: Domain
    counts: bool
    """written for counts (n, c, k), not for a batch"""
    binary: bool
    """takes rewards of 0 and 1 alone"""
    formula: str = ""
    source: str = ""
    estimates: str = ""
    """what the expected gradient is"""
    scale: Literal["mean", "sum"] = "mean"
    """whether that is the mean or the sum of A_i grad log p(y_i) over the rollouts of a prompt"""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.function(*arguments, **options)

    @cached_property
    def _keywords(self) -> dict[str, inspect.Parameter]:
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """What it takes beside the rewards, of INPUTS."""
        return tuple(name for name in self._keywords if name in INPUTS)

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The inputs without which it cannot work."""
        return tuple(name for name in self.inputs if self._keywords[name].default is inspect.Parameter.empty)

    @cached_property
    def options(self) -> dict[str, Any]:
        """Option -> default; inspect.Parameter.empty where a person has to choose."""
        return {name: p.default for name, p in self._keywords.items() if name not in INPUTS}

    @cached_property
    def _model(self) -> Any:
        import pydantic

        hints = typing.get_type_hints(self.function, include_extras=True) if self.options else {}
        fields = {
            name: (hints.get(name, Any), ... if default is inspect.Parameter.empty else default)
            for name, default in self.options.items()
        }
        strict = pydantic.ConfigDict(strict=True, arbitrary_types_allowed=True)
        return pydantic.create_model(self.name, __config__=strict, **fields)

    def validated(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """All options, defaults filled in. Raises ConfigError: one line, the option first."""
        import pydantic

        for name in options:
            if name not in self.options:
                known = nearest(name, self.options) if self.options else f"; {self.name} has none"
                raise ConfigError(f"options.{name}: {self.name} has no such option{known}")
        try:
            return dict(self._model(**{name: plain(value) for name, value in options.items()}))
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            name, message = first["loc"][0], first["msg"].removeprefix("Value error, ")
            given = "" if first["type"] == "missing" else f", not {shown(options[str(name)])}"
            raise ConfigError(f"options.{name}: {self.name} says: {message.lower()}{given}") from None

    def check_k(self, k: int, n: int) -> None:
        """Raise ConfigError unless the estimator is defined for k of n rollouts."""
        n, k = plain(n), plain(k)
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise ConfigError(f"k: must be a whole number of 1 or more, not {shown(k)}")
        if n < 1:
            raise ConfigError(f"rollouts: must be 1 or more, not {n}")
        allowed, must_be, mend = {
            "any": (True, "", ""),
            "1": (k == 1, "1", "set it, or choose a Pass@k estimator such as passk_analytical"),
            "< N": (k < n, f"smaller than the rollouts a prompt ({n})", "lower k or raise rollouts"),
            "<= N": (k <= n, f"at the most the rollouts a prompt ({n})", "lower k or raise rollouts"),
            "2 .. N": (2 <= k <= n, f"from 2 to the rollouts a prompt ({n})", "mend k or raise rollouts"),
            "<= N / 2": (2 * k <= n, f"at the most half of the rollouts a prompt ({n})", "lower k or raise rollouts"),
        }[self.k]
        if not allowed:
            raise ConfigError(f"k: must be {must_be} for {self.name}, not {k}; {mend}")

    def pairs(self, n: int, k: int, options: Mapping[str, Any]) -> list[tuple[float, float]]:
        """An estimator of counts: (wrong, right) beside c = 0 .. N right answers, each finite. Raises ConfigError."""
        found = []
        n, k = plain(n), plain(k)
        for c in range(n + 1):
            try:
                wrong, right = map(float, self.function(n, c, k, **options))
            except (ArithmeticError, TypeError, ValueError) as error:
                reason = " ".join(str(error).split())
                raise ConfigError(
                    f"advantage: {self.name} has no value at N = {n}, c = {c}, k = {k}: {reason}"
                ) from None
            if not (math.isfinite(wrong) and math.isfinite(right)):
                raise ConfigError(
                    f"advantage: {self.name} gives {wrong}, {right} at N = {n}, c = {c}, k = {k}; mend it"
                )
            found.append((min(max(wrong, -LARGEST), LARGEST), min(max(right, -LARGEST), LARGEST)))
        return found


def estimator(
    *,
    k: Domain,
    binary: bool = False,
    formula: str = "",
    source: str = "",
    estimates: str = "",
    scale: Literal["mean", "sum"] = "mean",
) -> Callable[[Callable[..., Any]], Estimator]:
    """Make an estimator of a function of a batch, (rewards [P, N], k, ...) -> [P, N]. See the module's text."""

    def decorate(function: Callable[..., Any]) -> Estimator:
        _check_written(function, k, "rewards", "k")
        return Estimator(function.__name__, function, k, False, binary, formula, source, estimates, scale)

    return decorate


def count_estimator(
    *,
    k: Domain,
    formula: str = "",
    source: str = "",
    estimates: str = "",
    scale: Literal["mean", "sum"] = "mean",
) -> Callable[[Callable[..., tuple[float, float]]], Estimator]:
    """Make an estimator of a function of counts, (n, c, k, ...) -> (wrong, right). See the module's text."""

    def decorate(function: Callable[..., tuple[float, float]]) -> Estimator:
        _check_written(function, k, "n", "c", "k")
        return Estimator(function.__name__, function, k, True, True, formula, source, estimates, scale)

    return decorate


def _check_written(function: Callable[..., Any], k: str, *first: str) -> None:
    """Raise TypeError at whoever writes an estimator that could not be used as it is written."""
    if k not in typing.get_args(Domain):
        raise TypeError(f"{function.__name__}: k is one of {', '.join(typing.get_args(Domain))}, not {k!r}")
    kinds = {name: p.kind for name, p in inspect.signature(function).parameters.items()}
    others = list(kinds)[len(first) :]
    if len(kinds) < len(first) or any(kinds[name] is not inspect.Parameter.KEYWORD_ONLY for name in others):
        raise TypeError(f"{function.__name__}: takes ({', '.join(first)}), and all else after a *")


def plain(value: Any) -> Any:
    """Return a number of numpy as Python's own, and anything else unchanged."""
    return value.item() if isinstance(value, numbers.Number) and hasattr(value, "item") else value


def shown(value: Any) -> str:
    """A value of a person's in a message of one line."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_options(text: str, *, field: str) -> dict[str, Any]:
    """An estimator's options from a command line: a JSON object. Raises ConfigError, `field` first."""
    try:
        options = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f'{field}: is not JSON: {error}; write it as in {{"sigma": false}}') from None
    if not isinstance(options, dict):
        raise ConfigError(f'{field}: is an object as in {{"sigma": false}}, not {shown(text)}')
    return options
