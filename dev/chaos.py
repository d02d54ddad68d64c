"""Kill any process of a run, at random moments, until it is done all the same; then compare it with one left in peace.

    python -m dev.chaos [--kills 30] [--seed 0] [--directory DIR]

A small real experiment runs by `passk run`. What is killed, always with SIGKILL: the flow, the flow while it files in
DuckDB, Prefect's server, Ray's head, its raylet, the trainer's driver and its leash, the trainer actor, the vLLM
actor, the process that samples, and a `passk ingest --rebuild` beside it all. The same command is given again
where the flow ended, and nothing else is done. It is killed until the experiment is done; where the kills are fewer
than asked for by then, one of another seed follows. It prints a row a kill as markdown, and at last how the stores
differ. It fails where more was lost than the work since the last checkpoint, where a finished sample or a row of a
finished stage is gone, where processes are left behind, and where the stores differ.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow.parquet

from dev.chaos_store import Compared, differences, finished_rows, rows_lost, shown

EXPERIMENT = """
name: chaos
question: Does a run that is killed again and again end as one that is not?
seed: {seed}
model: {{tiny: {{}}}}
problems:
  train: {{source: maze, split: train, size: 512, easy_fraction: 1.0, random_move_prob: 0.2, path_length: [2, 3]}}
  test: {{source: maze, split: test, size: 20, easy_fraction: 1.0, path_length: [2, 3]}}
stages:
  warm: {{kind: sft, problems: train, steps: 30, batch_size: 64, lr: 3.0e-3, save_every: 5}}
  pass4: {{kind: rl, from: warm, problems: train, advantage: passk_analytical, k: [[1, 4], [20, 2]], steps: {steps},
          prompts_per_step: 8, rollouts_per_prompt: 8, lr: 1.0e-4, max_prompt: 31, max_response: 8,
          save_every: {save_every}}}
  pass1: {{kind: rl, from: pass4, problems: train, advantage: grpo, steps: {steps},
          prompts_per_step: 8, rollouts_per_prompt: 8, lr: 1.0e-4, max_prompt: 31, max_response: 8,
          save_every: {save_every}}}
benchmarks:
  test: {{problems: test, samples: 64, k: [1, 8], max_response: 8}}
compute: {{profile: cpu, micro_batch: 64, threads: 1, deterministic: true}}
"""
STEPS, SAVE_EVERY = 30, 5
MOST = 5
"""kills of a kind in one experiment; without a bound it might never be done"""
MARK = "PASSK_CHAOS"
# What tells a process: a word of its command line. An actor's is its class.
WORDS = {
    "Prefect server": "-m prefect server start",
    "Ray head": "gcs_server",
    "raylet": "raylet/raylet",
    "driver": "-m passk.openrlhf --",
    "sft trainer": "passk.openrlhf.sft",
    "leash": "passk.runtime.job_watchdog",
    "trainer actor": "ray::PasskPolicy",
    "vLLM actor": "ray::PasskEngine",
    "evaluation": "passk.evaluation.evaluate",
}
FILING = "flow while it files"
KINDS = ("flow", FILING, "ingest --rebuild", *WORDS)
PATIENCE_SECONDS = 400


@dataclass(frozen=True)
class Standing:
    """How far a run is: what is finished, the steps of the stage that trains, its last checkpoint, the samples."""

    finished: int
    stage: str
    steps: int
    checkpoint: int
    samples: int
    """on disk, of whatever evaluation"""

    def beyond(self, other: "Standing") -> bool:
        """Further than `other`, which was killed: a step or a sample that was not there. One stage trains at a time."""
        return (self.finished, self.steps, self.samples) > (other.finished, other.steps, other.samples)


class Run:
    """One experiment in a directory of its own, begun again as often as it takes."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory, self.ended = directory, False
        directory.mkdir(parents=True, exist_ok=True)
        text = EXPERIMENT.format(seed=seed, steps=STEPS, save_every=SAVE_EVERY)
        (directory / "chaos.yaml").write_text(text)
        kept = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "PREFECT_API_URL")}
        self._environment = {**kept, MARK: str(directory), "PREFECT_HOME": str(directory / "prefect")}
        self._log = (directory / "output.txt").open("a")
        self.flow: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> subprocess.Popen[bytes]:
        passk = [sys.executable, "-c", "from passk.cli.main import main; main()", *words]
        return subprocess.Popen(
            passk, cwd=self.directory, env=self._environment, stdout=self._log, stderr=subprocess.STDOUT
        )

    def keep_going(self) -> None:
        """Give the command again where it ended without being done."""
        if self.flow is not None and self.flow.poll() == 0:
            self.ended = True
        elif self.flow is None or self.flow.poll() is not None:
            self.flow = self.command("run", "chaos.yaml")

    def standing(self) -> Standing:
        runs = self.directory / "runs" / "chaos"
        finished = len(list(runs.glob("stages/*/manifest.json"))) + len(list(runs.glob("evaluations/*/manifest.json")))
        for metrics in runs.glob("stages/*/metrics.jsonl"):
            if not (metrics.parent / "manifest.json").exists():
                saved = [int(seal.parent.name.removeprefix("global_step")) for seal in _seals(metrics.parent)]
                steps = metrics.read_bytes().count(b"\n")
                return Standing(finished, metrics.parent.name, steps, max(saved, default=0), samples_on_disk(runs))
        return Standing(finished, "", 0, 0, samples_on_disk(runs))

    def is_filing(self) -> bool:
        """DuckDB's log of what is not in the file yet stands beside it."""
        return (self.directory / "runs" / "passk.duckdb.wal").exists()

    def processes(self, kind: str) -> list[psutil.Process]:
        """Those of a kind that live."""
        assert self.flow is not None
        if kind in ("flow", FILING):
            return [psutil.Process(self.flow.pid)] if kind == "flow" or self.is_filing() else []
        return [
            process
            for process, line in self._living()
            if WORDS[kind] in line and "passk.runtime.process_tree" not in line
        ]

    def replaced(self, kind: str, known: set[int]) -> bool:
        """Whether a process of that kind lives that is none of those known."""
        flow = self.flow is not None and self.flow.pid not in known
        return flow if kind in ("flow", FILING) else any(one.pid not in known for one in self.processes(kind))

    def _living(self) -> Iterator[tuple[psutil.Process, str]]:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                line = " ".join(process.cmdline())
                if process.environ().get(MARK) == str(self.directory) and process.status() != psutil.STATUS_ZOMBIE:
                    yield process, line

    def left(self) -> int:
        return sum(1 for _ in self._living())


def samples_on_disk(run: Path) -> int:
    """Judged samples in the files of all evaluations of a run."""
    while True:
        # Parts go when their evaluation is sealed: who looked just then looks again.
        with suppress(FileNotFoundError):
            return sum(map(_samples_of, run.glob("evaluations/*/evaluation.json")))


def _samples_of(evaluation: Path) -> int:
    whole = (evaluation.parent / "manifest.json").exists()
    files = [evaluation.parent / "samples.parquet"] if whole else list(evaluation.parent.glob("parts/[0-9]*.parquet"))
    return sum(pyarrow.parquet.read_metadata(file).num_rows for file in files)


def _seals(stage: Path) -> list[Path]:
    return [seal for seal in stage.glob("checkpoints/**/seal.json") if seal.parent.name.startswith("global_step")]


@dataclass(frozen=True)
class Kill:
    kind: str
    at: Standing
    lost: int
    """steps that were done and had to be done again; finished samples; by `ingest`, rows of what is finished"""
    seconds: float
    """until the run was further than when it was killed, by a process in the killed one's place"""
    flow_ended: bool

    @property
    def too_much(self) -> bool:
        """Samples and rows that are there stay there; of a stage, what its last checkpoint has."""
        return self.lost > (SAVE_EVERY if self.at.stage and self.kind != "ingest --rebuild" else 0)


def kill_one(run: Run, kind: str, rng: random.Random) -> Kill | None:
    """Kill one process of a kind, and wait until the run has got over it. None where none lives."""
    if kind == "ingest --rebuild":
        return _kill_ingest(run, rng)
    alive = run.processes(kind)
    if not alive:
        return None
    at, flow, known = run.standing(), run.flow, {process.pid for process in alive}
    rng.choice(alive).kill()
    killed, lowest = time.monotonic(), at
    while True:
        time.sleep(0.1)
        run.keep_going()
        now = run.standing()
        if now.stage == at.stage and now.finished == at.finished:
            lowest = min(lowest, now, key=lambda each: (each.steps, each.samples))
        # What outlived it may have done a step more: only another in its place is a recovery.
        if run.ended or (now.beyond(at) and (now.finished > at.finished or run.replaced(kind, known))):
            lost = at.steps - lowest.steps if at.stage else at.samples - lowest.samples
            return Kill(kind, at, lost, time.monotonic() - killed, run.flow is not flow)
        if time.monotonic() - killed > PATIENCE_SECONDS:
            raise SystemExit(f"no recovery from killing the {kind} at {at}: see {run.directory / 'output.txt'}")


def _kill_ingest(run: Run, rng: random.Random) -> Kill | None:
    at, store = run.standing(), run.directory / "runs" / "passk.duckdb"
    if not store.exists():
        return None
    before = finished_rows(store)
    ingest = run.command("ingest", "--rebuild")
    time.sleep(rng.uniform(0.5, 2.5))
    ingest.kill()
    killed = time.monotonic()
    ingest.wait()
    if run.command("ingest", "--rebuild").wait() != 0:
        raise SystemExit(f"the store was not made again: see {run.directory / 'output.txt'}")
    seconds = time.monotonic() - killed
    return Kill("ingest --rebuild", at, rows_lost(before, finished_rows(store)), seconds, False)


def judged(left: int, found: list[Compared]) -> None:
    """Raises SystemExit where processes were left behind or the stores differ."""
    wrong = [f"{left} processes left behind"] if left else []
    wrong += [f"{each.table}: {each.apart} rows in one store alone" for each in found if each.apart]
    if wrong:
        raise SystemExit("; ".join(wrong))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30, help="at least")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and of what is killed")
    parser.add_argument("--directory", type=Path, help="kept afterwards; default: a temporary one")
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as scratch:
        directory, kills, rounds = given.directory or Path(scratch), 0, 0
        print("| # | killed | while | steps | last checkpoint | samples | lost | recovered after, s | flow ended |")
        print("|---:|---|---|---:|---:|---:|---:|---:|---|", flush=True)
        while kills < given.kills:
            rounds += 1
            run = Run(directory / f"chaos-{rounds}", rounds)
            kills = _chaos(run, kills, rng)
            calm = Run(directory / f"calm-{rounds}", rounds)
            while not calm.ended:
                calm.keep_going()
                time.sleep(0.5)
            found = differences(run.directory / "runs/passk.duckdb", calm.directory / "runs/passk.duckdb")
            left = run.left()
            print(f"\nexperiment {rounds}: processes left behind: {left}; against an undisturbed run:")
            print(shown(found), flush=True)
            judged(left, found)


def _chaos(run: Run, kills: int, rng: random.Random) -> int:
    """Kill until the experiment is done: of what lives, what was killed least so far. The kills so far and these."""
    hits = Counter[str]()
    run.keep_going()
    while not run.ended:
        chosen = _moment(run, rng, hits)
        if chosen is None:
            continue
        ranked = sorted(KINDS, key=lambda kind: (kind != chosen, hits[kind], rng.random()))
        kill = next(filter(None, (kill_one(run, kind, rng) for kind in ranked if hits[kind] < MOST)), None)
        if kill is None:
            continue
        hits[kill.kind] += 1
        kills += 1
        print(_row(kills, kill), flush=True)
        if kill.too_much:
            raise SystemExit(f"{kill.lost} lost by killing the {kill.kind}, which is more than work since a checkpoint")
    return kills


def _moment(run: Run, rng: random.Random, hits: Counter[str]) -> str | None:
    """Wait for a moment to kill in, and say what, "" for anything; None where the run ended meanwhile."""
    until = time.monotonic() + rng.uniform(0, 8)
    while time.monotonic() < until:
        time.sleep(0.01)
        run.keep_going()
        if run.ended:
            return None
        # So short that a random moment would hardly ever fall into it.
        if hits[FILING] < 3 and run.is_filing():
            return FILING
    return ""


def _row(number: int, kill: Kill) -> str:
    where = f"stage {kill.at.stage[:4]}" if kill.at.stage else "between stages, evaluation or filing"
    ended, at = "yes" if kill.flow_ended else "no, it tried again", kill.at
    how_far = (at.steps, at.checkpoint, at.samples, kill.lost)
    return f"| {number} | {kill.kind} | {where} | {' | '.join(map(str, how_far))} | {kill.seconds:.1f} | {ended} |"


if __name__ == "__main__":
    main()
