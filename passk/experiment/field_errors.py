"""One line for a mistake in an experiment's fields: the field, the fault, the fix."""

import math
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import ValidationError

from passk.base.errors import ConfigError, InvalidError, nearest
from passk.experiment.fields import BY_STEP

Location = tuple[int | str, ...]
_TAGGED = ("stages", "problems")
"""Sections whose entries have a tag, which pydantic puts between the entry's name and its field."""
_FIXES = {
    "missing": "add it",
    "bool_type": "write true or false",
    "int_type": "write a whole number without quotes",
    "int_from_float": "write a whole number without quotes",
    "float_type": "write a number without quotes",
    "finite_number": "write a finite number",
    "string_type": "write text, in quotes if it reads as a number",
    "dict_type": "write a mapping of keys and values",
    "model_type": "write a mapping of keys and values",
    "tuple_type": "write a list",
    "string_too_short": "write some text",
    "model_attributes_type": "write a mapping of keys and values",
    "literal_error": "write one of them",
    "too_short": "add one",
    "too_long": "remove one",
    "string_pattern_mismatch": "write other characters",
    "greater_than": "raise it",
    "greater_than_equal": "raise it",
    "less_than": "lower it",
    "less_than_equal": "lower it",
}

_MESSAGES = dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "input should be a mapping") | {
    "tuple_type": "input should be a list"
}
"""Messages in place of pydantic's, which name types of Python."""


def first_fault(
    error: ValidationError, known: Callable[[Location], list[str]], *, sources: Iterable[str], kinds: Iterable[str]
) -> ConfigError:
    """Return the error of the first fault.

    known: returns the keys that a location may have. sources: of problems. kinds: of stages.
    """
    first = error.errors()[0]
    location: Location = first["loc"]
    tagged = location[:1] in [(section,) for section in _TAGGED]
    is_key = location[-1:] == ("[key]",)
    parts = location[:-1] if is_key else location
    where = ".".join(str(part) for place, part in enumerate(parts) if not (tagged and place == 2))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return ConfigError(where, "unknown key", nearest(str(location[-1]), known(location)) + more)
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        word = first["ctx"]["discriminator"].strip("'")
        tags = sources if word == "source" else kinds
        tag = first["ctx"].get("tag")
        if tag is None:
            return ConfigError(f"{where}.{word}", "is missing", f"write one of {', '.join(tags)}{more}")
        return ConfigError(f"{where}.{word}", f"{tag!r} does not exist", nearest(tag, tags) + more)
    if first["type"] == "string_pattern_mismatch" and (is_key or location[-1] in ("name", "from", "problems")):
        fix = f"use at most 64 of a-z, 0-9, '.', '_' and '-', a letter or digit first{more}"
        return ConfigError(where, f"{first['input']!r} is not a name", fix)
    field = where or "experiment"
    ours = first["ctx"]["error"] if first["type"] == "value_error" else None
    if isinstance(ours, InvalidError):  # it names the value if that helps
        return ConfigError(field, ours.problem, ours.fix + more)
    message, value = _MESSAGES.get(first["type"], str(ours or first["msg"])), first.get("input")
    if first["type"] in ("too_long", "too_short"):
        most = first["type"] == "too_long"
        limit = first["ctx"]["max_length" if most else "min_length"]
        entries = f"{limit} {'entry' if limit == 1 else 'entries'}"
        message = f"needs at {'most' if most else 'least'} {entries}, not {first['ctx']['actual_length']}"
    instead = f", not {_shown(value)}" if isinstance(value, str | int | float) and not ours else ""
    fix = _FIXES.get(first["type"], "correct it")
    return ConfigError(field, f"{message[0].lower()}{message[1:]}{instead}", fix + more)


def require_plain(content: Any, field: str = "") -> None:
    """Raise ConfigError that begins with the field for text or a number that records and programs cannot store."""
    where = field or "experiment"
    if isinstance(content, dict):
        for key, value in content.items():
            if not isinstance(key, str) and not (isinstance(key, int) and BY_STEP.fullmatch(field)):
                raise ConfigError(where, f"the key {key!r} is not text", "write text")
            require_plain(key, where)
            require_plain(value, f"{field}.{key}".lstrip("."))
    elif isinstance(content, list | tuple):
        for place, value in enumerate(content):
            require_plain(value, f"{field}.{place}".lstrip("."))
    elif isinstance(content, str):
        if odd := next(filter(_unsafe, content), ""):
            raise ConfigError(where, f"has the character {odd!a}, which cannot be stored", "remove it")
    elif isinstance(content, float) and not math.isfinite(content):
        raise ConfigError(where, f"must be a finite number, not {content}", "write one")


def _unsafe(letter: str) -> bool:
    return (letter < " " and letter not in "\t\n\r") or "\x7f" <= letter < "\xa0" or "\ud800" <= letter <= "\udfff"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
