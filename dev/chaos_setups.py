"""The experiment that is killed, and the setups in which it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

NAME = "chaos"
STEPS, SAVE_EVERY = 30, 5
STALL_SECONDS = 150
"""After which a stage that is suspended counts as hung; long enough for one step on a busy machine."""
SUMS = "sums.jsonl"
"""Problems of a verifier with child processes."""


@dataclass(frozen=True)
class Setup:
    """One way to run the experiment."""

    name: str
    compute: Mapping[str, Any] = field(default_factory=dict)
    """Changes to the experiment's `compute`."""
    by_server: bool = False
    """Run as a deployment of `make serve`, not by `passk run`."""
    own_ray: bool = True
    """False: on a Ray cluster of somebody else, at RAY_ADDRESS."""

    @property
    def deterministic(self) -> bool:
        """Whether its results equal those of an undisturbed run to the last digit."""
        return self.compute.get("deterministic", True)

    @property
    def undisturbed(self) -> "Setup":
        """The setup whose results are compared with this one's."""
        return TWO_ENGINES if self.compute.get("engines") == 2 else ONE_ENGINE


ONE_ENGINE = Setup("one engine")
TWO_ENGINES = Setup("two engines", {"engines": 2, "gpus_per_node": 2})
SETUPS = (
    ONE_ENGINE,
    TWO_ENGINES,
    Setup("RAY_ADDRESS", own_ray=False),
    Setup("not deterministic", {"deterministic": False}),
    Setup("make serve", by_server=True),
)


def write(directory: Path, setup: Setup, seed: int) -> Path:
    """Write the experiment of a setup, and the problems it needs, into `directory`; return its file."""
    maze = {"source": "maze", "easy_fraction": 1.0, "path_length": [2, 3]}
    rl = {
        **{
            "kind": "rl",
            "problems": "train",
            "steps": STEPS,
            "prompts_per_step": 8,
            "rollouts_per_prompt": 8,
            "lr": 1e-4,
        },
        **{"max_prompt": 31, "max_response": 8, "save_every": SAVE_EVERY},
    }
    experiment = {
        "name": NAME,
        "question": "Does a run that is killed again and again end as one that is not?",
        "seed": seed,
        "model": {"tiny": {"alphabet": "bytes"}},
        "problems": {
            "train": {**maze, "split": "train", "size": 512, "random_move_prob": 0.2},
            "test": {**maze, "split": "test", "size": 20},
            "sums": {"source": "jsonl", "split": "test", "file": SUMS, "verifier": "math", "template": "plain"},
        },
        "stages": {
            "warm": {
                **{"kind": "sft", "problems": "train", "steps": STEPS, "batch_size": 64, "lr": 3e-3},
                "save_every": SAVE_EVERY,
            },
            "pass4": {**rl, "from": "warm", "advantage": "passk_analytical", "k": [[1, 4], [20, 2]]},
            "pass1": {**rl, "from": "pass4", "advantage": "grpo"},
        },
        "benchmarks": {
            "test": {"problems": "test", "samples": 64, "k": [1, 8], "max_response": 8},
            "sums": {"problems": "sums", "samples": 8, "k": [1, 8], "max_response": 8},
        },
        "compute": {
            **{"profile": "cpu", "micro_batch": 16, "threads": 1, "deterministic": True},
            **{"stall_timeout_s": STALL_SECONDS, **setup.compute},
        },
    }
    lines = [f'{{"problem": "{a}+{a + 1}=", "answer": "{2 * a + 1}"}}\n' for a in range(10)]
    (directory / SUMS).write_text("".join(lines))
    file = directory / f"{NAME}.yaml"
    file.write_text(yaml.safe_dump(experiment, sort_keys=False))
    return file
