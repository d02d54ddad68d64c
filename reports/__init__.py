"""Reports: the store -> frames and dataclasses -> markdown and figures, in one pass at the end.

from reports import results_table, write_report
write_report(Path("runs/passk.duckdb"), Path("runs/maze-cpu"))     # -> runs/maze-cpu/report.md
"""

from reports.report import results_rows, results_table, write_report

__all__ = ["results_rows", "results_table", "write_report"]
