"""The steps of a run: prepare, train, evaluate, ingest."""
