"""Problems in a file of a person's own."""

import json

import pytest

from passk import problems
from passk.base.errors import ConfigError
from passk.problems.files import JsonlProblems, ParquetProblems
from tests.unit.problems import copies

ROWS = [
    {"asked": "Go right.", "grid": "SE", "name": "one", "way": "R", "level": 1, "number": 3},
    {"asked": "Go left.", "grid": "ES", "name": "two", "way": "L", "level": 2, "number": 4},
]
COLUMNS = {"problem": "asked", "answer": "grid", "id": "name", "solution": "way", "difficulty": "level"}


def jsonl(path, **fields):
    given = {"source": "jsonl", "split": "test", "file": str(path), "verifier": "maze", "template": "plain"}
    return JsonlProblems(**given | COLUMNS | fields)


@pytest.fixture
def file(tmp_path):
    return copies.write(ROWS, tmp_path / "mine.jsonl")


def test_named_columns_become_problems_alike_from_json_lines_and_parquet(file, tmp_path):
    found = problems.generate(jsonl(file), 1)
    assert [(p.id, p.prompt, p.answer, p.demonstration, p.difficulty) for p in found] == [
        ("one", "Go right.", "SE", "R", "1"),
        ("two", "Go left.", "ES", "L", "2"),
    ]
    parquet = copies.write(ROWS, tmp_path / "mine.parquet")
    fields = jsonl(file).model_dump() | {"source": "parquet", "file": str(parquet)}
    same = problems.generate(ParquetProblems(**fields), 1)
    assert [p.content for p in same] == [p.content for p in found]


def test_without_columns_of_their_own_rows_are_named_by_their_place_and_have_no_demonstration(file):
    found = problems.generate(jsonl(file, id=None, solution=None, difficulty=None, answer="number"), 1)
    assert [(p.id, p.answer, p.demonstration, p.difficulty) for p in found] == [
        ("mine-0", "3", "", "unrated"),
        ("mine-1", "4", "", "unrated"),
    ]


def test_another_content_is_another_fingerprint(file):
    before = problems.fingerprint(jsonl(file), 1)
    copies.write([ROWS[0] | {"grid": "S.E"}, ROWS[1]], file)
    assert problems.fingerprint(jsonl(file), 1) != before


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"problem": "askd"}, "problem: .* has no column 'askd'; did you mean asked?"),
        ({"answer": "gold"}, "answer: .* has no column 'gold'; did you mean|choose one of"),
        ({"solution": "solution"}, "solution: .* has no column 'solution'"),
        ({"file": "nowhere.jsonl"}, "file: nowhere.jsonl does not exist"),
        ({"verifier": "mase"}, "verifier: 'mase' does not exist; did you mean maze?"),
        ({"size": 3}, "size: 3 problems requested, but the source has 2"),
        ({"template": "Solve it."}, "template: 'Solve it.' is neither a template"),
    ],
)
def test_what_a_file_has_not_is_one_line_that_begins_with_the_field(file, fields, message):
    with pytest.raises(ConfigError, match=f"^{message}") as raised:
        problems.generate(jsonl(file, **fields), 1)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"asked": "a"', "file: .* line 1 is not a JSON object: expecting ',' delimiter at column 14"),
        ("", "file: .* has no rows"),
        (
            json.dumps(ROWS[0]) + "\n" + json.dumps(ROWS[1] | {"name": "one"}),
            "id: .* rows 1 and 2 have the same id 'one'",
        ),
        (json.dumps(ROWS[0] | {"name": None}), "id: .* row 1 has no id"),
        (json.dumps(ROWS[0] | {"asked": " \n"}), "problem: .* row 1: column 'asked' is blank"),
        (json.dumps(ROWS[0] | {"asked": None}), "problem: .* row 1: column 'asked' is blank"),
        (json.dumps(ROWS[0] | {"asked": 5}), "problem: .* row 1: column 'asked' is the number 5, not text"),
        (json.dumps(ROWS[0] | {"asked": ["Go"]}), "problem: .* row 1: column 'asked' is a list, not text"),
        (json.dumps(ROWS[0] | {"grid": {"a": 1}}), "answer: .* row 1: column 'grid' is an object, not text"),
        (json.dumps(ROWS[0] | {"way": True}), "solution: .* row 1: column 'way' is a truth value, not text"),
        (json.dumps(ROWS[0] | {"level": [1]}), "difficulty: .* row 1: column 'level' is a list, not text"),
    ],
)
def test_a_damaged_file_is_one_line_that_names_the_line(file, content, message):
    file.write_text(content)
    with pytest.raises(ConfigError, match=f"^{message}") as raised:
        problems.generate(jsonl(file), 1)
    assert "\n" not in str(raised.value)


def test_a_file_is_read_as_its_name_ends_or_not_at_all(file, tmp_path):
    other = file.rename(tmp_path / "mine.parquet")
    with pytest.raises(ConfigError, match="^source: .* does not fit the source jsonl"):
        problems.check(jsonl(other))
    fields = jsonl(other).model_dump() | {"source": "parquet"}
    with pytest.raises(ConfigError, match="^file: .*not readable as Parquet"):
        problems.generate(ParquetProblems(**fields), 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 300, "file: 'x+' is not a path \\(File name too long\\); write a shorter one"),
        (".", "file: . is not a file; write a path"),
    ],
)
def test_a_name_that_is_no_file_is_refused_by_the_true_reason(name, message):
    with pytest.raises(ConfigError, match=f"^{message}"):
        problems.generate(jsonl(name), 1)


def test_a_message_shows_the_beginning_of_a_long_number(tmp_path):
    file = copies.write([ROWS[0] | {"asked": 10**400}], tmp_path / "long.jsonl")
    with pytest.raises(ConfigError, match="is the number 10+\\.\\.\\., not text") as error:
        problems.generate(jsonl(file), 1)
    assert len(str(error.value)) < 400
