"""Prefect flows. A flow reads as the list of its steps."""
