"""Design of H1: one experiment file for each cell and seed, from the demo's file.

A cell is a share e of correct hints and a number of states, whose inverse is the luck of a guess. Each file has both
methods, which start from one warm start. All cells with the same seed and states share it, since its demonstrations
are those of the base in every cell. The test sets do not depend on e either. The tables weigh their two kinds by e.

Walks over 20 states have 4 moves, as in the demo. Walks over 5 states have 6, so that both have 320 walks. Their
demonstrations have fewer random states, so that a walk without any is as frequent in both.
"""

from pathlib import Path
from typing import Any, NamedTuple

from passk.experiment import config, yaml_file
from passk.experiment.config import Experiment
from passk.experiment.validate import check
from studies.shortcut.theory import KNOWN, PROMPTS, ROLLOUTS, STEPS, SWITCH

BASE = Path(__file__).parents[2] / "experiments" / "shortcut.yaml"
PREFIX = "shortcut-"
E_PERCENT = (70, 50, 30, 90, 5)
"""Shares of correct hints in percent, in the order of the runs."""
MOVES = {20: 4, 5: 6}
"""States -> moves of a walk; the main cells first."""
TEST_WALKS = {20: 85, 5: 86}
"""States -> walks of the test split, which limit the problems with a correct hint."""
MOST = 200
"""Most test problems of a kind."""
FIRST_SEED, SEEDS, LOOKS = 101, 6, (5, 9, 13)
"""The demo has the seeds 1 to 3. LOOKS: numbers of seeds at which a cell can stop or continue (README.md)."""
CENTRE, WARM_STARTS = (70, 20), 5
"""The cell in which the last of the SEEDS has further warm starts, and the number of warm starts there."""


class Run(NamedTuple):
    """An experiment of the study."""

    percent: int
    states: int
    seed: int
    warm_start: int = 0
    """0, or the number of the further warm start of a seed."""

    @property
    def cell(self) -> str:
        """Name of the cell, such as e70-s20."""
        return f"e{self.percent:02d}-s{self.states}"

    @property
    def name(self) -> str:
        """Name of the file without its suffix, such as e70-s20-101 or e70-s20-106-w1."""
        return f"{self.cell}-{self.seed}" + (f"-w{self.warm_start}" if self.warm_start else "")


def runs(seeds: int = SEEDS) -> list[Run]:
    """Return all experiments in the order of their runs: each seed in all main cells, then in those with more luck."""
    planned = []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        planned += [Run(percent, states, seed) for states in MOVES for percent in E_PERCENT]
        if seed == FIRST_SEED + SEEDS - 1:
            planned += [Run(*CENTRE, seed, number) for number in range(1, WARM_STARTS)]
    return planned


def experiment(run: Run) -> Experiment:
    """Return the checked experiment of a run."""
    raw: dict[str, Any] = yaml_file.read(BASE).content
    moves = MOVES[run.states]
    raw["name"], raw["seed"] = f"{PREFIX}{run.name}", run.seed
    raw["question"] = f"Which method leaves the shortcut where {run.percent} % of the hints are correct?"
    walks = {"source": "shortcut", "states": run.states, "steps": moves}
    demonstrations = {name: raw["problems"][name] | walks for name in ("skill", "habit")}
    demonstrations["habit"]["step_noise"] = round(1 - KNOWN ** (1 / moves), 4)
    for problems in demonstrations.values():
        # a set of another size is another draw; the initial weights and all of rl stay equal
        problems["size"] += run.warm_start
    training = walks | {"split": "train", "size": STEPS * PROMPTS, "hint_correct": run.percent / 100}
    tests = {
        "correct": walks | {"split": "test", "size": min(MOST, TEST_WALKS[run.states]), "hint_correct": 1.0},
        "incorrect": walks | {"split": "test", "size": MOST, "hint_correct": 0.0},
    }
    raw["problems"] = demonstrations | {"training": training} | tests
    raw["stages"] = _stages(raw["stages"], moves)
    samples = {"samples": 8, "k": [1, 8], "top_p": 1.0, "max_response": 12 + moves}
    raw["benchmarks"] = {name: {"problems": name, **samples} for name in tests}
    result = config.parse(raw)
    check(result)
    return result


def _stages(base: dict[str, Any], moves: int) -> dict[str, Any]:
    skill = {name: value for name, value in base["skill"].items() if name != "evaluate"}
    rl = base["pass1"] | {"rollouts_per_prompt": ROLLOUTS, "prompts_per_step": PROMPTS, "steps": STEPS}
    rl |= {"max_prompt": 6 + moves, "max_response": 12 + moves, "evaluate_every": None}
    return {
        "skill": skill,
        "warm": base["warm"],
        "pass1": rl,
        "passk_pass1": rl | {"advantage": "passk_analytical", "k": {"from": 4, "to": 1, "at": SWITCH}},
    }


def write(directory: Path, seeds: int = SEEDS) -> list[Path]:
    """Write a file for each experiment; return the files in the order of their runs."""
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for run in runs(seeds):
        file = directory / f"{run.name}.yaml"
        raw = experiment(run).model_dump(mode="json", by_alias=True, exclude_defaults=True)
        file.write_text(yaml_file.dump(raw), encoding="utf-8")
        files.append(file)
    return files
