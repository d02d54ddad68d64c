"""Reports of experiments: read the store into frames and dataclasses, then write markdown and figures.

from reports import compare, results_table, write_report
write_report(Path("runs/passk.duckdb"), Path("runs/maze-cpu"))     # -> runs/maze-cpu/report.md, report.html, figures/
compare(Path("runs/passk.duckdb"), ["maze-s1", "maze-s2"])         # -> comparisons/maze-s1+maze-s2/report.md, ...
"""

from reports.report import compare, results_rows, results_table, write_report

__all__ = ["compare", "results_rows", "results_table", "write_report"]
