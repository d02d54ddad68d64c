import json
import os
import subprocess
import sys

import pyarrow
import pyarrow.parquet
import pytest

from passk.base.errors import PasskError
from passk.problems import Problem, fingerprint, generate, load, save
from passk.problems.maze import MazeProblems
from passk.problems.text_problems import gold
from tests.unit.each import every

SPEC = MazeProblems(source="maze", split="train", size=20, random_move_prob=0.2)
DIGEST = (
    "import hashlib\n"
    "from passk.problems.maze import MazeProblems\n"
    "from passk.problems import fingerprint, generate\n"
    "spec = MazeProblems(source='maze', split='train', size=20, random_move_prob=0.2)\n"
    "print(fingerprint(spec, 1), hashlib.sha256(repr(generate(spec, 1)).encode()).hexdigest())"
)


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return done.stdout + done.stderr


def test_the_same_seed_gives_the_same_problems_in_the_same_order_in_any_process():
    assert run(DIGEST, PYTHONHASHSEED="0") == run(DIGEST, PYTHONHASHSEED="1")
    assert generate(SPEC, 1) == generate(SPEC, 1)
    assert {problem.id for problem in generate(SPEC, 1)} != {problem.id for problem in generate(SPEC, 2)}


def test_the_fingerprint_changes_with_whatever_changes_the_problems(monkeypatch):
    prints = {fingerprint(SPEC, 1), fingerprint(SPEC, 2)}
    for change in (
        {"size": 21},
        {"walls": 0.31},
        {"easy_fraction": 0.6},
        {"template": "instruct"},
        {"split": "test"},
    ):
        prints.add(fingerprint(SPEC.model_copy(update=change), 1))
    monkeypatch.setattr("passk.problems.maze.VERSION", 2)
    prints.add(fingerprint(SPEC, 1))
    assert len(prints) == 8
    assert all(len(text) == 16 and set(text) <= set("0123456789abcdef") for text in prints)


def test_what_was_saved_is_loaded_and_the_bytes_are_the_same_each_time(tmp_path):
    problems = generate(SPEC, 1)
    save(problems, tmp_path / "deep" / "a.parquet")
    save(problems, tmp_path / "b.parquet")
    assert (tmp_path / "deep" / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    dataset = load(tmp_path / "b.parquet")
    assert dataset["id"] == [problem.id for problem in problems]
    assert [Problem(**row | {"metadata": json.loads(row["metadata"])}) for row in dataset] == problems
    assert dataset.map(lambda row: {"length": len(row["prompt"])})["length"] == [31] * 20


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "problems.parquet"
    save(generate(SPEC, 1), path)
    before = path.read_bytes()
    broken = Problem("a", "\ud800", "", "maze", "train", "easy", "", {})  # no UTF-8 for a lone surrogate
    with pytest.raises(UnicodeEncodeError):
        save([broken], path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [None, b"", b"PAR1 and no more"])
def test_a_missing_or_damaged_file_is_one_line(tmp_path, content):
    path = tmp_path / "problems.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PasskError) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}: ") and "\n" not in str(raised.value)


def test_parquet_of_something_else_is_refused_by_the_missing_column(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"id": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(PasskError, match="the column prompt is missing"):
        load(tmp_path / "other.parquet")


def test_saving_and_loading_print_nothing_and_leave_no_cache(tmp_path):
    code = (
        "from passk.problems.maze import MazeProblems\n"
        "from passk.problems import generate, load, save\n"
        "path = 'problems.parquet'\n"
        "save(generate(MazeProblems(source='maze', split='train', size=20), 1), path)\n"
        "assert len(load(path)) == 20"
    )
    (tmp_path / "home").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


def test_importing_problems_loads_neither_datasets_nor_torch():
    assert run("import sys, passk.problems.maze; print({'datasets', 'torch'} & set(sys.modules))") == "set()\n"


@every(
    ("solution", "answer"),
    [
        ("Choice $\\boxed{\\text{C}}.$\n\nA calculator gives the answer $33.98$ for the actual cost.", "\\text{C}"),
        ("So \\boxed{7} is right. The answer of 8 was for the other case: the answer is 8.", "7"),
        ("First \\boxed{1}, later $\\boxed{2}$ and $\\boxed{3}$.", "2, 3"),
        ("The answer is 5.", "5"),
        ("No answer here", ""),
    ],
)
def test_a_gold_answer_is_the_last_box_of_a_solution_whatever_is_said_after_it(solution, answer):
    assert gold(solution) == answer
