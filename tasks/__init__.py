"""Prefect tasks: each names, retries or limits one call into passk or reports, and does nothing else."""
