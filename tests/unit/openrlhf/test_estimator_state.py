"""States of estimators over steps: in a checkpoint's dict as text, and out of it as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passk.base.errors import PasskError
from passk.openrlhf.estimator_state import KEY, restored, saved
from tests.unit.each import every

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), st.dictionaries(st.text(), JSON, max_size=3), max_size=2))
def test_a_state_comes_back_to_the_last_digit(states):
    entry = saved(states)
    assert list(entry) == [KEY] and isinstance(entry[KEY], str)
    assert restored({"global_step": 4, **entry}) == states


def test_a_first_step_and_a_checkpoint_of_an_earlier_passk_have_no_state():
    assert restored({"global_step": 0}) == {}


@every("value", [{1: 2}, (1, 2), float("nan"), float("inf"), {"a"}, b"text", object()])
def test_a_state_that_would_come_back_as_another_is_refused(value):
    if value == float("inf"):
        assert restored(saved({"mine": {"x": value}})) == {"mine": {"x": value}}  # JSON of Python has it
        return
    with pytest.raises(PasskError, match="^advantage: mine keeps a state that JSON does not hold; let it"):
        saved({"mine": {"x": value}})
