"""An estimator gets what it needs, prompt by prompt; false positives fall on incorrect answers alone."""

import pytest
import torch

from passk import advantage, verifiers
from passk.base.errors import PasskError
from passk.openrlhf.estimator_inputs import false_positive_rate, inputs
from passk.openrlhf.prompt_label import Label
from passk.openrlhf.step_recorder import Answer

MAZE = Label("maze-1", "maze", "S.E").dump()


class Letters:
    """As much of a tokenizer as is used."""

    def batch_decode(self, tokens, skip_special_tokens):
        return ["".join("LRUD"[token] for token in response) for response in tokens]


def answers(*responses, label=MAZE):
    return [Answer("?", label, list(tokens), False, float(i)) for i, tokens in enumerate(responses)]


def given(estimator, rows, rollouts=2):
    return inputs(advantage.get(estimator), rows, rollouts, torch.Generator(), Letters())


def test_answers_are_what_the_verifier_read_a_list_a_prompt_and_none_where_it_read_nothing():
    assert given("edas", answers([1, 1], [1], [], [0]))["answers"] == [["RR", "R"], [None, "L"]]


def test_entropy_is_a_row_a_prompt():
    assert given("passk_adaptive", answers([1], [1], [1], [1]))["entropy"].tolist() == [[0, 1], [2, 3]]


def test_a_rule_that_takes_entropy_is_never_handed_a_made_up_one():
    rows = [*answers([1], [1], [1]), answers([1])[0]._replace(surprise=None)]
    with pytest.raises(PasskError, match="^estimator: passk_adaptive takes entropy, .* log-probabilities") as raised:
        given("passk_adaptive", rows)
    assert "\n" not in str(raised.value)
    assert given("grpo", rows) == {}


def test_a_rule_gets_nothing_that_it_does_not_take():
    assert given("grpo", answers([1], [1])) == {}
    assert list(given("passk_bootstrap", answers([1], [1]))) == ["generator"]


@pytest.mark.parametrize("label", ["42", 42, None, ["42"], {"answer": 42}])
def test_a_rule_that_needs_answers_refuses_labels_that_no_verifier_of_ours_can_read(label):
    with pytest.raises(PasskError, match="advantage: edas needs answers, .* labels of passk"):
        given("edas", answers([1], [1], label=label))


def test_flipping_pays_wrong_answers_alone_in_the_share_asked_for_and_the_same_ones_for_the_same_seed():
    rewards = (torch.arange(40_000) % 4 == 0).float().view(-1, 16)
    noisy = false_positive_rate(rewards, 0.3, torch.Generator().manual_seed(5))
    assert (noisy[rewards == 1] == 1).all()
    share = float(noisy[rewards == 0].mean())
    assert 0.28 < share < 0.32  # 30,000 draws: 0.3 give or take 0.003
    assert torch.equal(noisy, false_positive_rate(rewards, 0.3, torch.Generator().manual_seed(5)))
    assert not torch.equal(noisy, false_positive_rate(rewards, 0.3, torch.Generator().manual_seed(6)))
    assert rewards.sum() == 10_000  # what came in is untouched


def test_what_needs_a_deadline_is_read_in_the_pool_and_never_in_the_trainer(monkeypatch):
    sums = Label("sum-1", "math", "42").dump()
    monkeypatch.setattr(verifiers, "verify", lambda *_: pytest.fail("judged in this process"))
    monkeypatch.setattr(Letters, "batch_decode", lambda self, tokens, skip_special_tokens: [r"\boxed{42}", "none"])
    assert given("edas", answers([1], [1], label=sums))["answers"] == [["42", None]]
