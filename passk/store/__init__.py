"""DuckDB, the index over the files: migrations, ingest, queries. No other room opens the database.

    from passk.store import fill, pieces, queries, reading, rebuild
    fill(store, pieces(runs))
    with reading(store) as connection:
        frame = queries.steps(connection, experiment)

Every call opens the store, does one thing in one transaction and closes it again.
"""

from passk.store.connection import reading
from passk.store.export import export
from passk.store.index import STORE, fill, pieces, rebuild
from passk.store.ingest import (
    ingest_experiment_record,
    ingest_problems,
    ingest_sampling,
    ingest_stage,
)
from passk.store.sql import Answer, ask

__all__ = [
    "STORE",
    "Answer",
    "ask",
    "export",
    "fill",
    "ingest_experiment_record",
    "ingest_problems",
    "ingest_sampling",
    "ingest_stage",
    "pieces",
    "reading",
    "rebuild",
]
