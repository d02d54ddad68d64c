"""reasoning_gym: only the full score is correct, and no scorer gets a text that it would run as Python."""

import ast
import contextlib
import json
import re
import signal
import time
from pathlib import Path

import pytest
import reasoning_gym
from reasoning_gym.factory import DATASETS

from passk import verifiers
from passk.verifiers import verify
from passk.verifiers.reasoning_gym import _EVALUATED, _FORMS
from passk.verifiers.reasoning_gym_golds import EVALUATED

TASKS = sorted(DATASETS.keys() - {"composite"})  # that one is of others


def problem(task: str, index: int = 0, dataset=None) -> tuple[dict, str]:
    entry = (dataset or reasoning_gym.create_dataset(task, size=2, seed=1))[index]
    return entry, json.dumps({"task": task, "entry": entry})


@pytest.mark.parametrize("task", TASKS)
def test_its_own_answer_is_right_and_what_holds_it_is_not(task):
    dataset = reasoning_gym.create_dataset(task, size=2, seed=1)
    (entry, answer), other = problem(task, dataset=dataset), dataset[1]["answer"]
    own = entry["answer"]
    assert verifiers.check_answer("reasoning_gym", answer) is None
    if own is not None:
        assert verify("reasoning_gym", f"I think so. <answer>\n{own}\n</answer>", answer).correct
        assert verify("reasoning_gym", own, answer).correct
    numbers = len(re.findall(r"-?[0-9]+(?:\.[0-9]+)?", str(own)))
    for given in (
        f"The answer is {own}", f"{own} or so", f"not {own}", f"x {own} y", f"{own} is wrong", f"{own} weeks",
        f"{own}, {own}", f"{own} {own}", f"{own}\n{own}",
        f"{own}\n{other}" if other != own else "", f"{own} or {other}" if other != own else "",
        "", "anything", "0", "[]", "{}", "correct", "NaN", "Infinity", "-inf", "1e999", "null", "[[NaN]]",
        *(f"[{', '.join([value] * numbers)}]" for value in ("NaN", "Infinity", '"NaN"')),
    ):  # fmt: skip
        verdict = verify("reasoning_gym", f"<answer>{given}</answer>", answer)
        assert given == own or (not verdict.correct and verdict.score == 0), given


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("<answer>41</answer>", "incorrect"),
        ("41", "incorrect"),
        ("Let me add. 20 + 21 is 40, then one more.\nThe answer is 41.", "no tags"),
        ("I add the numbers one after the other, from the left to the right, and I get 42", "no tags"),
        ("The answer is <answer>about 41</answer> or so", "incorrect"),
        ("<think>long\nthoughts</think>41", "incorrect"),
        ("", "no answer"),
    ],
)
def test_a_response_that_misses_the_format_is_counted_apart_from_an_incorrect_answer(response, reason):
    gold = json.dumps({"task": "chain_sum", "entry": {"question": "20 + 22 = ?", "answer": "42", "metadata": {}}})
    verdict = verify("reasoning_gym", response, gold)
    assert (verdict.reason, verdict.correct) == (reason, False)


@pytest.mark.parametrize("task", [*_FORMS, "string_insertion", "spiral_matrix", "binary_matrix", "n_queens"])
def test_no_scorer_runs_what_a_model_wrote(task, tmp_path):
    _, answer = problem(task)
    mark = tmp_path / "ran"
    touch = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    for code in (touch, f"[{touch}]", f"({touch}) or [[1]]", f"1 + ({touch} or 1)", f"sin({touch})", f"x*{touch}"):
        assert not verify("reasoning_gym", f"<answer>{code}</answer>", answer).correct
        assert not verify("reasoning_gym", code, answer).correct
    assert not mark.exists()


def code_that_touches(mark):
    """Texts that create the file where something evaluates them, in the forms that the evaluators take."""
    touch = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    return [touch, f"[{touch}]", f"1+({touch} or 1)", f"x*{touch}", f"0x1 + ({touch} or 0)", f"$(touch {mark})"]


def too_long(*_):
    raise TimeoutError


@contextlib.contextmanager
def given_up_after(seconds):
    """A changed entry may ask for more than there is time for: the pool has a deadline for that."""
    before = signal.signal(signal.SIGALRM, too_long)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
        yield
    except (TimeoutError, verifiers.AnswerError):
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def with_every_text_replaced(value, text):
    """Copies of a value of JSON, each with one of its texts, numbers or keys replaced; of a list's items the first."""
    if isinstance(value, dict):
        for name in value:
            yield from ({**value, name: changed} for changed in with_every_text_replaced(value[name], text))
        if value:
            first, *others = value
            yield {text: value[first], **{name: value[name] for name in others}}
    elif isinstance(value, list) and value:
        yield from ([changed, *value[1:]] for changed in with_every_text_replaced(value[0], text))
        yield text
    else:
        yield text


@pytest.mark.parametrize("task", TASKS)
def test_no_field_of_a_gold_answer_is_run(task, tmp_path):
    entry, answer = problem(task)
    entry, own = json.loads(answer)["entry"], entry["answer"]
    mark = tmp_path / "ran"
    for code in code_that_touches(mark):
        changed = list(with_every_text_replaced(entry, code))
        assert len(changed) >= 3
        for each in changed:
            gold = json.dumps({"task": task, "entry": each})
            with given_up_after(2):
                verifiers.check_answer("reasoning_gym", gold)
            for response in (own, code):
                with given_up_after(2):
                    verify("reasoning_gym", f"<answer>{response}</answer>", gold)
            assert not mark.exists(), (code, each)


@pytest.mark.parametrize("task", sorted(EVALUATED))
def test_a_gold_answer_that_would_be_evaluated_is_refused_with_its_field(task, tmp_path):
    entry, _ = problem(task)
    for field in EVALUATED[task]:
        for code in (*code_that_touches(tmp_path / "ran"), 7, None, ["1"], {"a": "1"}):
            changed = json.loads(json.dumps(entry))
            *above, last = field.split(".")
            (changed[above[0]] if above else changed)[last] = code
            if field == "answer" and code is None:
                continue
            said = verifiers.check_answer("reasoning_gym", json.dumps({"task": task, "entry": changed}))
            assert said.startswith(f"answer: {task}: ") and f"entry.{field}" in said and "\n" not in said


@pytest.mark.parametrize(
    ("task", "config"),
    [
        ("basic_arithmetic", {"operators": ["+__import__('os').getcwd()+"]}),
        ("spell_backward", {"data_file": "../../../secret.txt"}),
        ("spell_backward", {"data_file": "/etc/passwd"}),
        ("polynomial_equations", {"operators": ["+", "exit()"]}),
        ("chain_sum", {"exit()": 1}),
        ("chain_sum", {"min_terms": [[[[[[[[[[[[1]]]]]]]]]]]]}),
        ("composite", {"datasets": [{"name": "chain_sum", "weight": 1, "config": {}}]}),
    ],
)
def test_options_that_could_be_run_or_opened_are_refused(task, config):
    gold = json.dumps({"task": task, "entry": {"question": "", "answer": "1", "metadata": {}}, "config": config})
    said = verifiers.check_answer("reasoning_gym", gold)
    assert re.match(f"answer: {task}:? (config holds a text|hands an entry)", said)


@pytest.mark.parametrize(
    "text", ["1" * 15_000 + "!", "0x" + "1" * 15_000 + "!", "x1" * 7_000 + "!", "(" * 15_000 + "!"]
)
def test_a_long_gold_answer_is_refused_at_once(text):
    start = time.process_time()
    for task, fields in EVALUATED.items():
        for field in fields:
            assert not EVALUATED[task][field].fullmatch(text)
    assert time.process_time() - start < 5


# Evaluate text while they draw a problem, and nothing of a gold answer: codeio its own data file, the others what they
# have put together themselves. The options of basic_arithmetic are of a form in which nothing is called.
DRAWING = {"basic_arithmetic", "codeio", "generators_00_49", "generators_50_99"}


def test_every_module_of_the_installed_package_that_evaluates_text_is_known():
    found = set()
    for file in Path(reasoning_gym.__file__).parent.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text())))
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        if names & {
            "eval",
            "exec",
            "compile",
            "__import__",
            "pickle",
            "marshal",
            "shelve",
            "subprocess",
            "importlib",
        } or (
            (names | attributes)
            & {"parse_expr", "sympify", "literal_eval", "unsafe_load", "full_load", "system", "popen"}
        ):
            found.add(file.stem)
    known = {name.rpartition(".")[2] for name in _EVALUATED} | set(_FORMS) | set(EVALUATED) | DRAWING
    # has a parse_expr of its own, which evaluates nothing; names tasks to import in its own package
    assert found - known == {"propositional_logic"}
    assert set(EVALUATED) <= found


def test_what_the_package_takes_for_right_and_is_not():
    entry, answer = problem("puzzle24")
    assert reasoning_gym.get_score_answer_fn("puzzle24")("6*4*1*1", entry) == 1
    assert sorted(entry["metadata"]["numbers"]) != [1, 1, 4, 6]
    assert verify("reasoning_gym", "6*4*1*1", answer).reason == "incorrect"
    entry, answer = problem("game_of_life_halting")
    assert reasoning_gym.get_score_answer_fn("game_of_life_halting")("anything", entry) == 1
    wrong = {"True": "False", "False": "True"}[entry["answer"]]
    assert verify("reasoning_gym", wrong, answer).reason == "incorrect"


@pytest.mark.parametrize(
    ("task", "own", "metadata", "right", "wrong"),
    [
        ("number_sorting", "['-1.5', '2.0', '30.0']", {"direction": "ascending"},
         ["[-1.5, 2, 30]", '["-1.5", "2.0", "30"]'], ["[NaN, NaN, NaN]", "[-1.5, 2.9, 30]", "[-1.5, 2.0, Infinity]"]),
        ("time_intervals", "34 days", {"task_type": "date"}, ["34 days", "34 day"],
         ["34 weeks", "34 is wrong", "34", "34 days, 10:00", "35 days"]),
        ("time_intervals", "01:30", {"task_type": "time"}, ["01:30", "1:30", "01:30:00"],
         ["01:30 or so", "01:30:00:9"]),
        ("coin_flip", "3.051757812e-05", {}, ["3.051757812e-05", "1/32768", "0.00003052"], ["0", "1e-4", "nan"]),
        ("puzzle24", "8*(5-2)*1", {"numbers": [8, 5, 2, 1]}, ["8*(5-2)*1"], ["8*(5-2)**1", "8*(5-2)* *1", "49//2"]),
        ("countdown", "5*2", {"numbers": [5, 2, 1], "target": 10}, ["5*2*1"], ["5*2**1", "5*2//1"]),
        ("fraction_simplification", "\\frac{1}{2}",
         {"numerator": 2, "denominator": 4, "simplified_numerator": 1, "simplified_denominator": 2},
         ["$\\frac{1}{2}$", "1/2"], ["\\frac{1}{2} is wrong", "\\frac{1}{2}3"]),
        ("cryptarithm", "A=1,B=2,C=3", {"words_letters": ["A", "B"], "result_letters": "C"}, ["B=2, A=1, C=3"],
         ["A=1,B=2,C=4,C=3"]),
        ("complex_arithmetic", "1.0 - 2.0i", {"result": [1.0, -2.0]}, ["1 - 2i", "(1.0-2.0j)"], ["nan", "nan+nanj"]),
        ("polynomial_equations", "-1.0, 2.0", {}, ["-1, 2.0"], ["-1.0, 2.0 5", "-1.0, 2.0,"]),
        ("game_of_life", "[[0, 1]]", {}, ["[[0,1]]"], ["[[0, 1, 1]]", "[[0, 1], [1, 1]]"]),
        ("pool_matrix", "4.5 4.56", {}, ["4.5 4.56", "4.50 4.56"], ["4.54 4.56", "4.5 4.56 # is wrong"]),
        ("spell_backward", "ainomma", {}, ["Ainomma"], ["ainommas"]),
    ],
)  # fmt: skip
def test_what_a_scorer_overlooks_is_looked_at_again(task, own, metadata, right, wrong):
    answer = json.dumps({"task": task, "entry": {"question": "", "answer": own, "metadata": metadata}})
    for given in right:
        assert verify("reasoning_gym", f"<answer>{given}</answer>", answer).correct, given
    for given in wrong:
        assert not verify("reasoning_gym", f"<answer>{given}</answer>", answer).correct, given


def test_a_hanoi_move_is_a_line_of_its_own():
    entry, answer = problem("tower_of_hanoi")
    lines = entry["answer"].splitlines()
    assert verify("reasoning_gym", "\n \n".join(lines), answer).correct
    assert not verify("reasoning_gym", "\n".join(f"I do not {line}, or do I?" for line in lines), answer).correct


def test_a_task_without_an_answer_of_its_own_is_judged_by_its_scorer():
    _, answer = problem("graph_color")
    assert verifiers.check_answer("reasoning_gym", answer) is None
    assert not verify("reasoning_gym", "{}", answer).correct


def test_tuples_that_json_made_lists_are_tuples_again():
    _, answer = problem("rearc")
    assert verifiers.check_answer("reasoning_gym", answer) is None


@pytest.mark.parametrize(
    "answer",
    [
        "", "42", "{}", "[]", "null", pytest.param("[" * 100_000, id="deep"),
        '{"task": 1, "entry": {}}', '{"task": "chain_sum", "entry": {"answer": "1"}}',
        '{"task": "no such task", "entry": {"answer": "1", "metadata": {}}}',
        '{"task": "chain_sum", "config": {"no_such": 1}, "entry": {"answer": "1", "metadata": {}}}',
        '{"task": "countdown", "entry": {"answer": "1+1", "metadata": {"numbers": [2], "target": 2}}}',
    ],
)  # fmt: skip
def test_an_unreadable_answer_says_so_in_one_line(answer):
    said = verifiers.check_answer("reasoning_gym", answer)
    assert said.startswith("answer: ") and "\n" not in said
