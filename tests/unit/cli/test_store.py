"""What `passk sql` prints. A model wrote much of it."""

import io

import pyarrow
import pytest

from passk import store
from passk.cli import store as commands
from passk.store.sql import Answer

TEXT = 'R\x1b[2J\x9b31m\u202e,"D'


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("form", [commands.Format.CSV, commands.Format.JSON, commands.Format.TABLE])
def test_a_terminal_gets_no_control_character_in_any_format(monkeypatch, tmp_path, form):
    monkeypatch.setattr(store, "ask", lambda *_: Answer(pyarrow.table({f"a{TEXT}": [TEXT]})))
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    commands.sql("SELECT 1", form, tmp_path)
    assert screen.getvalue().replace("\n", "").isprintable() and "R" in screen.getvalue()


def test_a_file_gets_the_text_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "ask", lambda *_: Answer(pyarrow.table({"a": [TEXT]})))
    file = io.StringIO()
    monkeypatch.setattr("sys.stdout", file)
    commands.sql("SELECT 1", commands.Format.CSV, tmp_path)
    assert file.getvalue() == 'a\n"R\x1b[2J\x9b31m\u202e,""D"\n'
