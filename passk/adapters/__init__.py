"""Adapters that use passk's estimators in other trainers (docs/adapters.md). passk requires neither trainer."""
