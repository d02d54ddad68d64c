"""`method:` of an rl stage: a method of passk/methods with its options, {name: simko, alpha: 0.01}."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError

from passk import methods
from passk.base import plugins
from passk.base.errors import ConfigError, InvalidError
from passk.experiment.field_errors import first_fault
from passk.methods import Method


def _named(method: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(method.get("name"), str):
        raise InvalidError("has no name", "write one, as in {name: simko}")
    return method


MethodField = Annotated[dict[str, Any], AfterValidator(_named)]


def chosen(method: Mapping[str, Any]) -> Method:
    """Return the method with its options. Raise ConfigError for an unknown name or an option that it refuses."""
    kind = methods.get(method["name"])
    try:
        return kind.model_validate({option: value for option, value in method.items() if option != "name"})
    except ValidationError as error:
        fault = first_fault(error, lambda _: list(kind.model_fields), sources=(), kinds=())
        # An error of the options together has no field of its own.
        raise (fault if error.errors()[0]["loc"] else fault.replaced(field="name")) from None


def parsed(text: str) -> Method:
    """Return the method in a JSON text. Raise ConfigError."""
    try:
        method = json.loads(text)
    except ValueError:
        method = None
    if not isinstance(method, dict) or not isinstance(method.get("name"), str):
        raise ConfigError("name", f"{text!r} is not a method", 'write it as in {"name": "simko"}')
    return chosen(method)


def versions(method: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the package outside passk that provides the method, for the key of its stage."""
    package = plugins.package(methods.GROUP, method["name"]) if method else None
    return {"method": package} if package else {}
