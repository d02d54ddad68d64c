"""Nothing may hang, raise or be scored right that is not: every verifier on the corpus of hostile.py."""

import unicodedata
import warnings
from collections import Counter

import pytest

from passk import verifiers
from passk.verifiers import code
from passk.verifiers.pool import Pool
from tests.unit.verifiers import hostile
from tests.unit.verifiers.test_maze_verifier import GRID, RIGHT, independent

# verifier: the gold answer in a response, an incorrect one, and the gold answer of the problem
PROBLEMS = {
    "choice": ("Q", "P", "Q"),
    "code": (
        "f = None if 'f' in globals() else lambda x: x * 7919",
        "f = lambda x: x * 7907",
        '{"tests": "assert f(2) == 15838", "functions": ["f"], "prompt": ""}',
    ),
    "exact": ("xyzzy plugh", "plugh xyzzy", "xyzzy plugh"),
    "math": (r"\frac{7919}{104}", r"\frac{7919}{103}", r"\frac{7919}{104}"),
    "maze": (RIGHT, "L", GRID),
    "maze_strict": (RIGHT, "L", GRID),
    "numeric": ("1729.25", "1729.75", "1729.25"),
    "reasoning_gym": (
        "-90210", "-90211", '{"task": "chain_sum", "entry": {"question": "", "answer": "-90210", "metadata": {}}}'
    ),
}  # fmt: skip


def test_every_verifier_is_put_to_the_corpus():
    assert sorted(PROBLEMS) == verifiers.names()


def test_every_script_of_unicode_is_in_the_corpus():
    used = set("".join(hostile.responses("1", "2")))
    for letters in (filter(str.isalpha, map(chr, range(0x110000))), filter(str.isdecimal, map(chr, range(0x110000)))):
        named = {letter: unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
        assert {named[letter] for letter in used & named.keys()} == set(named.values())


def is_python(program):
    with warnings.catch_warnings(action="ignore"):
        try:
            compile(program, "program", "exec")
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return False
    return True


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_no_hostile_response_hangs_raises_or_is_right(name):
    gold, wrong, answer = PROBLEMS[name]
    responses = hostile.responses(gold, wrong)
    assert len(responses) >= 2000
    if name == "code":  # each takes two processes, and all that is no Python ends in one call of compile
        responses = [r for i, r in enumerate(responses) if i % 8 == 0 or len(r) > 1000 or is_python(code.extracted(r))]
        assert len(responses) >= 600
    with Pool(2, seconds=0.5) as judges:
        futures = [judges.submit(name, response, answer) for response in responses]
        verdicts = [future.result(300) for future in futures]
        # a verifier that rejects everything would pass the rest of this test
        assert judges.submit(name, f"<answer>{gold}</answer>", answer).result(60).correct
    counts = Counter(verdict.reason for verdict in verdicts)
    assert set(counts) <= set(verifiers.reasons(name))
    assert all(0 <= verdict.score <= 1 and verdict.correct == (verdict.score == 1) for verdict in verdicts)
    right = [r for r, v in zip(responses, verdicts, strict=True) if v.correct]
    if name == "code":  # "####" begins a comment of Python, after which the program counts
        right = [r for r in right if [line for line in r.splitlines() if not line.startswith("#")] != [gold]]
    if name == "maze":  # the official meaning takes any letters of any prose: right is what walks to the end
        assert all(verdict.correct == independent(verdict.extracted) for verdict in verdicts)
    else:
        assert right == []
    assert counts["crash"] == 0
    # bombs that go off cost their deadline; where their number grows, a guard of ours is gone
    assert counts["timeout"] <= 40
