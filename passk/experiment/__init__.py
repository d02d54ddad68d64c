"""Experiment files: configuration, plan and checks."""
