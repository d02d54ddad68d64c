"""Read the values of the plugin's flags."""

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from passk.base.errors import ConfigError, InvalidError, under
from passk.experiment import method_field
from passk.experiment.advantage_schedule import AdvantageSchedule
from passk.experiment.fields import Stops
from passk.experiment.flag_value import FlagValue
from passk.experiment.k_schedule import Schedule
from passk.methods import Method

T = TypeVar("T", Schedule, AdvantageSchedule)
Value = TypeVar("Value", bound=FlagValue)


def count(text: str) -> int:
    """Return a whole number of 1 or more, for argparse."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def inner_share(text: str) -> float:
    """Return a number above 0 and below 1, for argparse."""
    if not 0 < (number := float(text)) < 1:
        raise ValueError
    return number


def stop(text: str) -> tuple[str, ...]:
    """Return the texts in the JSON of --passk.stop. Raise ConfigError."""
    try:
        return TypeAdapter(Stops).validate_json(text)
    except ValidationError:
        raise ConfigError("--passk.stop", f"{text!r} is not a list of texts", r'write it as in ["\n\n"]') from None


def parsed(kind: type[Value], flag: str, text: str | None) -> Value | None:
    """Return the settings in a flag's JSON, None without the flag. Raise ConfigError."""
    if text is None:
        return None
    try:
        return kind.parse(text)
    except ConfigError as error:
        raise error.replaced(where=flag) from None


def method(text: str | None) -> Method | None:
    """Return the method in the JSON of --passk.method, None without the flag. Raise ConfigError."""
    with under("--passk.method"):
        return method_field.parsed(text) if text else None


def schedule(kind: type[T], flag: str, text: str) -> T:
    """Return a schedule in a flag's text. Raise ConfigError."""
    try:
        return kind.parse(text)
    except InvalidError as error:
        raise ConfigError(flag, error.problem, error.fix) from None
