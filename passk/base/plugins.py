"""Find plugins: estimators and verifiers of passk and of the entry points of other packages."""

import importlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Any

from passk.base import extras
from passk.base.errors import ConfigError, typed_line


@cache
def scan() -> EntryPoints:
    """Return the entry points of all installed packages. A scan reads the metadata of each, so a process does one."""
    return entry_points()


def locations(group: str, what: str, builtin: Mapping[str, str]) -> dict[str, str]:
    """Return the location of each plugin by name, without importing one.

    builtin: passk's own plugins; group: the entry points of other packages; what: the word for a plugin in messages.
    Raise PasskError if two packages use one name for different objects.
    """
    known = dict(builtin)
    for entry in scan().select(group=group):
        if known.get(entry.name, entry.value) != entry.value:
            raise ConfigError(
                what, f"{entry.name} is both {known[entry.name]} and {entry.value}", "uninstall or rename one of them"
            )
        known[entry.name] = entry.value
    return known


def package(group: str, name: str) -> str | None:
    """Return "package version" of the package that installed that name; None for one of passk's own."""
    for entry in scan().select(group=group, name=name):
        return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
    return None


def imported(where: str, what: str, name: str) -> Any:
    """Import "module" or "module:attribute". Raise ConfigError for any error of the import but a lack of memory."""
    module, _, attribute = (part.strip() for part in where.partition(":"))
    try:
        loaded = importlib.import_module(module)
        return getattr(loaded, attribute) if attribute else loaded
    except MemoryError:  # a verifier's child has a limit, which is no fault of the module
        raise
    except Exception as error:
        if absent := extras.missing(error, f"{what} {name}"):
            raise absent from None
        reason = typed_line(error)
        raise ConfigError(what, f"{name} cannot be imported from {module}: {reason}", "fix or uninstall it") from error
