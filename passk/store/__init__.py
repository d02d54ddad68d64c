"""The DuckDB store, an index over the files: schema, ingest, queries. No other package opens the database.

    from passk.store import ingest_items, items, queries, reading, rebuild
    ingest_items(store, items(runs))
    with reading(store) as connection:
        frame = queries.steps(connection, experiment)

Every call opens the store, runs one transaction and closes the store.
"""

from passk.store.export import export
from passk.store.index import STORE, ingest_items, items, reading, rebuild
from passk.store.ingest import ingest_experiment_record
from passk.store.sql import Answer, ask

__all__ = [
    "STORE",
    "Answer",
    "ask",
    "export",
    "ingest_experiment_record",
    "ingest_items",
    "items",
    "reading",
    "rebuild",
]
