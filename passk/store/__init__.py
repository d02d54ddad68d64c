"""DuckDB, the index over the files: migrations, ingest, rebuild, queries. No other room opens the database.

    from passk.store import ingest_experiment_record, ingest_problems, ingest_stage, ingest_sampling, rebuild
    from passk.store import queries, reading
    with reading(store) as connection:
        frame = queries.steps(connection, experiment)

Every call opens the store, does one thing in one transaction and closes it again.
"""

from passk.store.connection import reading
from passk.store.ingest import ingest_experiment_record, ingest_problems, ingest_sampling, ingest_stage
from passk.store.rebuild import STORE, rebuild

__all__ = [
    "STORE",
    "ingest_experiment_record",
    "ingest_problems",
    "ingest_sampling",
    "ingest_stage",
    "reading",
    "rebuild",
]
