"""OpenRLHF's own flags on a stage (`openrlhf:`), checked against the parser of the installed version."""

import argparse
from collections.abc import Mapping
from typing import Any

from passk.base.errors import ConfigError, nearest
from passk.experiment.config import Experiment
from passk.openrlhf import own_flags
from passk.openrlhf.installed_parser import installed

_TYPES: dict[Any, tuple[tuple[type, ...], str]] = {
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "text"),
    None: ((str,), "text"),
}


def check(experiment: Experiment) -> None:
    """Raise ConfigError for a flag that does not exist, that passk sets itself, or whose value OpenRLHF refuses."""
    for name, stage in experiment.stages.items():
        for flag, value in stage.openrlhf.items():
            _check(f"stages.{name}.openrlhf.{flag}", stage.kind, flag, value)


def words(flags: Mapping[str, Any]) -> list[str]:
    """Return the flags as words of a command line."""
    spelled: list[str] = []
    for flag, value in flags.items():
        if value is True:
            spelled.append(flag)
        elif isinstance(value, list | tuple):
            spelled += [flag, *map(str, value)]
        else:
            spelled.append(f"{flag}={value}")  # argparse takes -1e-05 after a space for a flag
    return spelled


def _check(field: str, kind: str, flag: str, value: Any) -> None:
    parser = installed(kind)
    if flag not in parser.actions:
        raise ConfigError(field, f"OpenRLHF has no such flag for {kind}", nearest(flag, parser.actions))
    if instead := own_flags.fix(kind, flag):
        raise ConfigError(field, "is not free", instead)
    action = parser.actions[flag]
    if action.nargs == 0:
        if value is not True:
            raise ConfigError(field, f"is a switch, not {value!r}", "write true, or remove it")
        return
    _require_type(field, action, value)
    try:
        parser.parse_args(words({flag: value}))
    except ValueError as error:
        message = str(error).removeprefix(f"argument {flag}: ")
        raise ConfigError(field, message, "write a value that OpenRLHF takes") from None


def _require_type(field: str, action: argparse.Action, value: Any) -> None:
    """Raise ConfigError unless the value, or each in its list, has the type of the parser."""
    types, expected = _TYPES.get(action.type, ((str,), "text"))
    listed = action.nargs is not None
    if listed != isinstance(value, list):
        raise ConfigError(field, f"must be {'a list' if listed else expected}, not {value!r}", "write one")
    for each in value if listed else [value]:
        if isinstance(each, bool) or not isinstance(each, types):
            raise ConfigError(field, f"must be {expected}, not {each!r}", "write one")
