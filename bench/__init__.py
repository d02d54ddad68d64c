"""What performance is measured with. Ratios within one run: absolute times are not stable."""
