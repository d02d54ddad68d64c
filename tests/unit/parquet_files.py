"""Parquet files in tests."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


class Parquet:
    """Looks into a Parquet file, or spoils it."""

    @staticmethod
    def columns(path: Path) -> dict[str, list]:
        return pq.read_table(path).to_pydict()

    @staticmethod
    def repeat_first_row(path: Path) -> None:
        table = pq.read_table(path)
        pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)
