"""Ingest of single items, to see one of them fail or wait."""

from pathlib import Path

from passk.files import layout
from passk.store import ingest
from passk.store.connection import turn


def ingest_problems(store: Path, directory: Path) -> None:
    """Ingest every problem set of an experiment's directory. Raise Damaged with the name of a damaged file."""
    for path in layout.problem_files(directory):
        _ingest(store, (ingest.problem_set, path))


def ingest_stage(store: Path, directory: Path) -> None:
    """Ingest a stage. Raise Damaged with the directory's name if it is not finished, or if a file of it is damaged."""
    _ingest(store, (ingest.stage, directory))


def ingest_evaluation(store: Path, directory: Path) -> None:
    """Ingest an evaluation. Raise Damaged like `ingest_stage`."""
    _ingest(store, (ingest.evaluation, directory))


def _ingest(store: Path, item: ingest.Item) -> None:
    with turn(store) as connection:
        ingest.ingest(connection, item)
