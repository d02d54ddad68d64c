"""Make an experiment's problems, and look at them before anything learns from them or is measured by them.

Looked at is whether the verifiers can read every gold answer, whether they give the same verdict twice, and
whether a test problem is in a training set. Nothing is saved before that, so that what is there was looked at.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from passk import problems, verifiers
from passk.base.errors import ConfigError, under
from passk.base.terminal import clock
from passk.files.layout import write_json
from passk.problems import contamination
from passk.problems.record import Problem, Spec, bare, set_hash
from passk.problems.text_problems import Worded
from passk.verifiers import audit
from passk.verifiers.pool import Pool

Say = Callable[[str], None]
SEPARATION = "separation.json"
"""beside the problems' files: {test set: {training set: {"exact": [[id, id]], "near": [[id, id, share]]}}}"""
SAY_EVERY_SECONDS = 10.0
_LISTED = 20
"""unreadable answers that are said one by one"""
_NAMED = 3
"""examples in a line"""


def prepare(specs: Mapping[str, Spec], files: Mapping[str, Path], seed: int, say: Say) -> None:
    """Make the sets that are not there. specs, files: by the set's name. Raises PasskError, the field first."""
    made: dict[str, list[Problem]] = {}
    for name, spec in specs.items():
        if files[name].exists():
            continue
        doing = Doing()
        with under(f"problems.{name}"), doing.told(name, say):
            rows = problems.generate(spec, seed)
            made[name] = readable(rows, spec, say, doing)
            doing.now = "is judged twice"
            _audit(made[name])
    if not made:
        return
    found = separate(specs, {name: made.get(name) or _loaded(files[name]) for name in specs}, say)
    # first, so that whoever is stopped in between looks again
    write_json(files[next(iter(made))].parent / SEPARATION, found)
    for name, rows in made.items():
        problems.save(rows, files[name])
        say(f"problems {name}: {len(rows)} of the {specs[name].split} split, content {set_hash(rows)}{_origin(rows)}")


class Doing:
    """What is being done with a set: said now and then, for as long as it takes."""

    def __init__(self) -> None:
        self.now = "is being made"

    @contextmanager
    def told(self, name: str, say: Say) -> Iterator[None]:
        begun, done = time.monotonic(), threading.Event()

        def tell() -> None:
            while not done.wait(SAY_EVERY_SECONDS):
                say(f"problems {name}: {self.now}, {clock(time.monotonic() - begun)} so far")

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            done.set()
            teller.join()


def readable(rows: list[Problem], spec: Spec, say: Say, doing: Doing) -> list[Problem]:
    """The problems whose gold answer their verifier can read.

    The others are listed, and refused: ConfigError, or left out where `spec` says so.
    """
    said = _read([(row.verifier, row.answer) for row in rows], doing)
    why = {row.id: " ".join(reason.split()) for row, reason in zip(rows, said, strict=True) if reason is not None}
    if not why:
        return rows
    for row, reason in list(why.items())[:_LISTED]:
        say(f"unreadable gold answer: {row}: {reason}")
    if len(why) > _LISTED:
        say(f"unreadable gold answers: {len(why) - _LISTED} more")
    first, reason = next(iter(why.items()))
    summary = f"{len(why)} of {len(rows)} gold answers cannot be read by {rows[0].verifier}, such as {first}: {reason}"
    if isinstance(spec, Worded) and spec.unreadable == "leave_out" and len(why) < len(rows):
        say(f"left out: {summary}")
        return [row for row in rows if row.id not in why]
    mend = "mend them, or set unreadable: leave_out" if isinstance(spec, Worded) else "mend them"
    raise ConfigError(f"unreadable: {summary}; {mend}")


def _read(answers: list[tuple[str, str]], doing: Doing) -> list[str | None]:
    """Why each (verifier, answer) cannot be judged by; one that hangs or crashes its verifier costs a deadline."""
    if not any(map(verifiers.needs_deadline, {name for name, _ in answers})):
        return [verifiers.check_answer(*each) for each in answers]  # 192,000 mazes: a future each is five times as much
    with Pool() as pool:
        futures = [pool.check_answer(*each) for each in answers]
        said = []
        for future in futures:
            doing.now = f"{len(said)} of {len(answers)} gold answers are read"
            said.append(future.result())
        return said


def separate(specs: Mapping[str, Spec], rows: Mapping[str, list[Problem]], say: Say) -> dict[str, Any]:
    """Say of each test set what of it is in each training set, and what is in it twice.

    What is given is what SEPARATION holds.
    """
    texts = {name: contamination.Texts([bare(specs[name], row.prompt) for row in own]) for name, own in rows.items()}
    found: dict[str, Any] = {}
    for test in (name for name in rows if specs[name].split == "test"):
        ids = [row.id for row in rows[test]]
        if twice := contamination.repeated(texts[test]):
            pairs = [f"{ids[place]} = {ids[first]}" for place, first in twice]
            say(f"problems {test}: {_count(len(pairs))} twice in it, {_examples(pairs)}")
        clean = []
        for train in (name for name in rows if specs[name].split == "train"):
            matches = contamination.overlap(texts[train], texts[test])
            named = [(ids[match.test], rows[train][match.train].id, match) for match in matches]
            exact = [[a, b] for a, b, match in named if match.exact]
            near = [[a, b, round(match.share, 3)] for a, b, match in named if not match.exact]
            found.setdefault(test, {})[train] = {"exact": exact, "near": near}
            if matches:
                say(f"problems {test}: NOT SEPARATE, of its {len(ids)} problems {_said(exact, near, train)}")
            else:
                clean.append(train)
        if clean:
            say(f"problems {test}: none of its {len(ids)} is in {', '.join(clean)}, exactly or nearly")
    return found


def require_demonstrations(named: str, file: Path) -> None:
    """Raise ConfigError where the problems in `file` are not all there to learn from by sft. named: field and set."""
    without = sum(not text.strip() for text in problems.load(file)["demonstration"])
    if without:
        raise ConfigError(
            f"{named} has {without} problems without a demonstration, which is what sft learns from; "
            "take a source with solutions, or name their column"
        )


def _audit(rows: list[Problem]) -> None:
    """The same verdicts twice, in fresh processes, with another hash seed. Raises PasskError for a noisy verifier."""
    answers, demonstrations = [row.answer for row in rows], [row.demonstration for row in rows]
    audit.check(rows[0].verifier, answers, demonstrations)


def _said(exact: list[list[str]], near: list[list[Any]], train: str) -> str:
    parts = []
    if exact:
        parts.append(f"{_count(len(exact))} in {train} word for word, {_examples(f'{a} = {b}' for a, b in exact)}")
    if near:
        pairs = (f"{a} ~ {b} ({share:.0%})" for a, b, share in near)
        parts.append(f"{_count(len(near))} nearly in {train}, {_examples(pairs)}")
    return "; ".join(parts)


def _count(number: int) -> str:
    return f"{number} {'is' if number == 1 else 'are'}"


def _examples(pairs: Iterable[str]) -> str:
    named = list(pairs)
    return ", ".join(named[:_NAMED]) + (", ..." if len(named) > _NAMED else "")


def _origin(rows: list[Problem]) -> str:
    first = rows[0].metadata
    return f", from {first['dataset']}@{first['revision']}" if {"dataset", "revision"} <= first.keys() else ""


def _loaded(file: Path) -> list[Problem]:
    return [Problem(**row | {"metadata": json.loads(row["metadata"])}) for row in problems.load(file).to_list()]
