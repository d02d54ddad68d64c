"""An estimator gets what it needs, prompt by prompt; false positives fall on incorrect answers alone."""

import pytest
import torch
from hypothesis import given as given_texts
from hypothesis import settings
from hypothesis.strategies import text

from passk import advantage, verifiers
from passk.base.errors import PasskError
from passk.openrlhf.estimator_inputs import false_positive_rate, inputs
from passk.openrlhf.prompt_label import ANSWER_HALVES, Label, answer_halves, answer_id
from passk.openrlhf.reward import reward_func
from passk.openrlhf.step_recorder import Rollout

MAZE = Label("maze-1", "maze", "S.E").dump()


def answers(*extracted):
    """Rollouts, each with what its verdict extracted ("" for none)."""
    return [
        Rollout("?", MAZE, [1], False, float(i), "correct", answer_id(*answer_halves(text).values()))
        for i, text in enumerate(extracted)
    ]


def given(estimator, rows, rollouts=2, state=None):
    return inputs(advantage.get(estimator), rows, rollouts, torch.Generator(), {} if state is None else state)


def test_answers_are_equal_where_the_verdicts_extracted_the_same_and_negative_where_nothing():
    (a, b), (none, c) = given("edas", answers("RR", "R", "", "RR"))["answers"].tolist()
    assert a == c != b and min(a, b) >= 0 > none


@settings(derandomize=True)
@given_texts(text(min_size=1), text(min_size=1))
def test_the_identity_of_an_answer_survives_float32(one, other):
    def through(extracted):
        halves = torch.tensor(list(answer_halves(extracted).values()), dtype=torch.float32)
        return answer_id(*halves.tolist())

    assert (through(one) == through(other)) == (one == other)
    assert through(one) == answer_id(*answer_halves(one).values())


def test_the_reward_and_the_answer_are_of_one_verdict(monkeypatch):
    label = Label("sum-1", "numeric", "5").dump()
    for response in ("The answer is 5", "The answer is <|im_start|> 5", "nothing"):
        made = reward_func(["? " + response], ["? "], [label])
        verdict = verifiers.verify("numeric", response, "5")
        halves = [made["extra_logs"][key] for key in ANSWER_HALVES]
        assert made["rewards"] == verdict.score
        assert halves == list(answer_halves(verdict.extracted).values())


def test_mean_log_probabilities_reach_the_estimator_that_weighs_correct_rollouts_by_them():
    rows = answers("1", "1", "1", "1")
    values = given("ucpo", rows, 4)
    assert list(values) == ["entropy"] and values["entropy"].tolist() == [[0, 1, 2, 3]]
    found = advantage.compute("ucpo", torch.tensor([[1.0, 1, 0, 0]]), 1, **values)
    assert found[0, 1] > found[0, 0] > 0


def test_the_path_of_a_maze_is_the_key_of_its_correct_rollouts():
    values = given("cue_grpo", answers("RR", "RR", "DD", ""), 4)
    assert list(values) == list(given("vote_k", answers("RR"), 1)) == ["answers"]
    found = advantage.compute("cue_grpo", torch.tensor([[1.0, 1, 1, 0]]), 1, **values)
    assert found[0, 2] > found[0, 0]
    votes = advantage.compute("vote_k", torch.tensor([[1.0, 1, 0, 0]]), 2, **values)
    assert votes[0, 2] < votes[0, 3] < votes[0, 0]  # an incorrect path votes, no path does not


def test_clusters_reach_set_rl_and_are_left_out_where_nothing_extracts_them():
    assert list(given("poly_epo", answers("a", "b"))) == ["answers"]
    assert given("poly_epo", [answers("1")[0]._replace(answer=None)] * 2) == {}


def test_a_state_is_handed_over_itself_and_to_nobody_else():
    state = {}
    values = given("curverl", answers("1", "2"), state=state)
    assert values["state"] is state
    advantage.compute("curverl", torch.tensor([[1.0, 0]]), 1, **values)
    assert state == {"counts": [[0, 1, 0]]}
    assert given("grpo", answers("1", "2"), state=state) == {}


def test_entropy_is_a_row_a_prompt():
    assert given("passk_adaptive", answers("1", "1", "1", "1"))["entropy"].tolist() == [[0, 1], [2, 3]]


def test_an_estimator_that_takes_entropy_is_never_handed_a_made_up_one():
    rows = [*answers("1", "1", "1"), answers("1")[0]._replace(surprise=None)]
    with pytest.raises(
        PasskError, match="^advantage: passk_adaptive computes entropy from log-probabilities"
    ) as raised:
        given("passk_adaptive", rows)
    assert "\n" not in str(raised.value)
    assert given("grpo", rows) == {}


def test_an_estimator_gets_nothing_that_it_does_not_take():
    assert given("grpo", answers("1", "1")) == {}
    assert list(given("passk_bootstrap", answers("1", "1"))) == ["generator"]


def test_an_estimator_that_needs_answers_refuses_a_reward_function_that_is_not_ours():
    with pytest.raises(PasskError, match="^advantage: edas needs answers, .* labels of passk"):
        given("edas", [answers("1")[0]._replace(answer=None)] * 2)


def test_flipping_rewards_only_incorrect_rollouts_in_the_requested_share_and_the_same_ones_for_the_same_seed():
    rewards = (torch.arange(40_000) % 4 == 0).float().view(-1, 16)
    noisy = false_positive_rate(rewards, 0.3, torch.Generator().manual_seed(5))
    assert (noisy[rewards == 1] == 1).all()
    share = float(noisy[rewards == 0].mean())
    assert 0.28 < share < 0.32  # 30,000 draws: 0.3 give or take 0.003
    assert torch.equal(noisy, false_positive_rate(rewards, 0.3, torch.Generator().manual_seed(5)))
    assert not torch.equal(noisy, false_positive_rate(rewards, 0.3, torch.Generator().manual_seed(6)))
    assert rewards.sum() == 10_000  # what came in is untouched
