"""docs/store.md and docs/store-*.md describe the store."""

import re
from pathlib import Path

import pytest

from passk.store import ask, describe

DOCS = Path(__file__).parents[3] / "docs"
QUERIES = re.findall(r"```sql\n(.*?)```", (DOCS / "store.md").read_text(), re.DOTALL)


def test_the_tables_in_the_docs_are_made_from_the_comments_in_the_store():
    pages = {page.name: page.read_text() for page in DOCS.glob("store-*.md")}
    assert pages == describe.pages(), "run: python -m passk.store.describe docs"


def test_every_table_view_and_macro_is_in_the_docs(filed_once):
    relations = {name for (name,) in ask(filed_once.store, "SELECT name FROM (SHOW TABLES)").rows()}
    pages = "\n".join(page.read_text() for page in DOCS.glob("store-*.md"))
    titles = re.findall(r"^## (\w+)", pages, re.MULTILINE)
    assert sorted(titles) == sorted(relations | {"Macros"})
    for macro in ("pass_at_k(n, c, k)", "pass_hat_k(n, c, k)", "few_incorrect(n, c, k)"):
        assert f"| `{macro}` |" in pages


def test_five_questions_are_asked():
    assert len(QUERIES) >= 5


@pytest.mark.parametrize("sql", QUERIES, ids=range(len(QUERIES)))
def test_a_query_of_the_docs_runs_and_finds_something(filed_once, sql):
    assert ask(filed_once.store, sql).rows()
