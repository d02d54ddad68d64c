"""A person's own SQL, which reads this store and nothing else.

The query may have come from anywhere: it can change nothing, write no file, read no other file, load no extension
and see no variable of this process, and it cannot undo that.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from passk.base.errors import ConfigError
from passk.store.connection import WAIT, one_line
from passk.store.index import reading

if TYPE_CHECKING:
    import pyarrow

# The last one locks those before it.
_WALLS = (
    "SET python_enable_replacements = false",
    "SET allow_persistent_secrets = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
# MULTI is what PIVOT comes to. The walls hold whatever the statement is; this is for an error that a person can use.
_READS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI)


@dataclass(frozen=True)
class Answer:
    """What a query gave, whole: the store is closed again."""

    table: "pyarrow.Table"

    @property
    def columns(self) -> list[str]:
        return self.table.column_names

    def rows(self) -> list[tuple[Any, ...]]:
        """As Python's own values: a map is a dict, a list a list, a number that is none (NaN) a float."""
        columns = [column.to_pylist(maps_as_pydicts="strict") for column in self.table.columns]
        return list(zip(*columns, strict=True))


def ask(store: Path, sql: str, wait: float = WAIT) -> Answer:
    """Run one SELECT. Raises ConfigError for SQL that is wrong, is not one query, or is not allowed."""
    with reading(store, wait) as connection:
        for wall in _WALLS:
            connection.execute(wall)
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in _READS:
                raise ConfigError("sql: takes one SELECT; the store is read-only here")
            return Answer(connection.sql(sql).to_arrow_table())
        except (duckdb.Error, ValueError) as error:  # ValueError: a kind of statement that Python's side cannot name
            raise ConfigError(f"sql: {one_line(error)}") from None
