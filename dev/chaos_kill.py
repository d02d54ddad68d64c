"""Kill one process of a run or two at once, and measure what was lost and how long the run took to recover."""

import random
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from dev.chaos_run import FILING, REBUILD, Run, Standing
from dev.chaos_setups import SAVE_EVERY
from dev.chaos_store import finished_rows, rows_lost

SIGNALS = {"SIGKILL": 6, "SIGTERM": 2, "SIGSTOP": 2}
"""How often each is drawn. SIGSTOP suspends a process for SUSPENDED_SECONDS."""
TWO_AT_ONCE = 0.25
"""Share of the kills that hit a second process of another kind."""
SUSPENDED_SECONDS = 25.0
SETTLED_SECONDS = 30.0
"""After which a step more counts as recovery although no process took the killed one's place: some need none."""
PATIENCE_SECONDS = 900.0


class NotRecovered(Exception):
    """A run that came no further in PATIENCE_SECONDS."""


@dataclass(frozen=True)
class Kill:
    setup: str
    kinds: Sequence[str]
    signal: str
    at: Mapping[str, int | str]
    """The Standing when it was killed."""
    lost: int
    """Steps that had to be done again, finished samples, or rows of finished items after a rebuild."""
    seconds: float
    """Until the run was further than when it was killed."""
    flow_ended: bool

    @property
    def too_much(self) -> bool:
        """Samples and rows stay; of a stage, what its last checkpoint has."""
        return self.lost > (SAVE_EVERY if self.at["stage"] and self.kinds != [REBUILD] else 0)


def kill(run: Run, kind: str, rng: random.Random) -> Kill | None:
    """Kill a process of `kind`, perhaps with one of another kind, and wait for recovery. None where none lives."""
    if kind == REBUILD:
        return _kill_rebuild(run, rng)
    kinds = [kind]
    if rng.random() < TWO_AT_ONCE:
        others = [other for other in run.kinds() if other not in (kind, FILING, REBUILD) and run.processes(other)]
        kinds += rng.sample(others, min(1, len(others)))
    (name,) = rng.choices(list(SIGNALS), weights=list(SIGNALS.values()))
    alive = {each: run.processes(each) for each in kinds}
    victims = [rng.choice(processes) for processes in alive.values() if processes]
    if not alive[kind]:
        return None
    at, flow = run.standing(), run.flow
    for victim in victims:
        _send(victim, signal.Signals[name])
    known = {process.pid for processes in alive.values() for process in processes}
    try:
        lost, seconds = _recovery(run, kinds, known, at, suspended=victims if name == "SIGSTOP" else [])
    finally:
        if name == "SIGSTOP":
            for victim in victims:
                _send(victim, signal.SIGCONT)
    return Kill(run.setup.name, kinds, name, vars(at), lost, seconds, run.flow is not flow)


def _recovery(
    run: Run, kinds: Sequence[str], known: set[int], at: Standing, suspended: Sequence[psutil.Process]
) -> tuple[int, float]:
    """Wait until the run is further, by a new process in each killed one's place. Steps lost, and seconds."""
    began, lowest = time.monotonic(), at
    while True:
        time.sleep(0.2)
        run.keep_going()
        passed, now = time.monotonic() - began, run.standing()
        if now.stage == at.stage and now.finished == at.finished:
            lowest = min(lowest, now, key=lambda each: (each.steps, each.samples))
        if suspended and passed > SUSPENDED_SECONDS:
            for victim in suspended:
                _send(victim, signal.SIGCONT)
            suspended = []
        replaced = all(any(one.pid not in known for one in run.processes(kind)) for kind in kinds)
        settled = not suspended and (now.finished > at.finished or replaced or passed > SETTLED_SECONDS)
        if run.ended or (now.beyond(at) and settled):
            return max(0, at.steps - lowest.steps if at.stage else at.samples - lowest.samples), passed
        if passed > PATIENCE_SECONDS:
            raise NotRecovered(f"no recovery in {passed:.0f} s from killing {' and '.join(kinds)} at {at}")


def _kill_rebuild(run: Run, rng: random.Random) -> Kill | None:
    at, store = run.standing(), run.runs / "passk.duckdb"
    if not store.exists():
        return None
    before = finished_rows(store)
    rebuild = run.command("ingest", "--rebuild")
    time.sleep(rng.uniform(0.5, 4.0))
    rebuild.kill()
    rebuild.wait()
    began = time.monotonic()
    if run.command("ingest", "--rebuild").wait() != 0:
        raise NotRecovered("the store was not made again")
    lost = rows_lost(before, finished_rows(store))
    return Kill(run.setup.name, [REBUILD], "SIGKILL", vars(at), lost, time.monotonic() - began, False)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.Error):
        process.send_signal(number)
