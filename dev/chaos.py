"""Kill any process of a run, at random moments, until it is done all the same; then compare it with one left in peace.

    python -m dev.chaos DIRECTORY [--kills 30] [--seed 0] [--setup "one engine"]

A small real experiment runs in each setup of chaos_setups.py: one engine, two engines, a cluster at RAY_ADDRESS,
without `deterministic`, and by `make serve`. The processes named in chaos_run.py get SIGKILL, SIGTERM or SIGSTOP,
sometimes two at once. If the flow ended, the same command is given again, and nothing else is done. All results are in
DIRECTORY/state.json: the same command continues where it was stopped. The exit status is 1 if more was lost than the
work since the last checkpoint, if a run did not recover, if its results differ from those of an undisturbed run, or if
processes or unfinished files are left.
"""

import argparse
import json
import math
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dev.chaos_kill import Kill, NotRecovered, kill
from dev.chaos_run import FILING, Run, left_in
from dev.chaos_setups import SETUPS, Setup
from dev.chaos_store import differences, shown
from passk.base.errors import ConfigError
from passk.files.layout import write_json

MOST = 2
"""Kills of a kind in one round; without a bound it might never be done."""
END_SECONDS = 60.0
"""In which the processes of a run that is done have ended."""
HEAD = (
    "| # | setup | killed | signal | stage | steps | last checkpoint | samples | lost | recovered after, s "
    "| flow ended |\n"
    "|---:|---|---|---|---|---:|---:|---:|---:|---:|---|"
)


class Campaign:
    """The kills and rounds so far, on disk."""

    def __init__(self, directory: Path, seed: int, setups: Sequence[Setup], wanted: int) -> None:
        self.directory, self.seed, self.setups, self.wanted = directory, seed, setups, wanted
        self._file = directory / "state.json"
        state: dict[str, Any] = json.loads(self._file.read_text()) if self._file.exists() else {}
        self.kills = [Kill(**row) for row in state.get("kills", [])]
        self.rounds: list[dict[str, Any]] = state.get("rounds", [])

    @property
    def is_done(self) -> bool:
        return len(self.kills) >= self.wanted and len(self.rounds) >= len(self.setups)

    @property
    def faults(self) -> list[str]:
        return [f"round {number}: {fault}" for number, each in enumerate(self.rounds, 1) for fault in each["faults"]]

    def kills_left(self, hits: Counter[str]) -> bool:
        """Whether the round that is on has its share of the kills still to come."""
        return hits.total() < math.ceil(self.wanted / len(self.setups))

    def hits(self) -> Counter[str]:
        """Kills of the round that is on, by kind."""
        before = sum(each["kills"] for each in self.rounds)
        return Counter(kind for each in self.kills[before:] for kind in each.kinds[:1])

    def save(self) -> None:
        write_json(self._file, {"kills": [asdict(each) for each in self.kills], "rounds": self.rounds})


def round_of(campaign: Campaign) -> None:
    """Run the next round, or the rest of the one that was stopped."""
    number = len(campaign.rounds) + 1
    setup = campaign.setups[(number - 1) % len(campaign.setups)]
    rng = random.Random(f"{campaign.seed}/{number}/{len(campaign.kills)}")
    faults: list[str] = []
    run = Run(campaign.directory / f"chaos-{number}", setup, campaign.seed)
    try:
        _disturb(run, campaign, rng)
        run.stop_servers()
        faults += [f"process left: {line}" for line in _left_after(run)]
        faults += [f"file left: {name}" for name in left_in(run.directory, run.scratch)]
    except NotRecovered as error:
        faults.append(str(error))
    finally:
        run.close()
    if run.ended:
        faults += _compared(run, campaign)
    of_round = campaign.kills[sum(each["kills"] for each in campaign.rounds) :]
    faults += [f"{each.lost} lost by killing {' and '.join(each.kinds)}" for each in of_round if each.too_much]
    campaign.rounds.append({"setup": setup.name, "kills": len(of_round), "faults": faults})
    campaign.save()
    print(f"\nround {number}, {setup.name}: {'; '.join(faults) or 'nothing lost, nothing left'}\n", flush=True)


def _disturb(run: Run, campaign: Campaign, rng: random.Random) -> None:
    """Kill until the experiment is done: of what lives, what was killed least so far."""
    run.keep_going()
    while not run.ended:
        hits = campaign.hits()
        ingesting = _moment(run, rng, wait_for_ingest=hits[FILING] < MOST)
        if run.ended or not campaign.kills_left(hits):
            continue
        total = Counter(kind for each in campaign.kills for kind in each.kinds)
        ranked = sorted(run.kinds(), key=lambda kind: (kind != FILING or not ingesting, total[kind], rng.random()))
        done = next(filter(None, (kill(run, kind, rng) for kind in ranked if hits[kind] < MOST)), None)
        if done is not None:
            campaign.kills.append(done)
            campaign.save()
            print(_row(len(campaign.kills), done), flush=True)


def _moment(run: Run, rng: random.Random, *, wait_for_ingest: bool) -> bool:
    """Wait for a random moment; True at once when the flow ingests, which is too short to be hit by chance."""
    until = time.monotonic() + rng.uniform(0, 8)
    while time.monotonic() < until and not run.ended:
        time.sleep(0.02)
        run.keep_going()
        if wait_for_ingest and run.is_ingesting():
            return True
    return False


def _left_after(run: Run) -> list[str]:
    deadline = time.monotonic() + END_SECONDS
    while (left := run.left()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left


def _compared(run: Run, campaign: Campaign) -> list[str]:
    """Run the experiment undisturbed, and say where the stores differ; in numbers of rows alone if it draws anew.

    Rounds with equally many engines share the undisturbed run, which has a cluster of its own and is deterministic.
    """
    setup = run.setup.undisturbed
    calm = Run(campaign.directory / f"calm-{setup.name}".replace(" ", "-"), setup, campaign.seed)
    try:
        while not calm.ended:
            calm.keep_going()
            time.sleep(0.5)
        calm.stop_servers()
    finally:
        calm.close()
    compared = differences(run.runs / "passk.duckdb", calm.runs / "passk.duckdb")
    print(shown(compared), flush=True)
    if run.setup.deterministic:
        return [f"{each.table}: {each.apart} rows in one store alone" for each in compared if each.apart]
    return [f"{each.table}: {each.rows} rows, not {each.rows_undisturbed}" for each in compared
            if each.rows != each.rows_undisturbed]  # fmt: skip


def _row(number: int, each: Kill) -> str:
    at, ended = each.at, "yes" if each.flow_ended else "no"
    words = [
        *(number, each.setup, " and ".join(each.kinds), each.signal, str(at["stage"])[:4] or "none"),
        *(at["steps"], at["checkpoint"], at["samples"], each.lost, f"{each.seconds:.1f}", ended),
    ]
    return f"| {' | '.join(map(str, words))} |"


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directory", type=Path, help="Directory of the runs and of state.json; continued if it exists.")
    parser.add_argument("--kills", type=int, default=30, help="Fewest kills, spread over the setups (default: 30).")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the moments and of what is killed (default: 0).")
    parser.add_argument(
        "--setup", action="append", choices=[setup.name for setup in SETUPS], help="Setups to run (default: all)."
    )
    options = parser.parse_args()
    setups = [setup for setup in SETUPS if not options.setup or setup.name in options.setup]
    if options.kills < 1:
        raise ConfigError("kills", f"must be 1 or more, not {options.kills}", "raise it")
    signal.signal(signal.SIGTERM, _stop)
    campaign = Campaign(options.directory.resolve(), options.seed, setups, options.kills)
    print(HEAD, *(_row(number, each) for number, each in enumerate(campaign.kills, 1)), sep="\n", flush=True)
    try:
        while not campaign.is_done:
            round_of(campaign)
    except KeyboardInterrupt:
        raise SystemExit("stopped; the same command continues") from None
    if campaign.faults:
        raise SystemExit("\n".join(campaign.faults))


if __name__ == "__main__":
    main()
