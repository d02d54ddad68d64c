r"""Tasks of the package reasoning_gym. The task's own scorer judges them, with further checks.

The answer is the content of the last <answer>...</answer>, else the whole response, without surrounding white space.
The gold answer is a JSON object {"task": a name of reasoning_gym, "entry": the data set's question, answer and
metadata, "config": options of the data set that differ from the default}.

Scorers give partial scores for parts of an answer, and 0.01 for any answer. Pass@k needs a binary reward, and a model
would learn to collect partial scores. The full score is therefore 1, and every other score is 0.

A gold answer is as untrusted as a response. passk/verifiers/reasoning_gym_golds.py refuses fields that could run as
code.

Model output is untrusted, and several scorers evaluate it as Python:

- `string_insertion`, `spiral_matrix`, `binary_matrix`, `n_queens` call eval() for a partial score, which passk does
  not use. Their eval is replaced by a function that raises.
- `countdown`, `puzzle24`, `polynomial_multiplication`, `simple_integration`, `intermediate_integration` call
  sympy's parse_expr, which is eval(). Their answers must have a form (_FORMS) in which Python can call only
  sympy's functions.

Other scorers search the text for the answer, or check only a part of it. Their answers must have a form too, and some
get a second check (_CHECKS).
"""

import importlib
import json
import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

from passk.verifiers import AnswerError, Verdict
from passk.verifiers import reasoning_gym_golds as golds
from passk.verifiers.extract import after_thinking, last_answer
from passk.verifiers.reasoning_gym_golds import ALGEBRA

REASONS = ("correct", "no answer", "no tags", "malformed", "partly correct", "incorrect")
EXAMPLE = (
    "<answer>42</answer>",
    '{"task": "chain_sum", "entry": {"question": "State the result: 40 + 2", "answer": "42", "metadata": {}}}',
)
NEEDS_DEADLINE = True
LONGEST = 20_000
"""Most characters of an answer. The longest of reasoning_gym have some thousand."""

_LONGEST_UNTAGGED = 60
"""Most characters that count as an answer without tags, unless the gold answer is longer."""
_EVALUATED = (
    "algorithmic.string_insertion",
    "algorithmic.spiral_matrix",
    "algorithmic.binary_matrix",
    "games.n_queens",
)
# Without powers, floor divisions and decimal points, which use up numbers without an operation (8.5 for 8 and 5).
_ARITHMETIC = re.compile(r"(?!.*(?:\*\s*\*|/\s*/))[0-9+*/()\s-]{1,400}", re.S)
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_FORMS = {
    "advanced_geometry": re.compile(r"[0-9.,()/\s°-]*"),
    "complex_arithmetic": re.compile(r"[0-9.eijEIJ+()\s-]*"),
    "countdown": _ARITHMETIC,
    "fraction_simplification": re.compile(
        r"\$?\s*(?:-?\d+\s*/\s*-?\d+|\\d?frac\s*\{\s*\d+\s*\}\s*\{\s*\d+\s*\})\s*\$?"
    ),
    "gsm_symbolic": re.compile(r"-?[0-9]+(?:\.[0-9]+)?"),
    "intermediate_integration": ALGEBRA,
    "kakurasu": re.compile(r"[01\s]*"),
    "knights_knaves": re.compile(r"[A-Za-z]+ is an? [a-z]+(?:(?:,| and|, and) [A-Za-z]+ is an? [a-z]+)*\.?"),
    "polynomial_equations": re.compile(rf"(?:{_NUMBER}(?:\s*,\s*{_NUMBER})*)?"),
    "polynomial_multiplication": ALGEBRA,
    "puzzle24": _ARITHMETIC,
    "quantum_lock": re.compile(r"[A-Ca-c](?:[\s,→>-]+[A-Ca-c])*"),
    "simple_integration": ALGEBRA,
    "sokoban": re.compile(r"[LRUD]*"),
    "survo": re.compile(r"[0-9\s-]*"),
    "time_intervals": re.compile(r"[0-9]+ days?|(?:[0-9]+ days, *)?[0-9]+:[0-9]+(?::[0-9]+(?:\.[0-9]+)?)?"),
    "tower_of_hanoi": re.compile(r"(?:Move disk \d+ from Peg \d+ to Peg \d+(?:[ \t]*\n\s*|$))*"),
}


def verify(response: str, answer: str) -> Verdict:
    """Judge a response; `extracted` is its answer with runs of white space as one space.

    Raises AnswerError if `answer` is not such a JSON object.
    """
    task, dataset, entry = _prepared(answer)
    text = _read(response)
    shown = " ".join(text[:LONGEST].split())[:1000]
    if not text:
        return Verdict(0.0, False, "", "no answer")
    if len(text) > LONGEST or (task in _FORMS and not _FORMS[task].fullmatch(text)):
        return Verdict(0.0, False, shown, "no tags" if _is_untagged(response, text, entry) else "malformed")
    try:
        score = float(dataset.score_answer(text, entry))
        correct = score >= 1 - 1e-9 and (task not in _CHECKS or _CHECKS[task](text, entry))
    except MemoryError:
        raise
    except Exception:  # the scorer fails on the response
        return Verdict(0.0, False, shown, "no tags" if _is_untagged(response, text, entry) else "malformed")
    if correct:
        return Verdict(1.0, True, shown, "correct")
    if _is_untagged(response, text, entry):
        return Verdict(0.0, False, shown, "no tags")
    return Verdict(0.0, False, shown, "partly correct" if 0.05 < score < 1 else "incorrect")


def check_answer(answer: str) -> str | None:
    """Return why the verifier cannot use a gold answer, or None.

    The task must exist, and its scorer must give the entry's answer, if any, the full score.
    """
    try:
        task, _, entry = _prepared(answer)
    except AnswerError as error:
        return str(error)
    if entry["answer"] is None:
        return None
    verdict = verify(f"<answer>{entry['answer']}</answer>", answer)
    return None if verdict.correct else f"answer: {task} rejects its own answer: {verdict.reason}; fix the entry"


def _read(response: str) -> str:
    text = after_thinking(response)
    tagged = last_answer(text)
    return (text if tagged is None else tagged).strip()


def _is_untagged(response: str, text: str, entry: dict[str, Any]) -> bool:
    """Return whether a response without <answer> is too long or has too many lines for an answer of the task.

    The reports count such responses apart: they show that a model misses the format, not that its answer is incorrect.
    """
    if last_answer(after_thinking(response)) is not None:
        return False
    gold = str(entry["answer"] or "")
    return len(text) > max(_LONGEST_UNTAGGED, 2 * len(gold)) or text.count("\n") > gold.strip().count("\n")


@lru_cache(maxsize=1024)
def _prepared(answer: str) -> tuple[str, Any, dict[str, Any]]:
    """Return (task, its data set, the entry). JSON has no tuples, so lists become tuples if the scorer needs them."""
    try:
        fields = json.loads(answer)
        task, entry, config = fields["task"], fields["entry"], fields.get("config") or {}
        good = isinstance(task, str) and isinstance(entry, dict) and {"answer", "metadata"} <= entry.keys()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        good = False
    if not good:
        raise AnswerError('answer: not a JSON object {"task": ..., "entry": {"answer": ..., "metadata": ...}}')
    if why := golds.problem(task, entry, config):
        raise AnswerError(why)
    # The scorer judges the gold answer like a response below, so it must have a response's form.
    if task in _FORMS and entry["answer"] is not None and not _FORMS[task].fullmatch(entry["answer"].strip()):
        raise AnswerError(f"answer: {task}: entry.answer is not of its form; write what reasoning_gym generates")
    dataset = _dataset(task, json.dumps(config, sort_keys=True))
    if entry["answer"] is not None and not _takes(dataset, entry):
        with_tuples = entry | {"metadata": _tuples(entry["metadata"])}
        entry = with_tuples if _takes(dataset, with_tuples) else entry
    return task, dataset, entry


@lru_cache(maxsize=64)
def _dataset(task: str, config: str) -> Any:
    factory = importlib.import_module("reasoning_gym.factory")
    importlib.import_module("reasoning_gym")
    for name in _EVALUATED:
        importlib.import_module(f"reasoning_gym.{name}").eval = _refuse  # shadows the built-in
    if task not in factory.DATASETS:
        raise AnswerError(f"answer: reasoning_gym has no task {task!r}")
    try:
        return factory.create_dataset(task, **({"seed": 0, "size": 1} | json.loads(config)))
    except Exception as error:
        raise AnswerError(f"answer: {task}: cannot make its data set: {' '.join(str(error).split())[:200]}") from None


def _takes(dataset: Any, entry: dict[str, Any]) -> bool:
    try:
        return dataset.score_answer(entry["answer"], entry) >= 1 - 1e-9
    except Exception:
        return False


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    return {name: _tuples(item) for name, item in value.items()} if isinstance(value, dict) else value


def _refuse(*_: Any) -> Any:
    raise ValueError("a response is not evaluated")


def _integers(text: str) -> list[int]:
    return sorted(int(number) for number in re.findall(r"[0-9]+", text))


def _is_24(extracted: str, entry: dict[str, Any]) -> bool:
    """Check numbers and value: the scorer accepts any four numbers, and 24.9 for 24."""
    from sympy.parsing.sympy_parser import parse_expr

    return _integers(extracted) == sorted(entry["metadata"]["numbers"]) and parse_expr(extracted) == 24


def _same_numbers(extracted: str, entry: dict[str, Any]) -> bool:
    """Check all numbers: the scorer accepts numbers that differ by 1, and NaN."""
    extracted, gold = (json.loads(text.replace("'", '"')) for text in (extracted, entry["answer"]))
    return [float(number) for number in extracted] == [float(number) for number in gold]


def _same_count(extracted: str, entry: dict[str, Any]) -> bool:
    """Check the count of numbers: the scorer reads only the first ones."""
    return len(re.findall(_NUMBER, extracted)) == len(re.findall(_NUMBER, entry["answer"]))


def _is_probability(extracted: str, entry: dict[str, Any]) -> bool:
    """Check the relative error: the scorer allows an error of 1e-4, which exceeds some probabilities."""
    gold = Fraction(entry["answer"])
    return abs(Fraction(extracted.replace(",", "")) - gold) <= gold / 1000


def _is_pooled(extracted: str, entry: dict[str, Any]) -> bool:
    """Check two decimals, as the task requires: the scorer allows an error of 1 %, which another mean can have."""
    pairs = zip(extracted.split(), entry["answer"].split(), strict=True)
    return all(abs(float(one) - float(other)) < 0.0101 for one, other in pairs)


def _same_text(extracted: str, entry: dict[str, Any]) -> bool:
    """Check the whole text: the scorer gives the full score if the parts match, whatever follows."""
    return " ".join(extracted.casefold().split()) == " ".join(str(entry["answer"]).casefold().split())


def _as_many(sign: str) -> Callable[[str, dict[str, Any]], bool]:
    """Return a check of the number of parts, counted by the sign between them."""
    return lambda extracted, entry: extracted.count(sign) == entry["answer"].count(sign)


_CHECKS: dict[str, Callable[[str, dict[str, Any]], bool]] = {
    "advanced_geometry": _same_count,
    "coin_flip": _is_probability,
    # The scorer uses the last digit of a repeated letter.
    "cryptarithm": _as_many("="),
    "figlet_font": lambda extracted, entry: _same_text("".join(extracted.split()), entry),
    # The scorer ignores rows and cells beyond the board.
    "game_of_life": lambda extracted, entry: json.loads(extracted) == json.loads(entry["answer"]),
    # The scorer checks only whether the text is empty.
    "game_of_life_halting": _same_text,
    "letter_jumble": _same_text,
    "number_sorting": _same_numbers,
    "pool_matrix": _is_pooled,
    "puzzle24": _is_24,
    "spell_backward": _same_text,
    # The scorer of dates reads only the first number.
    "time_intervals": _as_many(","),
    # The scorer ignores words beyond the last.
    "word_sorting": _as_many(","),
}
