"""Rules by name: the files of passk/advantage/rules, and what other packages install.

A package of somebody else's offers a rule as an entry point of the group `passk.advantage`, under the
rule's own name. Nothing is imported before it is asked for.
"""

import pkgutil
from functools import cache

from passk.advantage import estimators
from passk.advantage.estimator import Estimator
from passk.base import plugins
from passk.base.errors import ConfigError, PasskError, nearest

GROUP = "passk.advantage"


@cache
def _found() -> dict[str, str]:
    """name -> "module:attribute"."""
    own = {
        module.name: f"{estimators.__name__}.{module.name}:{module.name}"
        for module in pkgutil.iter_modules(estimators.__path__)
    }
    return plugins.found(GROUP, "rule", own)


def package(name: str) -> str | None:
    """ "package version" where another package brought the rule of that name; None for one of passk's own."""
    return plugins.package(GROUP, name)


def names() -> list[str]:
    """Every rule that an experiment can name, without importing one."""
    return sorted(_found())


@cache
def get(name: str) -> Estimator:
    """The rule of that name. Raises ConfigError where there is none, PasskError where it is not a rule."""
    if name not in _found():
        raise ConfigError(f"rule: {name!r} does not exist{nearest(name, _found())}")
    rule = plugins.imported(_found()[name], "rule", name)
    if not isinstance(rule, Estimator) or rule.name != name:
        raise PasskError(
            f"rule: {_found()[name]} is no rule named {name}; "
            "decorate a function of that name with passk.advantage.estimator"
        )
    return rule
