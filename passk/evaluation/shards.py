"""The files of an evaluation: parts as it goes, each whole or not there; samples.parquet and the manifest at its end.

A part holds whole problems, so a problem is either in the parts with all its samples or is sampled again. One
process writes (passk/evaluation/evaluate.py holds the lock).
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from passk.base.errors import PasskError
from passk.evaluation.generate import Part
from passk.files.durable import telling_when_full
from passk.files.layout import EvaluationRecord, write_json
from passk.verifiers import FAILURES, AnswerError, Verdict

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.dataset

JUDGED_AT_ONCE = 32
"""responses, each of which may take its deadline, before it is seen whether the verifier still fails"""
MERGED_SAMPLES = 2048
"""in memory at a time while the parts are made one file"""
_PLACE = "place"
"""column of the parts alone: where the problem stands in its file"""
_OWN = b"passk"


class Parts:
    """The parts of one evaluation, in `directory`/parts, and what they come to."""

    def __init__(self, directory: Path, problems: list[str], say: Callable[[str], None] = print) -> None:
        """problems: ids in the order of their file. What a crash left half written is removed, and said."""
        self._evaluation, self.directory = directory, directory / "parts"
        self._place = {problem: place for place, problem in enumerate(problems)}
        self._number = 0
        self.problems: set[str] = set()
        """that are in the parts, each with all its samples"""
        self.reasons: Counter[str] = Counter()
        """samples by their verdict's reason"""
        self.tokens = 0
        self.seconds = self.judging = 0.0
        """wall time of the sessions that wrote them, and of it what engines were held up by verifiers"""
        self.directory.mkdir(parents=True, exist_ok=True)
        for half in self.directory.glob(".*"):
            half.unlink()
        for file in self._files():
            self._number = int(file.stem)
            try:
                self._count(*_read(file))
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                reason = " ".join(str(error).split())[:200]
                say(f"parts/{file.name} is not used, its problems are sampled again: {reason}")
                file.unlink()

    def _files(self) -> list[Path]:
        return sorted(file for file in self.directory.glob("*.parquet") if file.stem.isdecimal())

    def _count(self, columns: dict[str, list[Any]], own: dict[str, float]) -> None:
        # First what fails on a damaged part: then nothing of it is counted.
        tokens, seconds, judging = sum(columns["tokens"]), own["seconds"] + 0.0, own["judging"] + 0.0
        self.problems.update(columns["problem"])
        self.reasons.update(columns["reason"])
        self.tokens += tokens
        self.seconds += seconds
        self.judging += judging

    def add(self, part: Part) -> None:
        """Write a part whole or not at all. PasskError where the disk is full."""
        if not len(part):
            return
        import pyarrow

        places = [self._place[problem] for problem in part.columns["problem"]]
        own = {"seconds": part.seconds, "judging": part.judging}
        table = pyarrow.table({_PLACE: places, **part.columns}, schema=_schema()).replace_schema_metadata(
            {_OWN: json.dumps(own)}
        )
        self._number += 1
        _write(self.directory / f"{self._number:06d}.parquet", table.schema, [table])
        self._count(part.columns, own)

    @property
    def failed(self) -> int:
        """samples on which the verifier came to no verdict"""
        return sum(self.reasons[reason] for reason in FAILURES)

    def shares(self) -> dict[str, float]:
        """reason -> share of the samples, the largest first"""
        return {reason: count / self.reasons.total() for reason, count in self.reasons.most_common() if count}

    def judge_again(self, submit: "Callable[[str, str], Future[Verdict]]", most: float) -> None:
        """Judge again what the verifier came to no verdict on; each part is rewritten whole or not at all.

        submit: (problem's id, response) -> the verdict to come. Ends as soon as it comes to none again on more than
        `most` of all samples here. Raises PasskError for an answer that the verifier cannot read.
        """
        import pyarrow.parquet

        left = most * self.reasons.total()
        for file in self._files():
            table = pyarrow.parquet.read_table(file)
            columns = table.to_pydict()
            rows = [row for row, reason in enumerate(columns["reason"]) if reason in FAILURES]
            for first in range(0, len(rows), JUDGED_AT_ONCE):
                block = rows[first : first + JUDGED_AT_ONCE]
                asked = [submit(columns["problem"][row], columns["response"][row]) for row in block]
                for row, verdict in zip(block, map(_verdict, asked), strict=True):
                    self.reasons[columns["reason"][row]] -= 1
                    self.reasons[verdict.reason] += 1
                    left -= verdict.reason in FAILURES
                    for name in ("score", "correct", "extracted", "reason"):
                        columns[name][row] = getattr(verdict, name)
                if left < 0:
                    break
            if rows:
                _write(file, table.schema, [pyarrow.table(columns, schema=table.schema)])
            if left < 0:
                return

    def seal(self, record: EvaluationRecord) -> None:
        """Make samples.parquet of the parts, in the order of the problems, and the manifest last.

        Raises PasskError where a sample is missing or there twice.
        """
        schema = _schema()
        _write(
            self._evaluation / "samples.parquet",
            schema.remove(schema.get_field_index(_PLACE)),
            self._in_order(record.config["samples"]),
        )
        write_json(
            self._evaluation / "manifest.json",
            {
                "key": record.key,
                "samples": len(self._place) * record.config["samples"],
                "tokens": self.tokens,
                "reasons": self.shares(),
                "seconds": self.seconds,
                "judging_seconds": self.judging,
            },
        )
        shutil.rmtree(self.directory, ignore_errors=True)

    def _in_order(self, samples: int) -> "Iterator[pyarrow.Table]":
        import pyarrow.dataset

        held = pyarrow.dataset.dataset([str(file) for file in self._files()], schema=_schema(), format="parquet")
        each, place = max(1, MERGED_SAMPLES // samples), pyarrow.dataset.field(_PLACE)
        for first in range(0, len(self._place), each):
            last = min(first + each, len(self._place))
            # each part's own statistics tell whether one of these problems can be in it
            rows = held.to_table(filter=(place >= first) & (place < last))
            rows = rows.sort_by([(_PLACE, "ascending"), ("sample", "ascending")])
            places, numbers = rows[_PLACE].to_numpy(), rows["sample"].to_numpy()
            if not (
                np.array_equal(places, np.repeat(np.arange(first, last), samples))
                and np.array_equal(numbers, np.tile(np.arange(samples), last - first))
            ):
                raise PasskError(
                    f"{self.directory}: {len(rows)} samples of problems {first + 1} to {last}, which must be "
                    f"{(last - first) * samples} different ones; remove the directory to sample again"
                )
            yield rows.drop_columns([_PLACE])


def _schema() -> "pyarrow.Schema":
    import pyarrow

    text, whole, real = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
    return pyarrow.schema(
        {
            _PLACE: whole,
            "problem": text,
            "sample": whole,
            "response": text,
            "score": real,
            "correct": pyarrow.bool_(),
            "extracted": text,
            "reason": text,
            "tokens": whole,
            "finish_reason": text,
            "seed": whole,
            "logprob": real,
        }
    )


def _verdict(asked: "Future[Verdict]") -> Verdict:
    try:
        return asked.result()
    except AnswerError as error:
        raise PasskError(str(error)) from None


def _read(file: Path) -> tuple[dict[str, list[Any]], dict[str, float]]:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(file, columns=["problem", "tokens", "reason"])
    return table.to_pydict(), json.loads((table.schema.metadata or {})[_OWN])


def _write(file: Path, schema: "pyarrow.Schema", tables: "Iterable[pyarrow.Table]") -> None:
    import pyarrow.parquet

    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with telling_when_full(file), temporary.open("wb") as output:
            with pyarrow.parquet.ParquetWriter(output, schema, compression="zstd") as writer:
                for table in tables:
                    writer.write_table(table)
            output.flush()
            os.fsync(output.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
