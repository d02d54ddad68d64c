"""Studies: their experiments, data, code and pages. Not part of the package."""
