"""What the fields of stages take: rows of the table in test_fields.py."""

import math

from tests.unit.experiment.engine_fields import ENGINE_SETTINGS, STAGE_SETTINGS
from tests.unit.experiment.evaluation_fields import NOT_STOPS, STOPS

STAGE = {
    "kind": ("choice", [], []),
    "from": ("name", ["warm", None], []),
    "problems": ("name", ["train"], [None]),
    "steps": ("count", [2, 99_999], [9_999_999_999]),
    "betas": ("pair", [[0, 0], (0.9, 0.99), [0.9, 1 - 1e-9]], [[0.9, 1.0], [1, 0.9], [-0.1, 0.9]]),
    "weight_decay": ("not negative", [0, 0.1, 5], []),
    "max_norm": ("positive", [1, 0.5], []),
    "warmup": ("natural", [0, 2], [3]),
    "evaluate": ("truth", [True, False], []),
    "save_every": ("count", [1], []),
    "keep_checkpoints": ("count", [1], []),
} | STAGE_SETTINGS
SFT = STAGE | {
    "lr": ("positive", [1, 1e-6], ["auto"]),
    "batch_size": ("count", [1, 10**6], [999_999_999]),
    "max_length": ("count", [4, 4096, None], [1, 2, 3]),
}
SCHEDULE = [0, -1, True, "4", 1.5, 1.0, None, [], [[]], [[1]], [[1, True]], [[1, 4], [10**9, 1]], 10_000, 10**30,
            {"from": 999_999_999, "to": 1, "every": 1}, {"from": 8, "to": 1, "every": 10**9},
            {"from": 8.0, "to": 1, "at": 2}, {"from": 8}, {"a": 1}]  # fmt: skip
RL = STAGE | {
    "advantage": ("text", ["grpo", {1: "grpo", 2: "maxrl"}, [[1, "grpo"], [2, "maxrl"]]], [{2: "grpo"}, [["grpo"]]]),
    "k": (None, [1, 9999, {"from": 8, "to": 1, "every": 1}, {"from": 8, "to": 1, "at": 2}, [[1, 8], [2, 1]]], SCHEDULE),
    "options": ("mapping", [{}, {"a": [1, {"b": 2.5}]}], [{"a": math.nan}, {"a": "\0"}, {"\0": 1}, {5: 1}]),
    "lr": ("positive", [1, 1e-6], ["auto"]),
    "entropy_coef": ("not negative", [0, 1], []),
    "false_positive_rate": ("share", [0, 1, 0.5], []),
    "prompts_per_step": ("count", [1], [999_999_999]),
    "rollouts_per_prompt": ("count", [2, 9999], [1, 10_000]),
    "mini_batch_prompts": ("count", [1, None], []),
    "temperature": ("positive", [1, 0.5], []),
    "top_p": ("positive", [1, 0.5], [1.01]),
    "clip": ("pair", [[0, 0], (0.2, 0.28), [1, 5]], [[-0.1, 0.2], [0.2, -0.1]]),
    "max_prompt": ("count", [1], []),
    "max_response": ("count", [1], []),
    "stop": (None, STOPS, NOT_STOPS),
    "max_failed": ("share", [0, 1], []),
    "evaluate_every": ("count", [1, 99, None], []),
    "evaluate_on": (None, [["test"], None], [[], "test", ["A"], [5], [True], {}]),
    "evaluate_samples": ("count", [1, 9999, None], [10_000]),
    "until": ("mapping", [None, {"metric": "reward", "above": 0.9, "window": 2}], [{}, {"metric": "reward"}]),
}
RL |= ENGINE_SETTINGS
RL |= {
    "evaluate_last": ("count", [1, 9, None], []),
    "keep_best": ("mapping", [None, {"benchmark": "test"}, {"benchmark": "test", "k": 8}], [{}]),
    "stop_when": ("mapping", [None, {"benchmark": "test", "evaluations": 2}], [{}, {"benchmark": "test"}]),
}
KEEP_BEST = {
    "benchmark": ("name", ["test"], []),
    "k": ("count", [1, 9999], [10_000]),
    "select_on_test": ("truth", [True, False], []),
}
STOP_WHEN = KEEP_BEST | {"evaluations": ("count", [1, 99], [])}
UNTIL = {
    "metric": ("choice", ["reward", "pass_at_k"], []),
    "above": ("share", [0, 0.5], [1, None]),
    "below": ("share", [0.5, 1], [0, None]),
    "window": ("count", [1, 2], [3]),
    "difficulty": ("text", ["easy", None], []),
}
