"""The comparison of two copies of a model by log-probabilities of fixed tokens."""

import math
from types import SimpleNamespace

import pytest

from passk.base.errors import ConfigError, PasskError
from passk.experiment.model import TinyModel
from passk.models import log_probs
from passk.models.tiny import make_tiny


@pytest.fixture(scope="module", params=["maze", "bytes"])
def directory(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("model")
    make_tiny(TinyModel(alphabet=request.param, tie_word_embeddings=True), directory, seed=1)
    return directory


def test_the_tokens_are_plain_ones_spread_over_the_vocabulary(directory):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    tokens = log_probs.fixed_tokens(tokenizer)
    assert tokens == log_probs.fixed_tokens(tokenizer) and len(tokens) == log_probs.TOKENS
    assert not set(tokens) & set(tokenizer.all_special_ids)
    plain = len(tokenizer) - 2
    assert len(set(tokens)) == min(plain, log_probs.TOKENS)
    assert max(tokens) - min(tokens) >= plain * 0.85
    assert len(log_probs.fixed_tokens(tokenizer, 5)) == 5


@pytest.mark.parametrize("longest", [0, 1])
def test_a_sequence_without_a_second_token_is_refused(directory, longest):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    assert len(log_probs.fixed_tokens(tokenizer, 2)) == 2
    with pytest.raises(ConfigError, match=r"^--data\.max_len: .*; raise it to 3 or more$"):
        log_probs.fixed_tokens(tokenizer, longest)


def test_added_tokens_are_left_out():
    tokenizer = SimpleNamespace(
        all_special_ids=[0], get_added_vocab=lambda: {"<image>": 3}, get_vocab=lambda: {"a": 1, "<": 0, "<image>": 3}
    )
    assert set(log_probs.fixed_tokens(tokenizer, 9)) == {1}


def test_a_checkpoint_has_a_log_probability_for_each_token_after_the_first(directory):
    tokens, reference = log_probs.of_checkpoint(str(directory))
    assert len(reference) == len(tokens) - 1
    vocabulary = {"maze": 12, "bytes": 258}
    # An untrained model is close to uniform.
    assert any(abs(sum(reference) / len(reference) + math.log(size)) < 0.3 for size in vocabulary.values())


def test_vllms_answer_is_read_token_by_token():
    entries = [None, {5: SimpleNamespace(logprob=-1.0)}, {7: SimpleNamespace(logprob=-2.0), 1: None}]
    assert log_probs.of_prompt(entries, [4, 5, 7]) == [-1.0, -2.0]


def test_a_difference_beyond_the_limit_stops_with_one_line():
    log_probs.require_equal(log_probs.gap([-1.0, -2.0], [-1.1, -2.0]), "step 3")
    for difference in (log_probs.LIMIT * 1.01, math.nan, math.inf):
        with pytest.raises(
            PasskError, match=r"^model: step 3: vLLM does not have the model's weights\. .*; use a model"
        ):
            log_probs.require_equal(difference, "step 3")
