"""Sample checkpoints on benchmarks with vLLM and judge the answers.

    python -m passk.evaluate.sample REQUEST.json

One engine a GPU, and one a shape of model: the weights of the next checkpoint are loaded into the engines that
are there. REQUEST.json is a `Work`; passk/steps.py writes it. What an earlier process left
of a sampling is gone on with.
"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from passk import lock, problems, verifiers
from passk.errors import PasskError
from passk.evaluate import engines, progress
from passk.evaluate.parts import Parts
from passk.evaluate.request import Request, Work
from passk.layout import write_json
from passk.openrlhf.record import WRITER
from passk.secrets import without_secrets

JUDGED_AT_LEAST = 200
"""samples, before a share of failures says anything"""


def main(file: Path) -> None:
    work = Work.read(file)
    # A process that was killed may need some seconds to end, and what it writes until then must be seen here.
    lock.keep(file.with_name(WRITER))
    with engines.started(work.engines, work.gpus) as started:
        for request in work.requests:
            sample(started, request, file.with_name(progress.FILE))


def sample(started: engines.Engines, request: Request, said: Path) -> None:
    """Sample one checkpoint on one benchmark, as far as it has not been, and seal its directory.

    said: file of the lines that tell how far it is.
    """
    record, directory = request.sampling, Path(request.directory)
    rows = asked(Path(request.problems))
    write_json(directory / "sampling.json", without_secrets(asdict(record)))
    parts = Parts(directory, [row["id"] for row in rows])
    left = [row for row in rows if row["id"] not in parts.problems]
    done, total = (len(rows) - len(left)) * request.samples, len(rows) * request.samples
    if left:
        started.load(request)
        tell = progress.Progress(said, f"{record.checkpoint} on {record.benchmark}", total, done)
        for part in started.sample(request, left):
            parts.add(part)
            tell(len(part), sum(part.columns["tokens"]))
            if parts.reasons.total() >= JUDGED_AT_LEAST:
                where = f"{record.checkpoint} on {record.benchmark}"
                verifiers.stop_above(record.config["max_failed"], parts.shares(), where=where)
    parts.seal(record)


def asked(file: Path) -> list[dict[str, Any]]:
    """What sampling needs of the problems: id, prompt, answer, verifier."""
    table = problems.load(file).select_columns(["id", "prompt", "answer", "verifier"])
    return table.to_list()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except PasskError as error:
        sys.exit(f"passk: {error}")
