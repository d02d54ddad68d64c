"""Refuse gold answers of reasoning_gym from which a scorer or the task would run code.

A gold answer is as untrusted as a response. Some scorers of reasoning_gym evaluate its fields as Python. Some tasks
evaluate text of their configuration or open a file that it names. Such a field must have the form that reasoning_gym
generates.
"""

import re
from collections.abc import Mapping
from typing import Any

# Names are functions of sympy or one letter. A dot stands between digits only, so nothing has attributes. Possessive
# quantifiers (++) keep a match linear.
_FUNCTION = r"(?:a?(?:sin|cos|tan)h?|exp|log|ln|sqrt|pi)"
ALGEBRA = re.compile(
    rf"(?:(?<![A-Za-z]){_FUNCTION}(?![A-Za-z])|(?<![A-Za-z])[A-Za-z](?![A-Za-z(])|[0-9]++(?:\.[0-9]++)?|[+*/()\s^-])*+"
)
_LETTER = re.compile("[A-Za-z]")
_NUMBER = r"""["']?[+-]?[0-9]{1,40}(?:\.[0-9]{0,40})?(?:[eE][+-]?[0-9]{1,3})?["']?"""
_NUMBERS = re.compile(rf"\[\s*(?:{_NUMBER}(?:\s*,\s*{_NUMBER})*)?\s*\]")
# Without powers: a tower of powers uses all time and memory.
_BITWISE = re.compile(r"(?!.*\*\s*\*)(?:0x[0-9a-fA-F]++|[0-9]++|<<|>>|[-+*&|^~()\s])++", re.S)

EVALUATED: Mapping[str, Mapping[str, re.Pattern[str]]] = {
    "bitwise_arithmetic": {"metadata.problem": _BITWISE},
    "intermediate_integration": {"metadata.integrand": ALGEBRA, "metadata.variable": _LETTER},
    "number_sorting": {"answer": _NUMBERS},
    "polynomial_multiplication": {"answer": ALGEBRA},
    "simple_integration": {"metadata.integrand": ALGEBRA, "metadata.variable": _LETTER},
}
"""Task -> fields of an entry that its scorer evaluates -> their form."""

# The task evaluates options such as `operators`, and opens `data_file`. Text without brackets and quotes calls nothing.
# A slash is allowed only as the operator.
_OPTION = re.compile(r"""[^()\[\]{}"'`\\/@\x00-\x1f]{0,100}|/""")
_NESTING = 10
NOT_PLAIN = "config holds a text that could be run or opened"
GIVE_PLAIN = "give options without brackets, quotes, paths and control characters"


def problem(task: str, entry: Mapping[str, Any], config: Any) -> str | None:
    """Return in one line why a gold answer is refused, or None."""
    if task == "composite":
        return "answer: composite hands an entry to any other task; name that task instead"
    if not isinstance(entry["answer"], str | None):
        return f"answer: {task}: entry.answer is not a text; write what reasoning_gym generates"
    for field, form in EVALUATED.get(task, {}).items():
        value: Any = entry
        for name in field.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if not isinstance(value, str) or not form.fullmatch(value):
            return (
                f"answer: {task}: its scorer evaluates entry.{field}, which is not of the form that reasoning_gym "
                "generates; write what it generates"
            )
    return None if is_plain_config(config) else f"answer: {task}: {NOT_PLAIN}; {GIVE_PLAIN}"


def is_plain_config(config: Any) -> bool:
    """Return whether the options of a task hold no text that could be run or opened."""
    return isinstance(config, dict) and _is_plain(config, _NESTING)


def _is_plain(value: Any, nesting: int) -> bool:
    if isinstance(value, str):
        return _OPTION.fullmatch(value) is not None
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        return nesting > 0 and all(_is_plain(item, nesting - 1) for item in value)
    return value is None or isinstance(value, bool | int | float)
