"""The store once more, from the files alone."""

import os
from collections.abc import Callable
from pathlib import Path

from passk.errors import PasskError
from passk.store import ingest
from passk.store.connection import WAIT, held, writing

STORE = "passk.duckdb"


def rebuild(runs: Path, wait: float = WAIT) -> list[str]:
    """Make runs/passk.duckdb again from the files under `runs`; returns a line for each thing left out.

    The new store is made beside the old one and takes its place in one rename: a failure leaves the old one.
    Unfinished, half-written and damaged stages and samplings are named and skipped, the rest goes in.
    Raises PasskError when another process holds the old store for longer than `wait` seconds.
    """
    store = runs / STORE
    fresh = runs / f".{STORE}.{os.getpid()}"
    skipped: list[str] = []

    def attempt(step: Callable[[Path, Path], None], path: Path) -> None:
        try:
            step(fresh, path)
        except PasskError as error:
            skipped.append(str(error))

    try:
        with writing(fresh):
            pass  # a store without a row is a store
        for experiment in _directories(runs):
            attempt(ingest.ingest_experiment_record, experiment)
            for problems in sorted((experiment / "problems").glob("*.parquet")):
                attempt(ingest.ingest_problem_set, problems)
            for stage in _directories(experiment / "stages"):
                attempt(ingest.ingest_stage, stage)
            for sampling in _directories(experiment / "samples"):
                attempt(ingest.ingest_sampling, sampling)
        with held(store, wait):
            store.with_name(f"{STORE}.wal").unlink(missing_ok=True)
            fresh.replace(store)
    finally:
        fresh.unlink(missing_ok=True)
        fresh.with_name(f"{fresh.name}.wal").unlink(missing_ok=True)
    return skipped


def _directories(parent: Path) -> list[Path]:
    return sorted(path for path in parent.glob("*") if path.is_dir() and not path.name.startswith("."))
