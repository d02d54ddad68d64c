"""passk verify: a verdict a line, and one line for what cannot be read."""

import json

import pytest
from typer.testing import CliRunner

from passk.base.errors import ConfigError
from passk.cli.main import app
from tests.unit.cli.test_main import process


def test_verdicts_are_printed_in_the_order_of_the_file(tmp_path):
    rows = [
        ("\\boxed{5}", "5"),
        ("", "5"),
        ("<answer>\\frac{10}{2}</answer>", "5"),
        ("\\boxed{\\gcd(10^{10^6}, 6^{10^6})}", "5"),
    ]
    lines = [json.dumps({"response": response, "answer": answer}) for response, answer in rows]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n\n")
    done = process(tmp_path, "verify", "--verifier", "math", "--file", "rows.jsonl", "--seconds", "0.5")
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [verdict["reason"] for verdict in verdicts] == ["correct", "no answer", "correct", "timeout"]
    assert [verdict["score"] for verdict in verdicts] == [1, 0, 1, 0]
    assert done.returncode == 0 and "4 responses: correct 50.0%" in done.stderr


def test_a_response_to_a_prompt_that_opened_the_thinking_has_to_end_it(tmp_path):
    rows = [("maybe \\boxed{5}", "5"), ("maybe \\boxed{6}\n</think>\n\\boxed{5}", "5")]
    lines = [json.dumps({"response": response, "answer": answer}) for response, answer in rows]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    command = ("verify", "--verifier", "numeric", "--file", "rows.jsonl")
    for more, reasons in (((), ["correct", "correct"]), (("--opens-thinking",), ["no answer", "correct"])):
        done = process(tmp_path, *command, *more)
        assert [json.loads(line)["reason"] for line in done.stdout.splitlines()] == reasons


@pytest.mark.parametrize(
    ("content", "verifier", "message"),
    [
        ('{"response": "x", "answer": "5"}', "mat", "verifier: 'mat' does not exist; did you mean"),
        ('{"response": "x"}', "math", "file: rows.jsonl: line 1 is not"),
        ('{"response": "x", "answer": "5"}\n{"response": 1, "answer": "5"}', "math", "file: rows.jsonl: line 2 is not"),
        ("no json", "math", "file: rows.jsonl: line 1 is not"),
        pytest.param("[" * 100_000, "math", "file: rows.jsonl: line 1 is not", id="deep"),
        ("", "math", "file: rows.jsonl has no responses"),
        ('\n{"response": "x", "answer": "?"}', "numeric", "rows.jsonl: line 2: answer: not a number"),
    ],
)
def test_what_cannot_be_judged_is_one_line(tmp_path, monkeypatch, content, verifier, message):
    (tmp_path / "rows.jsonl").write_text(content)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["verify", "--verifier", verifier, "--file", "rows.jsonl"])
    assert isinstance(done.exception, ConfigError)  # of which the command makes exit status 2
    assert str(done.exception).startswith(message) and "\n" not in str(done.exception)


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    done = process(tmp_path, "verify", "--verifier", "math", "--file", "none.jsonl")
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith(
        "passk: file: none.jsonl is not readable"
    )
