"""The condition that ends an rl stage: met by the recorded steps alone, planned, and part of the key."""

import json

import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config, validate
from passk.experiment.plan import plan
from passk.experiment.until import Until
from passk.files.layout import write_json
from tests.unit.each import every
from tests.unit.experiment.test_config import GOOD, changed


def lines(*rewards: float, k: int = 4) -> list[dict]:
    return [
        {
            "step": step,
            "k": k,
            "reward": reward,
            "pass_at_k": {"1": reward, "4": 1 - (1 - reward) ** 4},
            "reward_by_difficulty": {"easy": reward} if step % 2 else {},
        }
        for step, reward in enumerate(rewards, 1)
    ]


def until(**fields) -> Until:
    return Until.model_validate({"metric": "reward", "window": 2} | fields)


@every(
    ("condition", "rewards", "step"),
    [
        (until(above=0.5), [0.9, 0.2, 0.8, 0.9], 2),
        (until(above=0.5), [0.9], None),  # never before `window` steps
        (until(above=0.55), [0.9, 0.2, 0.8, 0.9], 4),  # 0.9 and 0.2 give 0.55, which is not above it
        (until(above=0.5, window=4), [0.5, 0.5, 0.5, 0.5], None),
        (until(above=0, window=1), [0.0, 0.0, 0.1], 3),
        (until(below=0.3), [0.1, 0.9, 0.2, 0.3, 0.1], 4),
        (until(below=1, window=1), [1.0, 1.0, 0.99], 3),
        (until(above=0.9, metric="pass_at_k", window=1), [0.3, 0.4, 0.5], 3),
        (until(above=0.5, difficulty="easy"), [0.2, 1.0, 0.9, 0.0, 0.3], 3),  # steps 1 and 3 have an easy problem
        (until(above=0.1, difficulty="hard", window=1), [0.9, 0.9], None),
    ],
)
def test_the_stage_ends_at_the_first_step_whose_window_passes_the_threshold(condition, rewards, step):
    recorded = lines(*rewards)
    assert condition.end(recorded) == step
    met = [count for count in range(len(recorded) + 1) if condition.is_met(recorded[:count])]
    assert (met or [None])[0] == step


def test_the_condition_survives_the_file_and_the_command_line():
    condition = until(above=0.9, difficulty="very hard", window=3)
    assert Until.parse(condition.spelled) == condition
    recorded = lines(0.1, 1 / 3, 0.7)
    assert json.loads(json.dumps(recorded)) == recorded, "the mean of the file's lines is that of the steps"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"metric": "loss", "above": 0.5}', "metric: input should be 'reward' or 'pass_at_k', not 'loss'; write one"),
        ('{"metric": "reward"}', "experiment: needs exactly one of above and below; write one, as in above: 0.9"),
        ("{", "experiment: invalid JSON"),
    ],
)
def test_a_condition_on_the_command_line_is_refused_in_one_line(text, line):
    with pytest.raises(ConfigError, match="^" + line.replace("(", r"\(")) as refused:
        Until.parse(text)
    assert "\n" not in str(refused.value)


def test_an_unknown_key_of_until_is_answered_with_its_own_keys():
    with pytest.raises(ConfigError, match=r"^stages.arm.until.abov: unknown key; did you mean above\?"):
        config.parse(changed("stages.arm.until", {"metric": "reward", "abov": 0.5, "below": 0.5, "window": 1}))


def test_pass_at_k_of_a_k_above_n_is_refused_since_no_group_has_it():
    raw = changed("stages.arm.until", {"metric": "pass_at_k", "above": 0.5, "window": 1})
    validate.check(config.parse(raw))
    raw["stages"]["arm"] |= {"advantage": "reinforce_k", "k": 32, "rollouts_per_prompt": 16}
    with pytest.raises(ConfigError, match=r"^stages\.arm\.until\.metric: pass@32 of a group of 16 .*; set metric"):
        validate.check(config.parse(raw))
    raw["stages"]["arm"]["until"]["metric"] = "reward"
    validate.check(config.parse(raw))


def test_a_child_starts_at_the_step_and_the_prompt_where_its_parent_ended(tmp_path):
    raw = yaml.safe_load(GOOD)
    raw["stages"]["arm"] |= {"steps": 9, "until": {"metric": "reward", "above": 0.5, "window": 1}}
    raw["stages"]["then"] = {**raw["stages"]["arm"], "from": "arm", "advantage": "grpo", "k": 1}
    raw["stages"]["last"] = {**raw["stages"]["then"], "from": "then"}
    _, arm, then, last = plan(config.parse(raw), tmp_path).stages
    prompts = then.stage.prompts_per_step
    assert (then.first_step, then.first_prompt, last.first_step) == (9, 9 * prompts, 18)
    write_json(arm.directory / "manifest.json", {"key": arm.record.key, "steps": 5})
    assert (then.first_step, then.first_prompt, last.first_step) == (5, 5 * prompts, 14), "of the same plan"
    assert plan(config.parse(raw), tmp_path).stages[2].record.first_step == 5


def test_the_condition_is_part_of_the_key_and_its_absence_is_not(tmp_path):
    def key(value) -> str:
        raw = yaml.safe_load(GOOD)
        raw["stages"]["arm"]["until"] = value
        return plan(config.parse(raw), tmp_path).stages[1].record.key

    without = plan(config.parse(yaml.safe_load(GOOD)), tmp_path).stages[1].record.key
    conditions = [{"metric": "reward", "above": value, "window": 2} for value in (0.5, 0.6)]
    assert key(None) == without
    assert len({without, *map(key, conditions)}) == 3
