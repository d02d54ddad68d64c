"""The plugin's own flags: read whole, refused by name."""

import pytest

from passk.base.errors import ConfigError
from passk.openrlhf.settings import split_arguments
from tests.unit.each import every


def test_our_flags_are_taken_out_and_the_rest_is_left_as_it_is():
    settings, rest = split_arguments(
        ["--train.seed", "1", "--passk.advantage", "edas", "--passk.k", "1:8,5:1", "--passk.options", '{"beta": 0.3}',
         "--passk.false_positive_rate", "0.1", "--ds.packing_samples"]
    )  # fmt: skip
    assert rest == ["--train.seed", "1", "--ds.packing_samples"]
    assert (settings.advantage.plain, settings.options, settings.false_positive_rate) == ("edas", {"beta": 0.3}, 0.1)
    assert [settings.k.at(step) for step in (1, 4, 5)] == [8, 8, 1]


@every(
    ("flag", "value", "message"),
    [
        ("--passk.k", "four", "--passk.k: 'four' is not a schedule; write a number"),
        ("--passk.k", "0", "--passk.k: must be 1 or more"),
        ("--passk.advantage", "2:grpo", "--passk.advantage: must name the estimator of step 1"),
        ("--passk.advantage", "1:grpo,maxrl", "--passk.advantage: 'maxrl' is not a step"),
        ("--passk.options", "{", "--passk.options: is not JSON"),
        ("--passk.options", "[1]", "--passk.options: must be an object"),
        ("--passk.false_positive_rate", "1.5", "--passk.false_positive_rate: must be a share from 0 to 1, not 1.5"),
        ("--passk.max_failed", "5", "--passk.max_failed: must be a share from 0 to 1, not 5"),
        ("--passk.stop", "Q:", "--passk.stop: 'Q:' is not a list of texts"),
        ("--passk.stop", '[""]', "--passk.stop: '[\"\"]' is not a list of texts"),
        ("--passk.until", "{", "--passk.until: experiment: invalid JSON"),
        ("--passk.until", '{"metric": "reward"}', "--passk.until: experiment: needs exactly one of above and below"),
        ("--passk.until", '{"metric": "reward", "above": 1}', "--passk.until: above: input should be less than 1"),
        (
            "--passk.until",
            '{"metric": "reward", "above": 0.5, "difficulty": "easy"}',
            "--passk.until: a difficulty needs --passk.problems FILE",
        ),
    ],
)
def test_a_flag_that_cannot_be_read_is_one_line(flag, value, message):
    with pytest.raises(ConfigError) as error:
        split_arguments(["--passk.advantage", "grpo", flag, value])
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--passk.k", "1:4,9:16"], r"k: must be smaller than the rollouts per prompt \(16\)"),
        (["--passk.options", '{"sigmo": true}'], "options.sigmo: .* did you mean sigma"),
        (["--passk.options", '{"sigma": "no"}'], "options.sigma: "),
    ],
)
def test_the_estimator_is_checked_for_every_k_and_option(words, message):
    settings, _ = split_arguments(["--passk.advantage", "passk_analytical", *words])
    with pytest.raises(ConfigError, match=message):
        settings.check(16)


def test_estimators_by_step_are_checked_with_the_k_of_their_steps():
    words = ["--passk.advantage", "1:grpo,9:passk_analytical", "--passk.k", "1:1,9:4"]
    settings, _ = split_arguments([*words, "--passk.options", '{"passk_analytical": {"sigma": false}}'])
    settings.check(16)
    assert [settings.advantage.at(step) for step in (8, 9)] == ["grpo", "passk_analytical"]
    for more, message in (
        (["--passk.k", "4"], "k: must be 1 for grpo"),
        (["--passk.options", '{"std": "sample"}'], "options.std: several"),
    ):
        settings, _ = split_arguments([*words, *more])
        with pytest.raises(ConfigError, match=f"^{message}"):
            settings.check(16)


def test_a_condition_on_pass_at_k_is_checked_for_every_k():
    words = ["--passk.advantage", "reinforce_k", "--passk.k", "1:4,9:32"]
    settings, _ = split_arguments([*words, "--passk.until", '{"metric": "pass_at_k", "above": 0.5}'])
    settings.check(32)
    with pytest.raises(ConfigError, match=r"^--passk\.until\.metric: pass@32 of a group of 16 rollouts"):
        settings.check(16)
