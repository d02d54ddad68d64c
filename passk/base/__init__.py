"""Helpers for every other package: errors, redaction of secrets, terminal tables, plugins. Standard library only."""
