"""A message is shown as it is, in a terminal, a log, a page: whatever a model wrote into it does nothing there."""

import pickle

import pytest

from passk.base.errors import LONGEST, ConfigError, PasskError
from passk.pipeline.run_record import _one_line


@pytest.mark.parametrize("kind", [PasskError, ConfigError])
def test_a_models_escapes_are_spelled_out_and_the_message_is_one_line(kind):
    shown = str(kind("sql: could not convert 'R\x1b[31mD\x07\u202e\r\n# top\n' to a number; use TRY_CAST"))
    assert shown == "sql: could not convert 'R\\x1b[31mD\\x07\\u202e # top ' to a number; use TRY_CAST"
    assert shown.isprintable()


def test_a_long_text_is_cut_in_its_middle_so_that_the_field_and_the_fix_stay():
    shown = str(PasskError(f"field: {chr(27) * 10**5}; the mend"))
    assert len(shown) == LONGEST
    assert shown.startswith("field: \\x1b") and shown.endswith("; the mend") and "400,0" in shown


def test_an_error_that_comes_from_another_process_says_the_same():
    error = PasskError("a\x1b" * 5000)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_key_is_hidden_before_a_message_is_cut():
    secret = "sk-" + "planted1" * 4
    assert "planted" not in str(PasskError("x" * (LONGEST - LONGEST // 4 - 60) + " " + secret + "y" * 5000))


def test_the_reason_of_any_failure_on_record_is_as_harmless_as_that_of_ours():
    assert _one_line(str(ValueError("of a log: \x1b]0;title\x07"))) == "of a log: \\x1b]0;title\\x07"
    assert len(_one_line("x " * 10**5)) <= LONGEST
