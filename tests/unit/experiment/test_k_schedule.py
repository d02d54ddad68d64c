"""k over the steps: every form means what it says, is refused in one line, and survives a command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passk.base.errors import ConfigError
from passk.experiment import config
from passk.experiment.k_schedule import Schedule
from passk.experiment.validate import check
from tests.unit.each import every
from tests.unit.experiment.test_config import changed


def test_a_number_is_k_all_the_way():
    assert {Schedule.of(4).at(step) for step in range(1, 100)} == {4}


def test_linear_is_the_well_known_line():
    linear = Schedule.of({"from": 8, "to": 1, "every": 1000})
    assert [linear.at(step) for step in range(1, 9000)] == [max(1, 8 - step // 1000) for step in range(1, 9000)]


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 7), st.integers(1, 200))
def test_linear_goes_up_as_it_goes_down(start, end, every, step):
    moved = min(abs(end - start), step // every)
    expected = start + moved if end > start else start - moved
    assert Schedule.of({"from": start, "to": end, "every": every}).at(step) == expected


def test_a_switch_holds_from_its_step_on():
    switch = Schedule.of({"from": 8, "to": 1, "at": 1500})
    assert (switch.at(1), switch.at(1499), switch.at(1500), switch.at(10**6)) == (8, 8, 1, 1)
    assert switch.within(1499) == ((1, 8),)


@pytest.mark.parametrize("first", [0, 1])
def test_a_list_holds_from_each_of_its_steps_on(first):
    listed = Schedule.of([[first, 8], [3, 4], [5, 2]])
    assert [listed.at(step) for step in range(1, 7)] == [8, 8, 4, 4, 2, 2]


@every("written", [3, {"from": 8, "to": 1, "every": 10}, {"from": 8, "to": 1, "at": 15}, [[1, 2], [9, 7]]])
def test_a_command_line_carries_it_whole(written):
    schedule = Schedule.of(written)
    assert Schedule.parse(schedule.spelled).changes == schedule.changes


@pytest.mark.parametrize(("written", "label"), [(4, "4"), ({"from": 8, "to": 1, "at": 9}, "8→1"), ([[1, 2]], "2")])
def test_a_reader_sees_where_it_starts_and_ends(written, label):
    assert Schedule.of(written).label == label


@every(
    ("written", "message"),
    [
        (0, "1 or more at every step, not 0"),
        (True, "is not a schedule; write a number"),
        ("4", "is not a schedule; write a number"),
        (4.0, "is not a schedule; write a number"),
        (None, "is not a schedule; write a number"),
        ([], "is not a schedule; write a number"),
        ({"from": 8}, "has the keys from; write from, to and either every or at"),
        ({"from": 8, "to": 1, "at": 5, "every": 5}, "either every or at"),
        ({"from": 8, "to": 1, "every": 0}, "every must be a whole number of 1 or more, not 0"),
        ({"from": 8, "to": "1", "at": 5}, "to must be a whole number of 1 or more, not '1'"),
        ([[5, 8]], "must begin at step 1, not 5"),
        ([[1, 8], [9, 4], [9, 2]], "steps must ascend, not 1, 9, 9"),
        ([[1, 8], [9, 0]], "1 or more at every step, not 0"),
        ([[1, 8, 3]], "two whole numbers"),
        (["ab"], "two whole numbers"),
        ([1, 2], "two whole numbers"),
    ],
)
def test_what_is_no_schedule_is_refused_in_one_line(written, message):
    with pytest.raises(ValueError) as error:
        Schedule.of(written)
    assert message in str(error.value) and "\n" not in str(error.value)


@every("text", ["", "four", "1:8,", "1:8:3", "8,4", "4.0"])
def test_a_command_line_that_is_no_schedule_is_refused(text):
    with pytest.raises(ValueError):
        Schedule.parse(text)


def test_every_k_of_a_schedule_is_checked_before_anything_starts():
    with pytest.raises(ConfigError, match=r"stages\.arm\.k: must be smaller than the rollouts per prompt \(16\)"):
        check(config.parse(changed("stages.arm.k", [[1, 4], [2, 16]])))
