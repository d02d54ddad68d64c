"""What other packages bring: estimators and verifiers by their entry points, beside passk's own."""

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from passk.base import extras
from passk.base.errors import PasskError


def found(group: str, what: str, own: Mapping[str, str]) -> dict[str, str]:
    """Name -> where it is: passk's `own`, and the entry points of a group. Imports nothing.

    what: a word for one of them. Raises PasskError where two packages give one name to two things.
    """
    known = dict(own)
    for entry in entry_points(group=group):
        if known.get(entry.name, entry.value) != entry.value:
            raise PasskError(
                f"{what}: {entry.name} is both {known[entry.name]} and {entry.value}; uninstall or rename one of them"
            )
        known[entry.name] = entry.value
    return known


def package(group: str, name: str) -> str | None:
    """ "package version" where another package brought what has that name; None for one of passk's own."""
    for entry in entry_points(group=group, name=name):
        return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
    return None


def imported(where: str, what: str, name: str) -> Any:
    """What stands at "module" or "module:attribute". Raises PasskError, whatever happens when it is imported."""
    module, _, attribute = (part.strip() for part in where.partition(":"))
    try:
        found = importlib.import_module(module)
        return getattr(found, attribute) if attribute else found
    except Exception as error:
        if absent := extras.missing(error, f"{what} {name}"):
            raise absent from None
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise PasskError(f"{what}: {name} is not to be had from {module}: {reason}; mend or uninstall it") from error
