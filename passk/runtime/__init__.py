"""Processes, ports, Ray jobs and their monitors."""
