"""Define estimators: a decorated function with a card that describes it.

On 0/1 rewards many estimators depend only on the number of correct rollouts. They are written for one group:

    @count_estimator(k="< N", ...)
    def name(n: int, c: int, k: int, *, option: float = 1.0) -> tuple[float, float]:
        ...  # advantages of an incorrect and of a correct rollout, c of n correct

passk calls the function once for each (N, k, options) and c, in plain Python. Batches are looked up in that table.
Every other estimator is called with the batch:

    @estimator(k="<= N", ...)
    def name(rewards: torch.Tensor, k: int, *, answers: torch.Tensor, option: float = 1.0) -> torch.Tensor:
        ...  # rewards [P, N], float64 and finite; returns [P, N]

Keyword-only parameters named as in INPUTS receive that input. All others are options, checked against their
annotations. You set them in `options:` of a stage or by `--passk.options`.
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

from passk.base.errors import ConfigError, nearest, one_line

LARGEST = 3.4028234663852886e38
"""Largest advantage: the largest float32."""
INPUTS = ("answers", "entropy", "generator", "state")
"""Names of the inputs besides rewards.

answers: [P, N] int64, equal for equal answers to a prompt, negative for none.
entropy: [P, N], mean nats per token: minus the mean log-probability of a rollout's tokens.
generator: torch.Generator on the CPU, for estimators that draw.
state: dict of JSON values that the estimator reads and changes in place. It is empty in the first step of a stage, and
    the next step gets what this one left. The trainer saves it with each checkpoint.
"""

Domain = Literal["any", "1", "< N", "<= N", "2 .. N", "<= N / 2"]
"""Values of k for which an estimator is defined, with N rollouts per prompt."""


@dataclass(frozen=True, eq=False)
class Estimator:
    """An estimator and its card. A call calls the function as written."""

    name: str
    function: Callable[..., Any]
    k: Domain
    counts: bool
    """Whether the function takes counts (n, c, k), not a batch."""
    binary: bool
    """Whether the estimator accepts only rewards of 0 and 1."""
    formula: str = ""
    source: str = ""
    estimates: str = ""
    """Expected gradient."""
    scale: Literal["mean", "sum"] = "mean"
    """Whether `estimates` is the mean or the sum of A_i grad log p(y_i) over the rollouts of a prompt."""
    graded: bool = False
    """Whether the estimator refuses a batch in which every reward is 0 or 1, and both occur."""
    accepts: Callable[[Mapping[str, Any]], None] | None = None
    """Function of all options that raises ConfigError if they contradict each other."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.function(*arguments, **options)

    @cached_property
    def _keywords(self) -> dict[str, inspect.Parameter]:
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Inputs besides the rewards that the estimator uses, of INPUTS."""
        return tuple(name for name in self._keywords if name in INPUTS)

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """Inputs without which the estimator cannot work."""
        return tuple(name for name in self.inputs if self._keywords[name].default is inspect.Parameter.empty)

    @cached_property
    def options(self) -> dict[str, Any]:
        """Defaults by option; inspect.Parameter.empty for a required option."""
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
        """Return all options with defaults filled in. Raise ConfigError: one line, the option first."""
        import pydantic

        for name in options:
            if name not in self.options:
                known = nearest(name, self.options) if self.options else f"remove it, since {self.name} has none"
                raise ConfigError(f"options.{name}", f"{self.name} has no such option", known)
        try:
            complete = dict(self._model(**{name: plain(value) for name, value in options.items()}))
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            name, message = first["loc"][0], first["msg"].removeprefix("Value error, ")
            value, fix = f", not {shown(options.get(str(name)))}", "change it"
            if first["type"] == "missing":
                value, fix = "", "add it"
            problem = f"is invalid for {self.name}: {message.lower()}{value}"
            raise ConfigError(f"options.{name}", problem, fix) from None
        if self.accepts:
            self.accepts(complete)
        return complete

    def check_k(self, k: int, n: int) -> None:
        """Raise ConfigError unless the estimator is defined for k of n rollouts."""
        n, k = plain(n), plain(k)
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise ConfigError("k", f"must be a whole number of 1 or more, not {shown(k)}", "change it")
        if n < 1:
            raise ConfigError("rollouts", f"must be 1 or more, not {n}", "raise it")
        allowed, must_be, fix = {
            "any": (True, "", ""),
            "1": (k == 1, "1", "set it, or choose a Pass@k estimator such as passk_analytical"),
            "< N": (k < n, f"smaller than the rollouts per prompt ({n})", "lower k or raise rollouts"),
            "<= N": (k <= n, f"at most the rollouts per prompt ({n})", "lower k or raise rollouts"),
            "2 .. N": (2 <= k <= n, f"from 2 to the rollouts per prompt ({n})", "change k or raise rollouts"),
            "<= N / 2": (2 * k <= n, f"at most half of the rollouts per prompt ({n})", "lower k or raise rollouts"),
        }[self.k]
        if not allowed:
            raise ConfigError("k", f"must be {must_be} for {self.name}, not {k}", fix)

    def pairs(self, n: int, k: int, options: Mapping[str, Any]) -> list[tuple[float, float]]:
        """Return finite (incorrect, correct) advantages of a count estimator for c = 0 .. N. Raise ConfigError."""
        pairs = []
        n, k = plain(n), plain(k)
        for c in range(n + 1):
            try:
                incorrect, correct = map(float, self.function(n, c, k, **options))
            except (ArithmeticError, TypeError, ValueError) as error:
                reason = one_line(error)
                raise ConfigError(
                    "advantage",
                    f"{self.name} has no value at N = {n}, c = {c}, k = {k}: {reason}",
                    "fix the estimator",
                ) from None
            if not (math.isfinite(incorrect) and math.isfinite(correct)):
                raise ConfigError(
                    "advantage",
                    f"{self.name} is {incorrect}, {correct} at N = {n}, c = {c}, k = {k}",
                    "fix the estimator",
                )
            pairs.append((min(max(incorrect, -LARGEST), LARGEST), min(max(correct, -LARGEST), LARGEST)))
        return pairs


def estimator(
    *,
    k: Domain,
    binary: bool = False,
    formula: str = "",
    source: str = "",
    estimates: str = "",
    scale: Literal["mean", "sum"] = "mean",
    graded: bool = False,
    accepts: Callable[[Mapping[str, Any]], None] | None = None,
) -> Callable[[Callable[..., Any]], Estimator]:
    """Turn a function of a batch into an estimator: (rewards [P, N], k, ...) -> [P, N]. See the module's docstring."""

    def decorate(function: Callable[..., Any]) -> Estimator:
        _check_written(function, k, "rewards", "k")
        return Estimator(
            function.__name__, function, k, False, binary, formula, source, estimates, scale, graded, accepts
        )

    return decorate


def count_estimator(
    *,
    k: Domain,
    formula: str = "",
    source: str = "",
    estimates: str = "",
    scale: Literal["mean", "sum"] = "mean",
) -> Callable[[Callable[..., tuple[float, float]]], Estimator]:
    """Turn a function of counts into an estimator: (n, c, k, ...) -> (incorrect, correct)."""

    def decorate(function: Callable[..., tuple[float, float]]) -> Estimator:
        _check_written(function, k, "n", "c", "k")
        return Estimator(function.__name__, function, k, True, True, formula, source, estimates, scale)

    return decorate


def _check_written(function: Callable[..., Any], k: str, *first: str) -> None:
    """Raise TypeError for a function whose signature cannot be used."""
    if k not in typing.get_args(Domain):
        raise TypeError(f"{function.__name__}: k must be one of {', '.join(typing.get_args(Domain))}, not {k!r}")
    kinds = {name: p.kind for name, p in inspect.signature(function).parameters.items()}
    others = list(kinds)[len(first) :]
    if len(kinds) < len(first) or any(kinds[name] is not inspect.Parameter.KEYWORD_ONLY for name in others):
        raise TypeError(f"{function.__name__}: must take ({', '.join(first)}), and all other parameters after a *")


def plain(value: Any) -> Any:
    """Return a numpy number as Python's own, and any other value unchanged."""
    return value.item() if isinstance(value, numbers.Number) and hasattr(value, "item") else value


def shown(value: Any) -> str:
    """Return a user's value as one short line for a message."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_options(text: str, *, field: str) -> dict[str, Any]:
    """Return an estimator's options from a JSON object. Raise ConfigError, `field` first."""
    try:
        options = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(field, f"is not JSON: {error}", 'write, for example, {"sigma": false}') from None
    if not isinstance(options, dict):
        raise ConfigError(field, f'must be an object such as {{"sigma": false}}, not {shown(text)}', "write one")
    return options
