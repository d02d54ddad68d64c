"""The filter of groups: what it drops, and that each step is full."""

from passk.openrlhf.group_filter import filled, teaches
from tests.unit.each import every


@every(("k", "kept"), [(1, [1, 2, 3]), (2, [1, 2]), (3, [1]), (4, [])])
def test_a_group_is_kept_if_it_has_a_correct_rollout_and_k_incorrect_ones(k, kept):
    assert [correct for correct in range(5) if teaches(correct, 4, k)] == kept


class Prompts:
    """Prompts 1, 2, 3, ... of which `good` make groups that are kept."""

    def __init__(self, good, last=100):
        self.good, self.next, self.last, self.rounds = set(good), 1, last, []

    def sample(self, number):
        self.rounds.append(number)
        groups = list(range(self.next, min(self.next + number, self.last + 1)))
        self.next += len(groups)
        return groups, self.next > self.last

    def filled(self, size, max_rounds):
        return filled(self.sample, self.good.__contains__, size, max_rounds)


def test_each_round_samples_what_the_step_lacks():
    prompts = Prompts([2, 4, 5, 7])
    assert prompts.filled(4, 9) == ([2, 4, 5, 7], [1, 3, 6])
    assert prompts.rounds == [4, 2, 1]


def test_a_full_first_round_is_the_only_one():
    prompts = Prompts(range(9))
    assert prompts.filled(4, 9) == ([1, 2, 3, 4], [])
    assert prompts.rounds == [4]


def test_after_the_last_round_dropped_groups_fill_the_step():
    prompts = Prompts([3])
    assert prompts.filled(3, 2) == ([3, 1, 2], [4, 5])
    assert prompts.rounds == [3, 2]


def test_the_end_of_the_prompts_ends_the_rounds():
    prompts = Prompts([2], last=3)
    assert prompts.filled(2, 9) == ([2, 1], [3])
    assert prompts.rounds == [2, 1]
