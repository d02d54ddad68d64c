"""Control characters that a model writes into a message have no effect in a terminal, a log or a page."""

import copy
import pickle

import pytest

from passk.base.errors import LONGEST, ConfigError, InvalidError, PasskError, nearest, one_line, under
from passk.experiment.config import parse
from passk.experiment.yaml_file import read
from passk.pipeline.run_record import _one_line
from passk.problems.tables import ColumnError
from passk.runtime.ray_cluster import NoJobServer
from tests.unit.experiment.test_config import GOOD


def parts(error):
    return error.where, error.field, error.problem, error.fix


@pytest.mark.parametrize(
    "make",
    [
        lambda problem: PasskError(f"sql: {problem}; use TRY_CAST"),
        lambda problem: ConfigError("sql", problem, "use TRY_CAST"),
    ],
)
def test_a_models_escapes_are_spelled_out_and_the_message_is_one_line(make):
    shown = str(make("could not convert 'R\x1b[31mD\x07\u202e\r\n# top\n' to a number"))
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


def test_another_librarys_message_becomes_one_line_of_a_length():
    assert one_line(ValueError("  a\n\n  b c  ")) == "a b c"
    assert one_line(ValueError("a\nb" * 9), 5) == "a ba " and one_line(ValueError()) == ""


def test_a_configuration_error_is_its_parts_and_its_text_is_their_line():
    error = ConfigError("stages.a.k", "must be\n1 or more\x07", "raise  it")
    assert parts(error) == ("", "stages.a.k", "must be 1 or more\\x07", "raise  it")
    assert str(error) == "stages.a.k: must be 1 or more\\x07; raise  it"
    located = error.replaced(where="x.yaml:3")
    assert str(located) == f"x.yaml:3: {error}" and parts(located)[1:] == parts(error)[1:]


def test_the_parts_hide_what_the_text_hides_and_stay_whole_where_the_text_is_cut():
    key = "hf_" + "planted" * 4
    for place in range(3):
        three = ["field", "problem", "fix"]
        three[place] += f" {key}"
        error = ConfigError(*three, where=key)
        assert "planted" not in repr(parts(error)) + str(error), place
    after_its_name = ConfigError("api_key", "planted-secret is refused", "change it")
    assert str(after_its_name) == "api_key: [hidden] is refused; change it"
    assert after_its_name.problem == "[hidden] is refused"
    long = ConfigError("field", "x" * 10**5, "shorten it")
    assert len(str(long)) == LONGEST and str(long).startswith("field: xxx") and str(long).endswith("; shorten it")
    assert long.problem == "x" * 10**5 and long.replaced(field="f").problem == long.problem


def invalid_column():
    return ColumnError("rows.jsonl", "row 3: column 'a' is a list", "write it as text", column="a")


@pytest.mark.parametrize("make", [lambda: NoJobServer("RAY_ADDRESS", "no server", "set it"), invalid_column])
def test_a_subclass_keeps_its_class_and_its_attributes_in_another_process_and_with_other_parts(make):
    error = make().replaced(where="x.yaml:3")
    error.add_note("seen on node 2")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error) and vars(twin) == vars(error) and str(twin) == str(error)
    moved = error.replaced(field="other")
    assert type(moved) is type(error) and moved.__notes__ == error.__notes__
    assert str(moved) == f"x.yaml:3: other: {error.problem}; {error.fix}"
    assert getattr(moved, "column", None) == getattr(error, "column", None)


def test_an_invalid_value_crosses_processes_with_its_parts():
    twin = pickle.loads(pickle.dumps(InvalidError("is empty", "write one")))
    assert (str(twin), twin.problem, twin.fix) == ("is empty; write one", "is empty", "write one")


def test_a_section_goes_before_the_field_and_leaves_the_rest():
    with pytest.raises(NoJobServer) as raised, under("stages.a"), under("until"):
        raise NoJobServer("metric", "unknown", nearest("rewad", ["reward"]), where="x.yaml:3")
    assert parts(raised.value) == ("x.yaml:3", "stages.a.until.metric", "unknown", "did you mean reward?")
    with pytest.raises(PasskError, match=r"^the disk is full$"), under("stages.a"):
        raise PasskError("the disk is full")


def test_a_mistake_in_a_file_has_the_line_as_its_place(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text(GOOD.replace("{kind: sft,", "{kind: sft, stepz: 3,"))
    source = read(file)
    with pytest.raises(ConfigError) as raised, source.located():
        parse(source.content)
    error = raised.value
    assert parts(error) == (f"{file}:10", "stages.warm.stepz", "unknown key", "did you mean steps?")
    assert str(error) == f"{file}:10: stages.warm.stepz: unknown key; did you mean steps?"
