"""The files of an evaluation: shards while it runs, then samples.parquet and the manifest.

Each shard is written atomically. A sample that is not in the shards is drawn again. Only one process writes, since
passk/evaluation/evaluate.py holds a lock.
"""

import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from passk.base.errors import PasskError, one_line
from passk.evaluation.generate import Shard
from passk.files import durable, layout
from passk.files.layout import EvaluationRecord, write_json
from passk.files.schema import SAMPLE_COLUMNS
from passk.verifiers import FAILURES, AnswerError, Verdict

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.dataset

log = logging.getLogger(__name__)
JUDGED_AT_ONCE = 32
"""Responses, each with a deadline, that are judged before the share of failures is checked again."""
MERGED_SAMPLES = 2048
"""Samples in memory during the merge of the shards."""
_PLACE = "place"
"""Column of shards only: the place of the problem in its file."""
_OWN = b"passk"
_ARROW = {"VARCHAR": "string", "INTEGER": "int64", "BIGINT": "int64", "DOUBLE": "float64", "BOOLEAN": "bool"}


class Shards:
    """The shards of one evaluation in `directory`/shards, and their totals."""

    def __init__(self, directory: Path, problems: list[str]) -> None:
        """Read the shards; remove and log damaged ones. problems: ids in the order of their file."""
        self._evaluation, self.directory = directory, layout.shards(directory)
        self._place = {problem: place for place, problem in enumerate(problems)}
        self._number = 0
        self._have: Counter[str] = Counter()
        """Bits of the samples in the shards, by the problem's id: bit 3 is sample 3."""
        self.reasons: Counter[str] = Counter()
        """Number of samples by the reason of their verdict."""
        self.tokens = self.prompt_tokens = 0
        self.seconds = self.judging = 0.0
        """Wall time of the sessions that wrote the shards, and its part in which verifiers held up the engines."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for half in self.directory.glob(".*"):  # of a killed process, as passk/files/durable.py leaves it
            shutil.rmtree(half) if half.is_dir() else half.unlink()
        for file in layout.shard_files(self._evaluation):
            self._number = int(file.stem)
            try:
                self._count(*_read(file))
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                reason = one_line(error, 200)
                log.warning("shards/%s: damaged (%s); its samples are drawn again", file.name, reason)
                shutil.rmtree(file) if file.is_dir() else file.unlink()

    def _count(self, columns: dict[str, list[Any]], times: dict[str, float]) -> None:
        # These fail for a damaged shard, before anything of it is counted.
        tokens, seconds, judging = sum(columns["tokens"]), times["seconds"] + 0.0, times["judging"] + 0.0
        prompt_tokens = int(times.get("prompt_tokens", 0))
        have = [(problem, 1 << sample) for problem, sample in zip(columns["problem"], columns["sample"], strict=True)]
        for problem, bit in have:
            self._have[problem] |= bit
        self.reasons.update(columns["reason"])
        self.tokens += tokens
        self.prompt_tokens += prompt_tokens
        self.seconds += seconds
        self.judging += judging

    def missing(self, problem: str, samples: int) -> list[int]:
        """Return the numbers of a problem's samples that are not in the shards."""
        have = self._have[problem]
        return [] if have == (1 << samples) - 1 else [number for number in range(samples) if not have >> number & 1]

    def add(self, shard: Shard) -> None:
        """Write a shard to its file, atomically. Raise PasskError if the disk is full."""
        if not len(shard):
            return
        import pyarrow

        places = [self._place[problem] for problem in shard.columns["problem"]]
        times = {"seconds": shard.seconds, "judging": shard.judging, "prompt_tokens": shard.prompt_tokens}
        table = pyarrow.table({_PLACE: places, **shard.columns}, schema=_schema()).replace_schema_metadata(
            {_OWN: json.dumps(times)}
        )
        self._number += 1
        _write(self.directory / f"{self._number:06d}.parquet", table.schema, [table])
        self._count(shard.columns, times)

    @property
    def failed(self) -> int:
        """Number of samples on which the verifier failed."""
        return sum(self.reasons[reason] for reason in FAILURES)

    def shares(self) -> dict[str, float]:
        """Return the share of samples by reason, largest first."""
        return {reason: count / self.reasons.total() for reason, count in self.reasons.most_common() if count}

    def judge_again(self, submit: "Callable[[str, str], Future[Verdict]]", most: float) -> None:
        """Judge again the samples on which the verifier failed; each shard is rewritten atomically.

        submit: (problem's id, response) -> future verdict. Stop as soon as the verifier failed again on more than the
        share `most` of all samples. Raise PasskError for a gold answer that the verifier cannot read.
        """
        import pyarrow.parquet

        remaining = most * self.reasons.total()
        for file in layout.shard_files(self._evaluation):
            table = pyarrow.parquet.read_table(file)
            columns = table.to_pydict()
            rows = [row for row, reason in enumerate(columns["reason"]) if reason in FAILURES]
            for first in range(0, len(rows), JUDGED_AT_ONCE):
                block = rows[first : first + JUDGED_AT_ONCE]
                futures = [submit(columns["problem"][row], columns["response"][row]) for row in block]
                for row, verdict in zip(block, map(_verdict, futures), strict=True):
                    self.reasons[columns["reason"][row]] -= 1
                    self.reasons[verdict.reason] += 1
                    remaining -= verdict.reason in FAILURES
                    for name in ("score", "correct", "extracted", "reason"):
                        columns[name][row] = getattr(verdict, name)
                if remaining < 0:
                    break
            if rows:
                _write(file, table.schema, [pyarrow.table(columns, schema=table.schema)])
            if remaining < 0:
                return

    def seal(self, record: EvaluationRecord) -> None:
        """Merge the shards into samples.parquet, in the order of the problems, and write the manifest last.

        Raise PasskError if a sample is missing or repeated.
        """
        schema = _schema()
        _write(
            layout.samples(self._evaluation),
            schema.remove(schema.get_field_index(_PLACE)),
            self._in_order(record.config["samples"]),
        )
        write_json(
            layout.manifest(self._evaluation),
            {
                "key": record.key,
                "samples": len(self._place) * record.config["samples"],
                "tokens": self.tokens,
                **({"prompt_tokens": self.prompt_tokens} if self.prompt_tokens else {}),
                "reasons": self.shares(),
                "seconds": self.seconds,
                "judging_seconds": self.judging,
            },
        )
        shutil.rmtree(self.directory, ignore_errors=True)

    def _in_order(self, samples: int) -> "Iterator[pyarrow.Table]":
        import pyarrow.dataset

        files = list(map(str, layout.shard_files(self._evaluation)))
        shards = pyarrow.dataset.dataset(files, schema=_schema(), format="parquet")
        each, place = max(1, MERGED_SAMPLES // samples), pyarrow.dataset.field(_PLACE)
        for first in range(0, len(self._place), each):
            last = min(first + each, len(self._place))
            # the statistics of a shard show whether it can have one of these problems
            rows = shards.to_table(filter=(place >= first) & (place < last))
            rows = rows.sort_by([(_PLACE, "ascending"), ("sample", "ascending")])
            places, numbers = rows[_PLACE].to_numpy(), rows["sample"].to_numpy()
            if not (
                np.array_equal(places, np.repeat(np.arange(first, last), samples))
                and np.array_equal(numbers, np.tile(np.arange(samples), last - first))
            ):
                raise PasskError(
                    f"{self.directory}: {len(rows)} samples of problems {first + 1} to {last} instead of "
                    f"{(last - first) * samples} different ones; remove the directory to sample again"
                )
            yield rows.drop_columns([_PLACE])


def _schema() -> "pyarrow.Schema":
    import pyarrow

    types = {name: _ARROW[column.type.removesuffix(" NOT NULL")] for name, column in SAMPLE_COLUMNS.items()}
    fields = {_PLACE: "int64"} | types
    return pyarrow.schema({name: pyarrow.type_for_alias(kind) for name, kind in fields.items()})


def _verdict(future: "Future[Verdict]") -> Verdict:
    try:
        return future.result()
    except AnswerError as error:
        raise PasskError(str(error)) from None


def _read(file: Path) -> tuple[dict[str, list[Any]], dict[str, float]]:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(file, columns=["problem", "sample", "tokens", "reason"])
    return table.to_pydict(), json.loads((table.schema.metadata or {})[_OWN])


def _write(file: Path, schema: "pyarrow.Schema", tables: "Iterable[pyarrow.Table]") -> None:
    import pyarrow.parquet

    with (
        durable.written(file) as output,
        pyarrow.parquet.ParquetWriter(output, schema, compression="zstd") as writer,
    ):
        for table in tables:
            writer.write_table(table)
