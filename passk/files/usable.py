"""Check that an experiment can run in a directory of runs, before anything is written there."""

import os
from pathlib import Path

from passk.base.errors import ConfigError
from passk.files import layout

_SPLITTERS = {
    ",": "OpenRLHF splits a path there",
    "@": "OpenRLHF splits a path there",
    "::": "the datasets library splits a path there",
    "?": "DuckDB splits a path there",
    "\\": "DuckDB reads it as a /",
}
_LONGEST_PATH = 3500
"""Most bytes of the directory of runs. Linux limits paths to 4,096, and a checkpoint's files have the longest ones."""


def require_usable(runs: Path, name: str) -> None:
    """Raise ConfigError if experiment `name` cannot run under `runs`; call this before anything is written there."""
    path = str(runs.resolve())
    if not path.isprintable():
        raise ConfigError("runs", f"{path!r} has an unprintable character", "name another directory")
    for text, why in _SPLITTERS.items():
        if text in path:
            raise ConfigError("runs", f"{path} contains {text!r}, and {why}", "name a directory without it")
    if (length := len(os.fsencode(path))) > _LONGEST_PATH:
        raise ConfigError("runs", f"the path has {length} bytes", f"name a directory with {_LONGEST_PATH} or fewer")
    if name in (layout.SERVE, layout.STORE, layout.REHEARSALS) or name.startswith(f"{layout.STORE}."):
        raise ConfigError("name", f"{name} is reserved in the directory of runs", "choose another name")
