"""Find methods by name: those of passk/methods, and those of other packages.

Another package offers a method as an entry point of the group `passk.methods`, named as the method.
"""

from functools import cache

from passk.base import plugins
from passk.base.errors import ConfigError, nearest
from passk.methods.method import Method

GROUP = "passk.methods"
_OURS = {"ar_opd": "AROPD", "gcpo": "GCPO", "resrl": "ResRL", "sage": "Sage", "simko": "SimKO"}
"""Class of each method of passk, in the file of its name."""


@cache
def _locations() -> dict[str, str]:
    """Return "module:attribute" by name."""
    return plugins.locations(GROUP, "method", {name: f"passk.methods.{name}:{kind}" for name, kind in _OURS.items()})


def names() -> list[str]:
    """Return the name of every available method without importing one."""
    return sorted(_locations())


@cache
def get(name: str) -> type[Method]:
    """Return the method of that name. Raise ConfigError for an unknown name, and for another object."""
    if name not in _locations():
        raise ConfigError("name", f"{name!r} does not exist", nearest(name, _locations()))
    method = plugins.imported(_locations()[name], "method", name)
    if not (isinstance(method, type) and issubclass(method, Method)):
        raise ConfigError("method", f"{_locations()[name]} is not a method", "derive it from passk.methods.Method")
    return method
