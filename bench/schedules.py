"""Measure what scheduled runs leave: the nightly deployment of `make serve`, with a clock of seconds.

    python -m bench.schedules FILE RUNS [--runs 100] [--every 30]

FILE is an experiment whose stages are all finished in its own directory of RUNS, so each run verifies it, ingests
nothing new and writes its report. The command works on a copy of the experiment's directory, with a Prefect server
and a worker of its own. `--every` must be longer than a run: runs that wait for another one load the server. The
command prints the sizes of Prefect's database, of passk's store and of all logs after each tenth of the runs, and
what each run adds.
"""

import argparse
import contextlib
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.schedules import IntervalSchedule

from flows.server_auth import FILE
from passk.experiment import config, plan
from passk.files import layout
from passk.runtime import process_tree
from passk.runtime.ports import free_port

DEPLOYMENT = "experiment/maze-nightly"
START_SECONDS = 300
RUN_SECONDS = 300
"""Longest wait for one run."""
TABLES = ("flow_run", "task_run", "log", "artifact", "events")
SCHEDULER = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "10",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
}


class Sizes(NamedTuple):
    """Sizes in bytes after a number of runs."""

    runs: int
    database: int
    store: int
    logs: int
    results: int
    """The directory of runs without the store and the logs."""
    rows: dict[str, int]
    """Rows of Prefect's database by table."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="Experiment file.")
    parser.add_argument("runs_directory", metavar="RUNS", type=Path, help="Directory of runs in which it is finished.")
    parser.add_argument("--runs", type=int, default=100, help="Number of runs (default: 100).")
    parser.add_argument("--every", type=float, default=30, help="Seconds between two runs (default: 30).")
    options = parser.parse_args()
    experiment = config.load(options.file)
    name = experiment.name
    with tempfile.TemporaryDirectory(prefix="passk-bench-") as scratch:
        runs = Path(scratch) / "runs"
        shutil.copytree(options.runs_directory / name, runs / name)
        remaining = [planned.record.name for planned in plan.plan(experiment, runs).stages if not planned.finished]
        if remaining:
            raise SystemExit(f"bench: {', '.join(remaining)}: not finished in {options.runs_directory / name}; run it")
        parameters = {"file": str(options.file.resolve()), "runs": str(runs)}
        _measure(Path(scratch), parameters, options.runs, timedelta(seconds=options.every))


def _measure(scratch: Path, parameters: dict[str, str], count: int, every: timedelta) -> None:
    with _served(scratch) as client:
        deployment = client.read_deployment_by_name(DEPLOYMENT)
        [schedule] = deployment.schedules
        client.update_deployment_schedule(
            deployment.id, schedule.id, schedule=IntervalSchedule(interval=every), parameters=parameters
        )
        print("| runs | Prefect's database, MB | store, MB | logs, MB | results, MB |\n|--:|--:|--:|--:|--:|")
        started, done, sizes = time.monotonic(), 0, []
        while done < count:
            wanted, until = min(count, done + max(1, count // 10)), time.monotonic() + RUN_SECONDS * max(1, count // 10)
            while (done := _completed(client)) < wanted:
                if time.monotonic() > until:
                    raise SystemExit(f"bench: {done} of {wanted} runs have completed; see {scratch}")
                time.sleep(1)
            sizes.append(_sizes(scratch, done))
            print(_row(sizes[-1]), flush=True)
        seconds = (time.monotonic() - started) / done
        client.update_deployment_schedule(deployment.id, schedule.id, active=False)
    _print_growth(sizes[0], sizes[-1], seconds)


@contextmanager
def _served(scratch: Path) -> Iterator[SyncPrefectClient]:
    """Run `make serve` in `scratch`, and yield a client of its server."""
    port, home, output = free_port(), scratch / "prefect", scratch / "serve.txt"
    command = [sys.executable, "-m", "flows.serve", "--port", str(port), "--pool", "cpu"]
    outside = ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")
    variables = {name: value for name, value in os.environ.items() if name not in outside}
    process = process_tree.start(
        [*command, "--logs", str(scratch / "logs")],
        log=output,
        environment={**variables, **SCHEDULER, "PREFECT_HOME": str(home)},
    )
    try:
        if not process.wait_until(lambda: b"watch it at" in output.read_bytes(), START_SECONDS):
            raise SystemExit(f"bench: make serve did not start:\n{output.read_text()[-3000:]}")
        secret = (home / FILE).read_text().strip()
        with SyncPrefectClient(f"http://127.0.0.1:{port}/api", auth_string=secret) as client:
            yield client
    finally:
        process.stop()


def _completed(client: SyncPrefectClient) -> int:
    """Return the number of completed runs. Raise SystemExit if one has failed."""
    states: dict[str, int] = {}
    for kind in ("COMPLETED", "FAILED", "CRASHED"):
        answer = client._client.post("/flow_runs/count", json={"flow_runs": {"state": {"type": {"any_": [kind]}}}})
        states[kind] = answer.raise_for_status().json()
    if states["FAILED"] + states["CRASHED"]:
        raise SystemExit(f"bench: runs by state: {states}")
    return states["COMPLETED"]


def _sizes(scratch: Path, runs: int) -> Sizes:
    home, results = scratch / "prefect", scratch / "runs"
    of_results = [*results.rglob("*.log"), *results.rglob(layout.log(results).name)]
    store, inside = _bytes([layout.store(results)]), _bytes(of_results)
    return Sizes(
        runs=runs,
        database=_bytes(home.glob("prefect.db*")),
        store=store,
        logs=inside + _bytes([*(scratch / "logs").rglob("*"), scratch / "serve.txt"]),
        results=_bytes(results.rglob("*")) - store - inside,
        rows=_rows(home / "prefect.db"),
    )


def _bytes(paths: Iterable[Path]) -> int:
    total = 0
    for path in paths:
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _rows(database: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as connection:
        return {table: connection.execute(f"select count(*) from {table}").fetchone()[0] for table in TABLES}


def _row(sizes: Sizes) -> str:
    values = (sizes.database, sizes.store, sizes.logs, sizes.results)
    return f"| {sizes.runs} | {' | '.join(f'{value / 1e6:.2f}' for value in values)} |"


def _print_growth(first: Sizes, last: Sizes, seconds: float) -> None:
    more = last.runs - first.runs
    print(f"\none run in {seconds:.1f} s; each of the last {more} runs adds:\n")
    print("| what | a run | 365 runs |\n|---|--:|--:|")
    for name, place in (("Prefect's database", 1), ("store", 2), ("logs", 3), ("results", 4)):
        each = (last[place] - first[place]) / more
        print(f"| {name} | {each / 1e3:.1f} kB | {each * 365 / 1e6:.1f} MB |")
    for table in TABLES:
        each = (last.rows[table] - first.rows[table]) / more
        print(f"| rows of `{table}` | {each:.1f} | {each * 365:.0f} |")


if __name__ == "__main__":
    main()
