r"""Tasks of the package reasoning_gym, each judged by its own scorer, with what those let pass mended.

Read is the last <answer>...</answer>, without one the whole response, white space around it removed. The
answer is a JSON object {"task": a name of reasoning_gym, "entry": what the data set gave: question, answer
and metadata, "config": what the data set was made with, where that is not the default}.

Scorers give parts of a point for parts of an answer, and 0.01 for trying. Pass@k knows right and wrong, and
a reward for an answer that repeats everything would be learned: full marks are 1, all else is 0.

A gold answer is untrusted as a response is: passk/verifiers/reasoning_gym_golds.py refuses what could run as code.

Model output is untrusted, and several scorers evaluate it as Python:

- `string_insertion`, `spiral_matrix`, `binary_matrix`, `n_queens` call eval() for a part of a point, which we
  do not pay: their eval is replaced by a refusal.
- `countdown`, `puzzle24`, `polynomial_multiplication`, `simple_integration`, `intermediate_integration` call
  sympy's parse_expr, which is eval(): the answer must be of their form (_FORMS), which holds nothing that
  Python could call but sympy's own functions.

Other scorers look for the answer within the text, or look at less than they should: for them too the answer
must be of their form, and where that is not enough be looked at again (_AGAIN).
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

REASONS = ("correct", "no answer", "not of the form", "partly right", "wrong")
EXAMPLE = (
    "<answer>42</answer>",
    '{"task": "chain_sum", "entry": {"question": "State the result: 40 + 2", "answer": "42", "metadata": {}}}',
)
NEEDS_DEADLINE = True
LONGEST = 20_000
"""characters of an answer; the longest of reasoning_gym's own have some thousand"""

_EVALUATED = (
    "algorithmic.string_insertion",
    "algorithmic.spiral_matrix",
    "algorithmic.binary_matrix",
    "games.n_queens",
)
# No powers and no floors: a power spends a number for nothing, and so does a decimal point (8.5 for 8 and 5).
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
    """`extracted`: the answer, runs of white space as one space. Raises AnswerError where `answer` is no such JSON."""
    task, dataset, entry = _prepared(answer)
    given = _read(response)
    shown = " ".join(given[:LONGEST].split())[:1000]
    if not given:
        return Verdict(0.0, False, "", "no answer")
    if len(given) > LONGEST or (task in _FORMS and not _FORMS[task].fullmatch(given)):
        return Verdict(0.0, False, shown, "not of the form")
    try:
        score = float(dataset.score_answer(given, entry))
        right = score >= 1 - 1e-9 and (task not in _AGAIN or _AGAIN[task](given, entry))
    except MemoryError:
        raise
    except Exception:  # a scorer that stumbles over what a model wrote
        return Verdict(0.0, False, shown, "not of the form")
    if right:
        return Verdict(1.0, True, shown, "correct")
    return Verdict(0.0, False, shown, "partly right" if 0.05 < score < 1 else "wrong")


def check_answer(answer: str) -> str | None:
    """The task exists, and its scorer gives the entry's own answer, where it has one, full marks."""
    try:
        task, _, entry = _prepared(answer)
    except AnswerError as error:
        return str(error)
    if entry["answer"] is None:
        return None
    verdict = verify(f"<answer>{entry['answer']}</answer>", answer)
    return None if verdict.correct else f"answer: {task} does not take its own answer: {verdict.reason}"


def _read(response: str) -> str:
    text = after_thinking(response)
    tagged = last_answer(text)
    return (text if tagged is None else tagged).strip()


@lru_cache(maxsize=1024)
def _prepared(answer: str) -> tuple[str, Any, dict[str, Any]]:
    """(task, its data set, the entry). JSON has no tuples: where a scorer wants them, lists become tuples."""
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
    # The scorer reads the gold answer as a response below, so it must have a response's form.
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
        importlib.import_module(f"reasoning_gym.{name}").eval = _refuse  # what a module calls eval is its own first
    if task not in factory.DATASETS:
        raise AnswerError(f"answer: reasoning_gym has no task {task!r}")
    try:
        return factory.create_dataset(task, **({"seed": 0, "size": 1} | json.loads(config)))
    except Exception as error:
        raise AnswerError(f"answer: {task} is not to be made: {' '.join(str(error).split())[:200]}") from None


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


def _is_24(given: str, entry: dict[str, Any]) -> bool:
    """The scorer asks for any four numbers, and takes 24.9 for 24."""
    from sympy.parsing.sympy_parser import parse_expr

    return _integers(given) == sorted(entry["metadata"]["numbers"]) and parse_expr(given) == 24


def _same_numbers(given: str, entry: dict[str, Any]) -> bool:
    """The scorer takes numbers that are off by 1 for rounded ones, and NaN for any."""
    given, gold = (json.loads(text.replace("'", '"')) for text in (given, entry["answer"]))
    return [float(number) for number in given] == [float(number) for number in gold]


def _same_count(given: str, entry: dict[str, Any]) -> bool:
    """The scorer reads the first numbers and no further."""
    return len(re.findall(_NUMBER, given)) == len(re.findall(_NUMBER, entry["answer"]))


def _is_probability(given: str, entry: dict[str, Any]) -> bool:
    """The scorer allows an error of 1e-4, which is more than some probabilities are."""
    gold = Fraction(entry["answer"])
    return abs(Fraction(given.replace(",", "")) - gold) <= gold / 1000


def _is_pooled(given: str, entry: dict[str, Any]) -> bool:
    """The scorer allows an error of 1 %, and another mean may be as near; asked for are two decimals."""
    pairs = zip(given.split(), entry["answer"].split(), strict=True)
    return all(abs(float(one) - float(other)) < 0.0101 for one, other in pairs)


def _same_text(given: str, entry: dict[str, Any]) -> bool:
    """The scorer gives full marks for parts that add up to them, whatever follows."""
    return " ".join(given.casefold().split()) == " ".join(str(entry["answer"]).casefold().split())


def _as_many(sign: str) -> Callable[[str, dict[str, Any]], bool]:
    """Whether there are as many parts as in the entry's answer, going by the sign between them."""
    return lambda given, entry: given.count(sign) == entry["answer"].count(sign)


_AGAIN: dict[str, Callable[[str, dict[str, Any]], bool]] = {
    "advanced_geometry": _same_count,
    "coin_flip": _is_probability,
    # A letter that is given twice has the digit given last.
    "cryptarithm": _as_many("="),
    "figlet_font": lambda given, entry: _same_text("".join(given.split()), entry),
    # Rows and cells beyond the board are not looked at.
    "game_of_life": lambda given, entry: json.loads(given) == json.loads(entry["answer"]),
    # The scorer asks whether the text is empty.
    "game_of_life_halting": _same_text,
    "letter_jumble": _same_text,
    "number_sorting": _same_numbers,
    "pool_matrix": _is_pooled,
    "puzzle24": _is_24,
    "spell_backward": _same_text,
    # A date's scorer reads the first number and no further.
    "time_intervals": _as_many(","),
    # Words beyond the last are not looked at.
    "word_sorting": _as_many(","),
}
