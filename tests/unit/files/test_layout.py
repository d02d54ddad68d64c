"""passk/files/layout.py has every path of a run: no other module writes a name in a path."""

import ast
from collections.abc import Iterator
from functools import cache

import pytest

from dev.imports import ROOT, files
from passk.files import layout

LAYOUT = ROOT / "passk/files/layout.py"
JOINS = {"_path", "glob", "rglob", "joinpath", "with_name"}
"""Functions whose texts are parts of a path."""


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line of each text in a path, and each name in it; of a pattern or an f-string, its beginning."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            texts = [node.left, node.right]
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            texts = node.args if called in JOINS else []
        else:
            texts = []
        for text in texts:
            first = text.values[0] if isinstance(text, ast.JoinedStr) and text.values else text
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                for name in first.value.split("/"):
                    yield node.lineno, name.partition("*")[0]


def file_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line of each text that is a whole file name, and the name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
            yield node.lineno, node.value


@cache
def known() -> set[str]:
    """Return the names that layout.py writes, and the beginnings of those that it makes."""
    return {name for _, name in names(ast.parse(LAYOUT.read_text())) if name} | {layout.STORE}


def written(tree: ast.AST) -> list[int]:
    """Return the lines that write a name of layout.py."""
    begun = tuple(name for name in known() if name.endswith("-"))
    inside = {line for line, name in names(tree) if name in known() or name.startswith(begun)}
    return sorted(inside | {line for line, name in file_names(tree) if name in known()})


def test_only_the_layout_writes_the_names_of_a_runs_files():
    assert {"stage.json", "metrics.jsonl", ".locks", "checkpoints", "step-", ".alive-"} <= known()
    for file in files():
        if ROOT / file != LAYOUT:
            lines = written(ast.parse((ROOT / file).read_text()))
            assert not lines, f"{file}: lines {lines}; call the function of passk/files/layout.py"


def test_the_docstring_of_the_layout_lists_every_name():
    missing = {name for name in known() if name not in str(layout.__doc__)} - {"experiment-"}  # a lock's name
    assert not missing


@pytest.mark.parametrize(
    "code",
    [
        "file = directory / 'stage.json'",
        "file = runs / name / 'stages' / key",
        "found = runs.glob('*/stages/*')",
        "file = directory / f'step-{step}.parquet'",
        "FILE = 'metrics.jsonl'",
        "file = path.with_name('.writer')",
    ],
)
def test_a_name_in_a_path_is_found_however_it_is_joined(code):
    assert written(ast.parse(code)) == [1]
    assert not written(ast.parse("layout.stages(runs); print('metrics.jsonl is damaged'); record['stages'] / steps"))
