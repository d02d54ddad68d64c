"""Plain Python values as JSON: what a program and its tests send each other.

None, bool, int, float, str, bytes, complex, list, tuple, set, frozenset and dict pass as values. A subclass passes as
its base. Every other object stays in its process and passes as a number, {"r": number}. So a program can neither
overload an operator of its tests nor send them an object with methods.
"""

from collections.abc import Callable
from typing import Any

_EXACT = 2**53


class NotPlain(TypeError):
    """A value that has no plain form."""


def packed(value: Any, keep: Callable[[Any], Any]) -> Any:
    """Return a value as JSON types. keep: returns the JSON of an object that is not plain, or raises NotPlain."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        number = int.__int__(value)
        return number if -_EXACT < number < _EXACT else {"i": hex(number)}
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, complex):
        return {"c": [complex.__getattribute__(value, "real"), complex.__getattribute__(value, "imag")]}
    if isinstance(value, bytes | bytearray):
        return {"b": bytes(value).hex()}
    if isinstance(value, list):
        return [packed(item, keep) for item in list.__iter__(value)]
    if isinstance(value, dict):
        return {"d": [[packed(name, keep), packed(item, keep)] for name, item in dict.items(value)]}
    for kind, tag in ((tuple, "t"), (set, "s"), (frozenset, "z")):
        if isinstance(value, kind):
            return {tag: [packed(item, keep) for item in kind.__iter__(value)]}
    return keep(value)


def unpacked(value: Any, kept: Callable[[int], Any]) -> Any:
    """Return the value of JSON types. kept: number -> object. Raise NotPlain for anything that `packed` cannot give."""
    if isinstance(value, list):
        return [unpacked(item, kept) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise NotPlain("not a plain value")
    [(tag, content)] = value.items()
    try:
        if tag in _KINDS:
            return _KINDS[tag](unpacked(item, kept) for item in content)
        if tag == "d":
            return {unpacked(name, kept): unpacked(item, kept) for name, item in content}
        if tag in _READ:
            return _READ[tag](content)
        if tag == "r" and type(content) is int:
            return kept(content)
    except (TypeError, ValueError, AttributeError, KeyError):
        pass
    raise NotPlain("not a plain value")


_KINDS: dict[str, Callable[..., Any]] = {"t": tuple, "s": set, "z": frozenset}
_READ: dict[str, Callable[[Any], Any]] = {
    "i": lambda text: int(text, 16),
    "c": lambda parts: complex(*parts),
    "b": bytes.fromhex,
}
