"""Find estimators by name: the files of passk/advantage/estimators, and those of other packages.

Another package offers an estimator as an entry point of the group `passk.advantage`, named as the estimator. passk
imports an estimator when it is first used.
"""

import pkgutil
from functools import cache
from pathlib import Path

from passk.advantage.estimator import Estimator
from passk.base import plugins
from passk.base.errors import ConfigError, PasskError, nearest

GROUP = "passk.advantage"


@cache
def _locations() -> dict[str, str]:
    """Return "module:attribute" by name."""
    folder = Path(__file__).with_name("estimators")
    ours = {
        module.name: f"passk.advantage.estimators.{module.name}:{module.name}"
        for module in pkgutil.iter_modules([str(folder)])
    }
    return plugins.locations(GROUP, "advantage", ours)


def package(name: str) -> str | None:
    """Return "package version" of the package that installed an estimator; None for one of passk's own."""
    return plugins.package(GROUP, name)


def names() -> list[str]:
    """Return the name of every available estimator without importing one."""
    return sorted(_locations())


@cache
def get(name: str) -> Estimator:
    """Return the estimator of that name. Raise ConfigError for an unknown name, PasskError for another object."""
    if name not in _locations():
        raise ConfigError("advantage", f"{name!r} does not exist", nearest(name, _locations()))
    estimator = plugins.imported(_locations()[name], "advantage", name)
    if not isinstance(estimator, Estimator) or estimator.name != name:
        raise PasskError(
            f"advantage: {_locations()[name]} is not an estimator named {name}; "
            "decorate a function of that name with passk.advantage.estimator"
        )
    return estimator
