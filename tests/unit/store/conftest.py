from pathlib import Path

import pytest

from passk.store.connection import turn


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only to be copied: a store without a row. To create one takes as long as the ingest of three items."""
    store = tmp_path_factory.mktemp("empty") / "passk.duckdb"
    with turn(store):
        pass
    return store
