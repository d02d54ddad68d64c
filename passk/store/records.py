"""JSON records of finished directories, as the ingest reads them, and what a damaged one is called."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, get_origin

from passk.base.errors import PasskError
from passk.base.redact import without_secrets
from passk.files.layout import ExperimentRecord, is_finished

RESTORE = "restore it from a copy, or delete its directory and run the experiment again"
RESTORE_EXPERIMENT = "restore it from a copy, or delete it: the next run writes it again without its earlier sessions"
UNREADABLE = (OSError, ValueError, TypeError, RecursionError)
"""Exceptions of reading a damaged JSON record."""


class Damaged(PasskError):
    """A file or directory that cannot be ingested: unfinished, cut off, or of another kind."""


class Unfinished(Damaged):
    """A stage or an evaluation that is not finished. Its run may be going on."""


def require_finished(directory: Path, what: str) -> None:
    """Raise Unfinished unless the directory has a manifest. what: stage or evaluation."""
    if not is_finished(directory):
        raise Unfinished(f"{directory}: the {what} is not finished (no manifest.json); run the experiment again")


def record_of(path: Path, kind: type[Any]) -> Any:
    """Read a record of passk/files/layout.py. Raises Damaged with the name of a missing or damaged file."""
    restore = RESTORE_EXPERIMENT if kind is ExperimentRecord else RESTORE
    try:
        # The record of an earlier passk may have secrets.
        record = kind(**without_secrets(json.loads(path.read_text())))
    except FileNotFoundError:
        raise Damaged(f"{path}: no such file; {restore}") from None
    except UNREADABLE as error:
        raise Damaged(f"{path}: not a {kind.__name__}: {_reason(error)}; {restore}") from None
    for field in fields(record):
        expected = get_origin(field.type) or field.type
        if expected in (str, dict, list) and not isinstance(getattr(record, field.name), expected):
            raise Damaged(f"{path}: not a {kind.__name__}: {field.name} is not a {expected.__name__}; {restore}")
    return record


def manifest_of(directory: Path, key: str) -> dict[str, Any]:
    """Read the manifest of a finished directory. Raises Damaged if it is damaged or not that of `key`."""
    path = directory / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
    except UNREADABLE as error:
        raise Damaged(f"{path}: not a manifest: {_reason(error)}; {RESTORE}") from None
    if not isinstance(manifest, dict) or manifest.get("key") != key:
        raise Damaged(f"{path}: not the manifest of {key}; {RESTORE}")
    return manifest


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())
