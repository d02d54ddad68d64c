"""Make an experiment's problems and check them before they are used.

The checks: the verifiers can read every gold answer, they give the same verdict twice, and no test problem is in a
training set. Sets are saved after the checks, so every file was checked.
"""

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from passk import problems, verifiers
from passk.base.errors import ConfigError, nearest, under
from passk.base.progress_line import ProgressLine
from passk.base.terminal import clock
from passk.files import layout
from passk.files.layout import write_json
from passk.problems import contamination
from passk.problems.record import Problem, Spec, bare, set_hash
from passk.problems.text_problems import Worded
from passk.verifiers import audit
from passk.verifiers.pool import Pool

log = logging.getLogger(__name__)
_LISTED = 20
"""Most unreadable gold answers that are logged one by one."""
_NAMED = 3
"""Most examples in a line."""


def prepare(specs: Mapping[str, Spec], files: Mapping[str, Path], seed: int) -> None:
    """Make the sets whose files are missing. specs, files: by name of the set. Raise ConfigError with the field."""
    prepared: dict[str, list[Problem]] = {}
    for name, spec in specs.items():
        if files[name].exists():
            continue
        activity = Activity()
        with under(f"problems.{name}"), activity.logged(name):
            rows = problems.generate(spec, seed)
            prepared[name] = readable(rows, spec, activity)
            activity.now = "checking that verdicts repeat"
            _audit(prepared[name])
    if not prepared:
        return
    overlaps = separate(specs, {name: prepared.get(name) or loaded(files[name]) for name in specs})
    # before the sets, so that a run that is stopped in between checks again
    write_json(layout.separation(files[next(iter(prepared))].parent), overlaps)
    for name, rows in prepared.items():
        problems.save(rows, files[name])
        origin = f"content {set_hash(rows)}{_origin(rows)}"
        log.info("problems %s: %d of the %s split, %s", name, len(rows), specs[name].split, origin)


class Activity:
    """The work on a set, for its progress line."""

    def __init__(self) -> None:
        self.now = "generating"

    @contextmanager
    def logged(self, name: str) -> Iterator[None]:
        """Log the work and its time until the block ends."""
        started = time.monotonic()
        with ProgressLine(log.info).repeated(
            lambda: f"problems {name}: {self.now}, {clock(time.monotonic() - started)} so far"
        ):
            yield


def readable(rows: list[Problem], spec: Spec, activity: Activity) -> list[Problem]:
    """Return the problems whose gold answers their verifier can read.

    Log the others. Raise ConfigError for them unless `spec` leaves them out.
    """
    reasons = _read([(row.verifier, row.answer) for row in rows], activity)
    why = {row.id: " ".join(reason.split()) for row, reason in zip(rows, reasons, strict=True) if reason is not None}
    if not why:
        return rows
    for row, reason in list(why.items())[:_LISTED]:
        log.info("unreadable gold answer: %s: %s", row, reason)
    if len(why) > _LISTED:
        log.info("unreadable gold answers: %d more", len(why) - _LISTED)
    first, reason = next(iter(why.items()))
    summary = f"{rows[0].verifier} cannot read {len(why)} of {len(rows)} gold answers, such as {first}: {reason}"
    if isinstance(spec, Worded) and spec.unreadable == "leave_out" and len(why) < len(rows):
        log.info("left out: %s", summary)
        return [row for row in rows if row.id not in why]
    fix = "fix them, or set unreadable: leave_out" if isinstance(spec, Worded) else "fix them"
    raise ConfigError("unreadable", summary, fix)


def _read(answers: list[tuple[str, str]], activity: Activity) -> list[str | None]:
    """Return for each (verifier, gold answer) why the verifier cannot read it, or None.

    A gold answer that hangs or crashes its verifier costs one deadline.
    """
    if not any(map(verifiers.needs_deadline, {name for name, _ in answers})):
        return [verifiers.check_answer(*each) for each in answers]  # a future for each takes five times as long
    with Pool() as pool:
        futures = [pool.check_answer(*each) for each in answers]
        reasons = []
        for future in futures:
            activity.now = f"{len(reasons)} of {len(answers)} gold answers checked"
            reasons.append(future.result())
        return reasons


def separate(specs: Mapping[str, Spec], rows: Mapping[str, list[Problem]]) -> dict[str, Any]:
    """Log which problems of each test set are in each training set, and which are repeated.

    Return {test set: {training set: {"exact": [[id, id]], "near": [[id, id, share]]}}}, the content of separation.json.
    """
    texts = {name: contamination.Texts([bare(specs[name], row.prompt) for row in each]) for name, each in rows.items()}
    overlaps: dict[str, Any] = {}
    for test in (name for name in rows if specs[name].split == "test"):
        ids = [row.id for row in rows[test]]
        if repeated := contamination.repeated(texts[test]):
            pairs = [f"{ids[place]} = {ids[first]}" for place, first in repeated]
            log.info("problems %s: %s in it twice, %s", test, _count(len(pairs)), _examples(pairs))
        clean = []
        for train in (name for name in rows if specs[name].split == "train"):
            matches = contamination.overlap(texts[train], texts[test])
            named = [(ids[match.test], rows[train][match.train].id, match) for match in matches]
            exact = [[a, b] for a, b, match in named if match.exact]
            near = [[a, b, round(match.share, 3)] for a, b, match in named if not match.exact]
            overlaps.setdefault(test, {})[train] = {"exact": exact, "near": near}
            if matches:
                both = _overlap(exact, near, train)
                log.info("problems %s: NOT SEPARATE, of its %d problems %s", test, len(ids), both)
            else:
                clean.append(train)
        if clean:
            where = ", ".join(clean)
            log.info("problems %s: none of its %d problems is in %s, exactly or nearly", test, len(ids), where)
    return overlaps


def require_demonstrations(field: str, name: str, file: Path, *, user: str) -> None:
    """Raise ConfigError if problems in `file` lack demonstrations, which `user` needs. name: of the problem set."""
    without = sum(not text.strip() for text in problems.load(file)["demonstration"])
    if without:
        raise ConfigError(
            field,
            f"{name} has {without} problems without a demonstration, which {user} trains on",
            "choose a source with solutions, or name their column",
        )


def require_fields(benchmarks: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    """Raise ConfigError if no problem of a benchmark has the metadata of its `by`."""
    for name, benchmark in benchmarks.items():
        if benchmark.by:
            require_metadata(f"benchmarks.{name}.by", benchmark.by, files[benchmark.problems])


def require_metadata(named: str, field: str, file: Path) -> None:
    """Raise ConfigError if no problem in `file` has a metadata field. named: the field of the experiment."""
    rows = problems.load(file)
    known = sorted({name for text in rows["metadata"] for name in json.loads(text)} | {"difficulty"})
    if field not in known:
        raise ConfigError(named, f"no problem has the metadata {field!r}", nearest(field, known))


def _audit(rows: list[Problem]) -> None:
    """Raise ConfigError if the verdicts differ between two fresh processes with different hash seeds."""
    answers, demonstrations = [row.answer for row in rows], [row.demonstration for row in rows]
    audit.check(rows[0].verifier, answers, demonstrations)


def _overlap(exact: list[list[str]], near: list[list[Any]], train: str) -> str:
    parts = []
    if exact:
        parts.append(f"{_count(len(exact))} exactly in {train}, {_examples(f'{a} = {b}' for a, b in exact)}")
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


def loaded(file: Path) -> list[Problem]:
    """Return the problems in a file of `problems.save`. Raise PasskError if it is missing or damaged."""
    return [Problem(**row | {"metadata": json.loads(row["metadata"])}) for row in problems.load(file).to_list()]
