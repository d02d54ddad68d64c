"""The union of problem sets that a stage mixes. The store and the metrics by difficulty read it as a set of its own."""

from collections.abc import Mapping
from pathlib import Path

from passk.base.errors import ConfigError
from passk.files import durable


def write(field: str, files: Mapping[str, Path], target: Path) -> None:
    """Write the union of prepared sets, by name, as one Parquet file. A problem in two sets stands in it once.

    Raise ConfigError, which begins with the field, if two sets have different problems with the same id.
    """
    import pyarrow
    import pyarrow.parquet

    tables, known = [], {}
    for name, file in files.items():
        table = pyarrow.parquet.read_table(file)
        new = []
        for place, row in enumerate(table.select(["id", "prompt", "answer", "verifier"]).to_pylist()):
            first, same = known.setdefault(row["id"], (name, row))
            if same != row:
                raise ConfigError(
                    field,
                    f"{first} and {name} have different problems with the id {row['id']}",
                    "mix sets whose ids differ",
                )
            if first == name:
                new.append(place)
        tables.append(table.take(pyarrow.array(new, pyarrow.int64())))
    target.parent.mkdir(parents=True, exist_ok=True)
    with durable.written(target) as output:
        pyarrow.parquet.write_table(pyarrow.concat_tables(tables), output)
