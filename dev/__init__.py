"""Figures for the docs, interval calibration and fault injection."""
