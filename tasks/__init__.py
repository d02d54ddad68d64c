"""Prefect tasks. Each only names, retries or limits one call into passk or reports."""
