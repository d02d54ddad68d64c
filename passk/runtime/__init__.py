"""Processes, ports, Ray jobs and what watches them."""
