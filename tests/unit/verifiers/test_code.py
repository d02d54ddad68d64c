"""Which program is read, what it is tested by, and what a verdict says."""

import json

import pytest

from passk import verifiers
from passk.verifiers import AnswerError, code, code_program, plain_data
from passk.verifiers.pool import Pool
from tests.unit.each import every

PROGRAM = "def square(x):\n    return x * x"


def gold(tests="assert square(3) == 9", functions=("square",), prompt=""):
    return json.dumps({"tests": tests, "functions": list(functions), "prompt": prompt})


@pytest.fixture(scope="module")
def judge():
    with Pool(1) as judges:
        yield lambda program, answer=None: judges.submit("code", program, answer or gold()).result(120)


@every(
    ("response", "program"),
    [
        (PROGRAM, PROGRAM),
        (f"Here it is:\n```python\n{PROGRAM}\n```\nDone.", PROGRAM),
        (f"```\nx = 1\n```\nBetter:\n~~~py\n{PROGRAM}\n~~~", PROGRAM),
        (f"```python\n{PROGRAM}", PROGRAM),
        (f"```python\r\n{PROGRAM}\r\n```", PROGRAM),
        (f"<think>\n```\nx = 1\n```\n</think>\n```python\n{PROGRAM}\n```", PROGRAM),
        (f"<think>\n```python\n{PROGRAM}\n```", ""),
        (f"<answer>{PROGRAM}</answer> or ```x```", PROGRAM),
        (f"    {PROGRAM}\n", f"    {PROGRAM}"),
        ("", ""),
    ],
)
def test_the_last_block_counts_else_the_whole_text_and_an_open_thinking_has_none(response, program):
    assert code.extracted(response) == program


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (PROGRAM, "correct"),
        (PROGRAM.replace("x * x", "x + x"), "incorrect"),
        (PROGRAM.replace("x * x", "x * y"), "incorrect"),
        (PROGRAM.replace("square", "cube"), "incorrect"),
        ("def square(x:", "does not run"),
        ("raise ValueError", "does not run"),
        ("import no_such_package", "does not run"),
        ("<think> no end", "no program"),
        ("```\n```", "no program"),
        ("x" * 100_001, "does not run"),
        ("import numpy as np\ndef square(x):\n    return np.int64(x) ** 2", "correct"),
        ("import math, re, collections, itertools, dataclasses, typing, decimal\n" + PROGRAM, "correct"),
        ("from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n" + PROGRAM, "correct"),
        ("import random\ndef square(x):\n    return 9 if random.random() == 0.8444218515250481 else 0", "correct"),
    ],
)
def test_a_verdict_says_what_the_program_did(judge, program, reason):
    verdict = judge(program)
    assert (verdict.reason, verdict.correct) == (reason, reason == "correct")


@every(
    "value",
    [
        None, True, 0, -1, 2**53, -(2**200), 1.5, float("inf"), 1 + 2j, "", "\ud800 ü\n", b"\0\xff", [], [1, [2.0]],
        (), (1, (2,)), {1, 2}, frozenset({3}), {}, {"a": {1: (2, 3)}}, {(1, 2): [3]},
    ],
)  # fmt: skip
def test_plain_values_pass_as_they_are(value):
    def refuse(_):
        raise plain_data.NotPlain

    text = json.dumps(plain_data.packed(value, refuse))
    back = plain_data.unpacked(json.loads(text), refuse)
    assert repr(back) == repr(value) and type(back) is type(value)


@every(
    "value", [{}, {"i": "x"}, {"i": 1}, {"r": True}, {"r": "0"}, {"t": 1}, {"d": [[1]]}, {"s": [[1]]}, {"x": 1},
              {"b": "0"}, {"c": [1, 2, 3]}, {"i": "1", "t": []}, {"d": 1}]
)  # fmt: skip
def test_what_is_no_plain_value_is_refused(value):
    with pytest.raises(plain_data.NotPlain):
        plain_data.unpacked(value, lambda number: number)


def test_tests_use_classes_of_the_program_helpers_of_the_prompt_and_built_ins_of_their_own(judge):
    pairs = "class Pair:\n    def __init__(self, a): self.a = a\n    def __len__(self): return 5\n"
    pairs += "    def __iter__(self): return iter([self.a, 1])\n    def __getitem__(self, key): return key\n"
    pairs += "def sum(pair): return pair.a + 1\ndef more(xs):\n    yield from xs\ndef len(x): return 100"
    tests = "p = Pair(2)\np.a += 1\nassert sum(p) == 4 and len(p) == 5 and list(p) == [3, 1] and p[7] == 7\n"
    tests += "assert list(more((1, 2))) == [1, 2] and p == p and p != Pair(2) and len([1]) == 1"
    assert judge(pairs, gold(tests, ["sum", "Pair", "more"])).correct
    prompt = 'def helper(x):\n    return x + 1\n\ndef f(x):\n    """Doubles."""\n'
    tests = "assert f(2) == helper(3)"
    assert judge("    return 2 * x\n\ndef f(x):\n    return 0", gold(tests, ["f"], prompt)).correct
    assert judge("def helper(x): return 0\ndef f(x): return 0", gold(tests, ["f"], prompt)).reason == "incorrect"
    assert code_program.whole("y = 1", prompt, ["f"]) == prompt + "\n"


def test_a_module_in_the_tests_is_not_the_programs(judge):
    tests = "assert math.isclose(f(2), 4)"
    fake = "class math:\n    isclose = staticmethod(lambda *a: True)\n"
    assert judge("def f(x): return 4.0000000001", gold(tests, ["f"])).correct
    assert judge(f"{fake}def f(x): return 5", gold(tests, ["f"])).reason == "incorrect"


def test_an_exception_of_the_program_is_one_of_the_tests(judge):
    tests = "try:\n    f(1)\nexcept ValueError as error:\n    assert str(error) == 'no'\nelse:\n    assert False"
    assert judge("def f(x): raise ValueError('no')", gold(tests, ["f"])).correct
    assert judge("def f(x): raise KeyError('no')", gold(tests, ["f"])).reason == "incorrect"


@every(
    ("answer", "message"),
    [
        ("", "answer: not a JSON object"),
        ('{"tests": "assert f()", "functions": []}', "answer: not a JSON object"),
        (gold(functions=["f()"]), "answer: not a JSON object"),
        (gold(tests="square(3)"), "answer: tests: no assert"),
        (gold(tests="assert"), "answer: tests: not Python: "),
        (gold(prompt="def f("), "answer: prompt: not Python: "),
    ],
)
def test_a_gold_answer_that_is_no_test_is_one_line(answer, message):
    assert verifiers.check_answer("code", answer).startswith(message)
    with pytest.raises(AnswerError, match=f"^{message}"):
        verifiers.verify("code", PROGRAM, answer)


def test_tests_that_pass_a_function_cannot_judge(judge):
    with pytest.raises(AnswerError, match="^answer: its tests pass a function to the program; pass plain data only$"):
        judge("def f(g): return g()", gold("assert f(lambda: 1) == 1", ["f"]))


def test_two_long_programs_with_one_beginning_are_two_answers(judge):
    one, other = (judge(f"{PROGRAM}\n{'#' * 2000}{end}").extracted for end in "ab")
    assert one != other and len(one) == len(other) == 1000


def test_no_program_runs_where_the_kernel_has_no_sandbox(monkeypatch):
    # the tests' process is a fork of this one, which is no child of the pool
    monkeypatch.setattr(code, "_in_child", lambda: True)
    monkeypatch.setattr("passk.verifiers.allowed_calls._MACHINES", {})
    with pytest.raises(AnswerError, match="^answer: no program runs here, .* leaves network and programs open; "):
        verifiers.verify("code", PROGRAM, gold())
