"""Sections of a report, one file for each."""
