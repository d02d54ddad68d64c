"""The user's SQL queries, which can read this store and nothing else.

The query is untrusted. It cannot change rows, write or read other files, load extensions or see this process's
variables, and it cannot undo these restrictions.
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

# The last setting locks the others.
_WALLS = (
    "SET python_enable_replacements = false",
    "SET allow_persistent_secrets = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
# PIVOT has the type MULTI. _WALLS hold for every statement; this check gives a clear error.
_READS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI)


@dataclass(frozen=True)
class Answer:
    """All rows of a query. The store is already closed."""

    table: "pyarrow.Table"

    @property
    def columns(self) -> list[str]:
        return self.table.column_names

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the rows as Python values: a map is a dict, a list is a list, NaN is a float."""
        columns = [column.to_pylist(maps_as_pydicts="strict") for column in self.table.columns]
        return list(zip(*columns, strict=True))


def ask(store: Path, sql: str, wait: float = WAIT) -> Answer:
    """Run one SELECT. Raises ConfigError for SQL that is invalid, is not one query, or is not allowed."""
    with reading(store, wait) as connection:
        for wall in _WALLS:
            connection.execute(wall)
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in _READS:
                raise ConfigError("sql", "must be one SELECT, since the store is read-only here", "write one")
            return Answer(connection.sql(sql).to_arrow_table())
        except (
            duckdb.Error,
            ValueError,
        ) as error:  # ValueError: a statement type that DuckDB's Python API does not know
            raise ConfigError("sql", one_line(error), "correct the query") from None
