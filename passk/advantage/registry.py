"""Estimators by name: the files of passk/advantage/estimators, and what other packages install.

Another package offers an estimator as an entry point of the group `passk.advantage`, under the
estimator's own name. An estimator is imported when it is first used.
"""

import pkgutil
from functools import cache
from pathlib import Path

from passk.advantage.estimator import Estimator
from passk.base import plugins
from passk.base.errors import ConfigError, PasskError, nearest

GROUP = "passk.advantage"


@cache
def _found() -> dict[str, str]:
    """name -> "module:attribute"."""
    folder = Path(__file__).with_name("estimators")
    own = {
        module.name: f"passk.advantage.estimators.{module.name}:{module.name}"
        for module in pkgutil.iter_modules([str(folder)])
    }
    return plugins.found(GROUP, "estimator", own)


def package(name: str) -> str | None:
    """ "package version" where another package brought the estimator of that name; None for one of passk's own."""
    return plugins.package(GROUP, name)


def names() -> list[str]:
    """Every estimator that an experiment can name, without importing one."""
    return sorted(_found())


@cache
def get(name: str) -> Estimator:
    """The estimator of that name. Raises ConfigError where there is none, PasskError where it is not an estimator."""
    if name not in _found():
        raise ConfigError(f"advantage: {name!r} does not exist{nearest(name, _found())}")
    estimator = plugins.imported(_found()[name], "estimator", name)
    if not isinstance(estimator, Estimator) or estimator.name != name:
        raise PasskError(
            f"advantage: {_found()[name]} is no estimator named {name}; "
            "decorate a function of that name with passk.advantage.estimator"
        )
    return estimator
