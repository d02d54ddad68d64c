"""Sample checkpoints on benchmarks with vLLM and judge the answers.

    python -m passk.evaluation.evaluate REQUEST.json

One engine a GPU, and one a shape of model: the weights of the next checkpoint are loaded into the engines that
are there. REQUEST.json is a `Work`; passk/pipeline/stages.py writes it. What an earlier process left
of an evaluation is gone on with. One that fails keeps none of the others: all failures are told at the end.
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
from passk.evaluation.shards import Parts
from passk.files import file_lock
from passk.files.layout import EvaluationRecord, write_json
from passk.files.metrics_log import WRITER
from passk.verifiers import Verdict
from passk.verifiers.extract import as_read
from passk.verifiers.pool import Pool

JUDGED_AT_LEAST = 200
"""samples, before a share of failures says anything of those to come"""


def main(file: Path) -> None:
    work = Work.read(file)
    # A process that was killed may need some seconds to end, and what it writes until then must be seen here.
    file_lock.keep(file.with_name(WRITER))
    failed, unloaded = [], None
    with engines.started(work) as started:
        for request in work.requests:
            try:
                sample(started, request, file.with_name(progress.FILE))
            except (PasskError, engines.NotLoaded) as error:
                failed.append(f"{_name(request.evaluation)}: {error}")
                print(f"not sampled: {failed[-1]}", flush=True)
                unloaded = error if isinstance(error, engines.NotLoaded) else unloaded
    if unloaded:
        raise unloaded  # with what vLLM said, by which kinds of failure are told apart
    if failed:
        raise PasskError("; ".join(failed))


def sample(started: engines.Engines, request: Request, said: Path) -> None:
    """Sample one checkpoint on one benchmark, as far as it has not been, and seal its directory.

    said: file of the lines that tell how far it is. Raises PasskError where a verifier came to no verdict on more
    than `max_failed` of the samples: they are kept, and the next attempt judges those without a verdict again.
    """
    record, directory = request.evaluation, Path(request.directory)
    rows = asked(Path(request.problems))
    write_json(directory / "evaluation.json", without_secrets(asdict(record)))
    parts = Parts(directory, [row["id"] for row in rows])
    left = [row for row in rows if row["id"] not in parts.problems]
    done, total = (len(rows) - len(left)) * request.samples, len(rows) * request.samples
    most = record.config["max_failed"]

    def check() -> None:
        where = f"{parts.reasons.total()} of {total} samples"
        mend = (
            f"they stay in {parts.directory}: mend the verifier or raise max_failed, and the same command judges again"
        )
        verifiers.stop_above(most, parts.shares(), where, mend)

    if parts.failed > most * done:
        _judge_again(parts, rows, most, opens_thinking=request.opens_thinking)
        if done >= JUDGED_AT_LEAST:
            check()
    if left:
        started.load(request)
        tell = progress.Progress(said, _name(record), total, done)
        # closed at once where it is left: the engines have to be free for the next request
        with closing(started.sample(request, left)) as made:
            for part in made:
                parts.add(part)
                tell(len(part), sum(part.columns["tokens"]))
                if parts.reasons.total() >= JUDGED_AT_LEAST:
                    check()
    check()
    parts.seal(record)


def _judge_again(parts: Parts, rows: list[dict[str, Any]], most: float, *, opens_thinking: bool) -> None:
    by_id = {row["id"]: row for row in rows}
    with Pool() as pool:

        def judge(problem: str, response: str) -> "Future[Verdict]":
            read = as_read(response, opens_thinking=opens_thinking)
            return pool.submit(by_id[problem]["verifier"], read, by_id[problem]["answer"])

        parts.judge_again(judge, most)


def _name(record: EvaluationRecord) -> str:
    return f"{record.checkpoint} on {record.benchmark}"


def asked(file: Path) -> list[dict[str, Any]]:
    """What evaluation needs of the problems: id, prompt, answer, verifier."""
    table = problems.load(file).select_columns(["id", "prompt", "answer", "verifier"])
    return table.to_list()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except PasskError as error:
        sys.exit(f"passk: {error}")
