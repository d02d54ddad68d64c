"""Rules by name: the files of passk/advantage/rules, and what other packages install.

A package of somebody else's offers a rule as an entry point of the group `passk.advantage`, under the
rule's own name. Nothing is imported before it is asked for.
"""

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from passk.advantage import rules
from passk.advantage.rule import Rule
from passk.errors import ConfigError, PasskError, nearest

GROUP = "passk.advantage"


@cache
def _found() -> dict[str, str]:
    """name -> "module:attribute"."""
    found = {
        module.name: f"{rules.__name__}.{module.name}:{module.name}" for module in pkgutil.iter_modules(rules.__path__)
    }
    for entry in entry_points(group=GROUP):
        if found.get(entry.name, entry.value) != entry.value:
            raise PasskError(
                f"rule: {entry.name} is both {found[entry.name]} and {entry.value}; uninstall or rename one of them"
            )
        found[entry.name] = entry.value
    return found


def package(name: str) -> str | None:
    """ "package version" where another package brought the rule of that name; None for one of passk's own."""
    for entry in entry_points(group=GROUP, name=name):
        return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
    return None


def names() -> list[str]:
    """Every rule that an experiment can name, without importing one."""
    return sorted(_found())


@cache
def get(name: str) -> Rule:
    """The rule of that name. Raises ConfigError where there is none, PasskError where it is not a rule."""
    if name not in _found():
        raise ConfigError(f"rule: {name!r} does not exist{nearest(name, _found())}")
    module, _, attribute = (part.strip() for part in _found()[name].partition(":"))
    try:
        rule = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever another package's module does when it is imported
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise PasskError(f"rule: {name} is not to be had from {module}: {reason}; mend or uninstall it") from error
    if not isinstance(rule, Rule) or rule.name != name:
        raise PasskError(
            f"rule: {module}:{attribute} is no rule named {name}; "
            "decorate a function of that name with passk.advantage.rule"
        )
    return rule
