"""docs/store.md says what the store says."""

import re
from pathlib import Path

import pytest

from passk.store import ask, describe

DOCUMENT = Path(__file__).parents[3] / "docs" / "store.md"
QUERIES = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


def test_the_tables_in_the_docs_are_made_from_the_comments_in_the_store():
    text = DOCUMENT.read_text()
    assert describe.renewed(text) == text, "run: python -m passk.store.describe docs/store.md"
    assert describe.markdown() in text


def test_every_table_view_and_macro_is_in_the_docs(filed_once):
    relations = {name for (name,) in ask(filed_once.store, "SELECT name FROM (SHOW TABLES)").rows()}
    titles = set(re.findall(r"^### (\w+)", DOCUMENT.read_text(), re.MULTILINE))
    assert titles == relations | {"Macros"}
    for macro in ("pass_at_k(n, c, k)", "pass_hat_k(n, c, k)", "few_incorrect(n, c, k)"):
        assert f"| `{macro}` |" in DOCUMENT.read_text()


def test_five_questions_are_asked():
    assert len(QUERIES) >= 5


@pytest.mark.parametrize("sql", QUERIES, ids=range(len(QUERIES)))
def test_a_query_of_the_docs_runs_and_finds_something(filed_once, sql):
    assert ask(filed_once.store, sql).rows()
