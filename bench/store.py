"""Measure the ingest of a million rollouts against a bare insert of the same rows, the store's size, and its queries.

    python -m bench.store [--words 40]

The bench makes 20 stages of 500 steps of 100 rollouts, and evaluates four checkpoints, in a temporary directory. The
files have the form of passk/files/layout.py, a Parquet file per step as in training. Three alternatives take turns. The
first is a bare insert of rollouts and steps into two plain tables, one statement each. The second does not keep the
order of the rows, as passk does not. The third is `passk ingest` of everything.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import reports
from passk import store
from passk.files.layout import EvaluationRecord, ExperimentRecord, StageRecord, write_json
from passk.files.schema import METRICS, ROLLOUT_COLUMNS, SAMPLE_COLUMNS
from passk.store import queries, reading, schema

STAGES, STEPS, PROMPTS, N = 20, 500, 10, 10
PROBLEMS, SAMPLES, ROUNDS = 2000, 32, 3
VERSIONS = {"openrlhf": "0.11.2", "vllm": "0.29.0"}
VIEWS = ("leaderboard", "learning_curves", "pass_at_k", "group_diagnostics", "problem_counts")


def make(runs: Path, words: int) -> None:
    """Write a run directory. words: words per response, 0 for a maze's moves."""
    rng, directory = np.random.default_rng(0), runs / "bench"
    respond = _prose(rng, words) if words else _moves(rng)
    graph = {
        f"arm-{i:02d}": {"kind": "rl", "from": None, "advantage": "grpo", "k": 1, "steps": STEPS} for i in range(STAGES)
    }
    benchmark = {"problems": "test", "samples": SAMPLES, "k": [1, 4, 8], "temperature": 1.0, "top_p": 1.0}
    benchmark |= {"metrics": [], "by": None}
    problems = {
        "id": [f"maze-{i:012x}" for i in range(PROBLEMS)],
        "prompt": [f"{i:048b}" for i in range(PROBLEMS)],
        "answer": [f"{i:048b}" for i in range(PROBLEMS)],
        **{name: ["x"] * PROBLEMS for name in ("verifier", "split", "difficulty", "demonstration")},
        "metadata": ["{}"] * PROBLEMS,
    }
    _write(directory / "problems" / "train.parquet", problems)
    for name, config in graph.items():
        _write_stage(directory / "stages" / name, name, config, problems["id"], respond, rng)
    for name in list(graph)[:4]:
        record = EvaluationRecord(name, "bench", name, name, "test", "train", benchmark, 0, VERSIONS)
        write_json(directory / "evaluations" / name / "evaluation.json", record)
        rows, correct = 200 * SAMPLES, rng.random(200 * SAMPLES) < 0.3
        columns = (
            np.repeat(problems["id"][:200], SAMPLES), np.tile(np.arange(SAMPLES), 200), respond(rows),
            correct.astype(float), correct, respond(rows), np.where(correct, "correct", "incorrect"),
            rng.integers(1, 16, rows),
            ["stop"] * rows, np.zeros(rows, int), -rng.random(rows),
        )  # fmt: skip
        _write(directory / "evaluations" / name / "samples.parquet", dict(zip(SAMPLE_COLUMNS, columns, strict=True)))
        write_json(directory / "evaluations" / name / "manifest.json", {"key": name, "samples": rows, "seconds": 1.0})
    record = ExperimentRecord(
        "bench", "How long does ingest take?", {"stages": graph, "benchmarks": {"test": benchmark}}, "bench", VERSIONS,
        {}, {}, {name: name for name in graph}, list(graph)[:4],
    )  # fmt: skip
    write_json(directory / "experiment.json", record)


def _write_stage(
    directory: Path, name: str, config: dict, problems: list[str], respond: Callable, rng: np.random.Generator
) -> None:
    write_json(directory / "stage.json", StageRecord(name, name, "rl", "bench", None, config, 0, "train", 0, VERSIONS))
    size = PROMPTS * N
    with (directory / "metrics.jsonl").open("w") as lines:
        for step in range(1, STEPS + 1):
            correct = rng.random(size) < np.repeat(rng.random(PROMPTS) ** 3, N)
            groups = correct.reshape(PROMPTS, N).sum(axis=1)
            prompts = rng.permutation(len(problems))[:PROMPTS]
            spread = np.sqrt(groups * (N - groups)) / N
            advantages = (correct - np.repeat(groups, N) / N) / np.repeat(np.where(spread == 0, 1, spread), N)
            columns = (
                np.full(size, step), np.repeat([problems[i] for i in prompts], N), np.tile(np.arange(N), PROMPTS),
                respond(size), correct.astype(float), advantages.astype(np.float32).astype(float), np.ones(size, int),
                rng.integers(1, 16, size), rng.random(size) < 0.01,
            )  # fmt: skip
            _write(
                directory / "rollouts" / f"step-{step:06d}.parquet", dict(zip(ROLLOUT_COLUMNS, columns, strict=True))
            )
            special = {
                "step": step, "estimator": "grpo", "k": 1, "tokens": size * 8,
                "reasons": {"correct": float(correct.mean())},
                "pass_at_k": {str(k): float(rng.random()) for k in (1, 2, 4, 8)},
                "correct_counts": np.bincount(groups, minlength=N + 1).tolist(),
            }  # fmt: skip
            lines.write(json.dumps({column: special.get(column, float(rng.random())) for column in METRICS}) + "\n")
    write_json(directory / "manifest.json", {"key": name, "steps": STEPS, "seconds": 1.0, "startup_seconds": 1.0})


def _moves(rng: np.random.Generator) -> Callable[[int], list[str]]:
    return lambda count: [
        "".join(row[: length + 1])
        for row, length in zip(rng.choice(list("UDLR"), (count, 12)), rng.poisson(4, count), strict=True)
    ]


def _prose(rng: np.random.Generator, words: int) -> Callable[[int], list[str]]:
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    vocabulary = np.array(["".join(rng.choice(letters[:18], 1 + rng.poisson(4))) for _ in range(5000)])
    chance = 1 / np.arange(1, 5001)
    return lambda count: [
        " ".join(row) for row in vocabulary[rng.choice(5000, (count, words), p=chance / chance.sum())]
    ]


def _write(path: Path, columns: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd")


def bare(runs: Path, file: Path, ordered: bool = True) -> None:
    """Insert the rollouts and steps with one DuckDB statement each. ordered: keep the row order, DuckDB's default."""
    stages = runs / "bench" / "stages"
    with duckdb.connect() as connection:
        schema.create(connection)
        types = ", ".join(
            f"'{name}': '{kind}'" for name, kind in schema.columns(connection, "steps") if name != "stage"
        )
    file.unlink(missing_ok=True)
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"SET preserve_insertion_order = {ordered}")
        connection.execute(f"CREATE TABLE rollouts AS FROM read_parquet('{stages}/*/rollouts/*.parquet')")
        connection.execute(
            f"CREATE TABLE steps AS FROM read_json('{stages}/*/metrics.jsonl', "
            f"format = 'newline_delimited', columns = {{{types}}})"
        )


def query_all(path: Path) -> None:
    """Run all queries of a report, and all views."""
    with reading(path) as connection:
        for run_query in (queries.stages, queries.steps, queries.evaluations, queries.problem_counts):
            assert len(run_query(connection, "bench")), run_query
        for name in ("arm-00", "arm-01", "arm-02", "arm-03"):
            assert len(queries.transcripts(connection, "bench", name))
        for view in VIEWS:
            assert len(connection.execute(f"FROM {view}").df()), view


class Taken(NamedTuple):
    """Seconds of a measurement."""

    wall: float
    processors: float
    """CPU seconds of all threads, which other load on the machine changes little."""


@contextmanager
def timed(taken: list[Taken]) -> Iterator[None]:
    wall, processors = time.perf_counter(), time.process_time()
    yield
    taken.append(Taken(time.perf_counter() - wall, time.process_time() - processors))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=0, help="Words per response (default: 0, a maze's moves).")
    words = parser.parse_args().words
    with tempfile.TemporaryDirectory() as temporary:
        runs, plain = Path(temporary) / "runs", Path(temporary) / "plain.duckdb"
        make(runs, words)
        path, unordered, alone, ingested, queried, written = runs / store.STORE, [], [], [], [], []
        for _ in range(ROUNDS):
            path.unlink(missing_ok=True)
            with timed(unordered):
                bare(runs, plain, ordered=False)
            with timed(alone):
                bare(runs, plain)
            with timed(ingested):
                skipped = store.ingest_items(path, store.items(runs)).skipped
            assert skipped == [], skipped
        with timed(queried):
            query_all(path)
        with timed(written):
            reports.write_report(path, runs / "bench")
        with reading(path) as connection:
            rows = {
                table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("rollouts", "steps", "groups", "samples")
            }
        sizes = {"Parquet": sum(file.stat().st_size for file in runs.rglob("*.parquet"))}
        sizes |= {"bare": plain.stat().st_size, "store": path.stat().st_size}
    print(f"rows: {', '.join(f'{count:,} {table}' for table, count in rows.items())}")
    for what in Taken._fields:
        ours = [getattr(one, what) for one in ingested]
        print(f"{what}: passk {', '.join(f'{one:.2f}' for one in ours)} s")
        for name, others in (("bare", alone), ("bare without order", unordered)):
            seconds = [getattr(one, what) for one in others]
            ratio = median(one / other for one, other in zip(seconds, ours, strict=True))
            print(f"{what}: {name} {', '.join(f'{one:.2f}' for one in seconds)} s; speed, passk / this: {ratio:.2f}")
    print(f"MiB: {', '.join(f'{name} {size / 2**20:.1f}' for name, size in sizes.items())}")
    print(f"size, store / Parquet: {sizes['store'] / sizes['Parquet']:.2f}")
    print(f"all queries of a report and all views: {queried[0].wall:.2f} s")
    print(f"the report with its figures: {written[0].wall:.2f} s")


if __name__ == "__main__":
    main()
