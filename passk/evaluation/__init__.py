"""Evaluation of one checkpoint on one benchmark with vLLM."""
