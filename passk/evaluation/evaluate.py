"""Evaluate checkpoints on benchmarks: sample with vLLM and judge the responses.

    python -m passk.evaluation.evaluate REQUEST.json

Each GPU has one engine. The weights of the next checkpoint of the same shape are loaded into the existing engines.
REQUEST.json is a `Work` that passk/pipeline/stages.py writes. Interrupted evaluations resume. A failed evaluation does
not stop the others; all failures are raised at the end.
"""

import sys
from concurrent.futures import Future
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from passk import problems, verifiers
from passk.base.errors import PasskError
from passk.base.redact import without_secrets
from passk.evaluation import engines, progress
from passk.evaluation.request import Request, Work
from passk.evaluation.shards import Shards
from passk.files import file_lock, layout
from passk.files.layout import EvaluationRecord, write_json
from passk.runtime import failure_record
from passk.verifiers import Verdict
from passk.verifiers.extract import as_read
from passk.verifiers.pool import Pool

JUDGED_AT_LEAST = 200
"""Fewest samples from which a share of failures is compared with max_failed."""


def main(file: Path) -> None:
    """Evaluate all requests of a file. Raise PasskError or NotLoaded after the last if any of them failed."""
    work = Work.read(file)
    # A killed process may need some seconds to end, and this one must see all that it writes.
    file_lock.keep(layout.writer(file.parent))
    failed, unloaded = [], None
    with engines.started(work) as started:
        for request in work.requests:
            try:
                sample(started, request, layout.metrics(file.parent))
            except (PasskError, engines.NotLoaded) as error:
                failed.append(f"{_name(request.evaluation)}: {error}")
                print(f"evaluation failed: {failed[-1]}", flush=True)
                unloaded = error if isinstance(error, engines.NotLoaded) else unloaded
    if unloaded:
        raise unloaded  # with vLLM's message, which decides the kind of the failure
    if failed:
        raise PasskError("; ".join(failed))


def sample(started: engines.Engines, request: Request, log: Path) -> None:
    """Evaluate one checkpoint on one benchmark, or resume it, and seal its directory.

    log: file of the progress lines. Raise PasskError if a verifier failed on more than `max_failed` of the samples. The
    samples are kept, and the next attempt judges those without a verdict again.
    """
    record, directory = request.evaluation, Path(request.directory)
    rows = read_problems(Path(request.problems))
    write_json(layout.evaluation_record(directory), without_secrets(asdict(record)))
    shards = Shards(directory, [row["id"] for row in rows])
    total = len(rows) * request.samples
    absent = {row["id"]: shards.missing(row["id"], request.samples) for row in rows}
    remaining = [{**row, "missing": absent[row["id"]]} for row in rows if absent[row["id"]]]
    done = total - sum(map(len, absent.values()))
    most = record.config["max_failed"]

    def check() -> None:
        where = f"{shards.reasons.total()} of {total} samples"
        fix = f"fix the verifier or raise max_failed, then repeat the command to judge {shards.directory} again"
        verifiers.stop_above(most, shards.shares(), where, fix)

    if shards.failed > most * done:
        _judge_again(shards, rows, most, opens_thinking=request.opens_thinking)
        if done >= JUDGED_AT_LEAST:
            check()
    if remaining:
        started.load(request)
        report = progress.Progress(log, _name(record), total, done)
        # closed even after an error, since the next request needs the engines
        with closing(started.sample(request, remaining)) as new_shards:
            for shard in new_shards:
                shards.add(shard)
                report(len(shard), sum(shard.columns["tokens"]), shard.in_flight)
                if shards.reasons.total() >= JUDGED_AT_LEAST:
                    check()
    check()
    shards.seal(record)


def _judge_again(shards: Shards, rows: list[dict[str, Any]], most: float, *, opens_thinking: bool) -> None:
    by_id = {row["id"]: row for row in rows}
    with Pool() as pool:

        def judge(problem: str, response: str) -> "Future[Verdict]":
            read = as_read(response, opens_thinking=opens_thinking)
            return pool.submit(by_id[problem]["verifier"], read, by_id[problem]["answer"])

        shards.judge_again(judge, most)


def _name(record: EvaluationRecord) -> str:
    step = f", step {record.step}," if record.step is not None else ""
    return f"{record.checkpoint}{step} on {record.benchmark}"


def read_problems(file: Path) -> list[dict[str, Any]]:
    """Return the id, prompt, answer and verifier of each problem in a file."""
    table = problems.load(file).select_columns(["id", "prompt", "answer", "verifier"])
    return table.to_list()


if __name__ == "__main__":
    with failure_record.recorded():
        main(Path(sys.argv[1]))
