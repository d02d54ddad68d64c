"""Duplicates of test problems in training sets, against a search that compares all with all."""

import random
import re

import pytest

from passk.problems import contamination
from passk.problems.contamination import COMMON, PHRASE, Match, Texts
from tests.unit.each import every

LONG = (
    "A train leaves the station at noon and goes north at a speed of 60 miles an hour while a second train leaves "
    "from the same place one hour later on a parallel track and goes in the same direction at 90 miles an hour. "
    "How far from the station does the second one overtake the first?"
)


def overlap(train, test):
    return contamination.overlap(Texts(train), Texts(test))


def phrases(text):
    words = re.findall(r"[a-z]+|\d+|[^\w\s]+", text.casefold())
    length = min(PHRASE, len(words))
    return {tuple(words[place : place + length]) for place in range(len(words) - length + 1)} if words else set()


def by_brute_force(train, test):
    """{test: (best share, trains that have it)} by the words of separation.py's docstring."""
    every = [phrases(text) for text in (*train, *test)]
    count = {}
    for own in every:
        for phrase in own:
            count[phrase] = count.get(phrase, 0) + 1
    common = {phrase for phrase, times in count.items() if times > max(COMMON, len(every) // 20)}
    found = {}
    for place in range(len(test)):
        shares = {}
        for row in range(len(train)):
            a, b = every[len(train) + place], every[row]
            rare_a, rare_b = a - common, b - common
            alike = 10 * len(a & b) >= 7 * len(a | b) and 10 * len(rare_a & rare_b) >= 7 * len(rare_a | rare_b)
            if alike and rare_a | rare_b:
                shares[row] = len(rare_a & rare_b) / len(rare_a | rare_b)
        if shares:
            best = max(shares.values())
            found[place] = (best, {row for row, share in shares.items() if share == best})
    return found


@every("seed", range(5))
def test_every_near_duplicate_is_found_and_nothing_else(seed):
    rng = random.Random(seed)
    words = [f"w{'abcdefghij'[number % 10]}{'x' * (number // 10)}" for number in range(rng.choice([8, 40, 200]))]

    def text(length):
        return " ".join(rng.choices(words, k=length))

    train = [text(rng.randint(1, 30)) for _ in range(120)]
    test = []
    for _ in range(60):
        own = rng.choice(train).split() if rng.random() < 0.7 else text(rng.randint(1, 30)).split()
        for _ in range(rng.randint(0, 4)):
            own[rng.randrange(len(own))] = rng.choice(words)
        test.append(" ".join(own))
    expected = by_brute_force(train, test)
    exact = {place for place, one in enumerate(test) if one in train}
    found = {match.test: match for match in overlap(train, test)}
    assert {place for place, match in found.items() if match.exact} == exact
    assert set(found) - exact == set(expected) - exact
    for place in set(found) - exact:
        share, rows = expected[place]
        assert found[place].share == pytest.approx(share) and found[place].train in rows
    assert len(exact) > 2 and len(set(found) - exact) > 2


def test_case_spaces_and_forms_of_letters_make_no_difference():
    assert overlap(["Find  x in\n\uff21 + 1."], ["find X in a + 1."]) == [Match(0, 0, 1.0, True)]


def test_a_problem_with_another_number_is_near_and_another_problem_is_not():
    (match,) = overlap(["What is a prime?", LONG], [LONG.replace("60", "70"), "What is a group?"])
    assert match[:2] == (0, 1) and 0.7 < match.share < 1 and not match.exact


def test_problems_that_are_put_in_the_same_words_are_not_all_duplicates():
    def sums(seed):
        rng = random.Random(seed)
        numbers = [rng.sample(range(1000), 8) for _ in range(300)]
        return [f"{LONG} State the sum of {' and '.join(map(str, own))} as one number, please." for own in numbers]

    assert overlap(sums(1), sums(2)) == []
    # and yet one of them that has but one other number is
    twin = sums(1)[7].split()
    twin[-8] = "2000"
    assert [(match.test, match.train) for match in overlap(sums(1), [*sums(2), " ".join(twin)])] == [(300, 7)]


def test_scripts_without_spaces_are_compared_sign_by_sign():
    text = "設三角形ABC的內角分別為若其面積等於十且周長為二十求最長邊的長度"
    (match,) = overlap([text], [text.replace("十且", "九且")])
    assert 0.7 < match.share < 1


def test_mazes_are_compared_by_their_rows():
    rows = ["".join(random.Random(row).choices("*.", k=21)) for row in range(21)]
    other = {"*": ".", ".": "*"}[rows[5][0]]
    changed = [*rows[:5], other + rows[5][1:], *rows[6:]]
    (match,) = overlap(["\n".join(rows)], ["\n".join(changed)])
    assert 0.7 < match.share < 1
    assert not overlap(["\n".join(rows)], ["\n".join(reversed(rows))])


def test_empty_sets_and_empty_texts_are_no_trouble():
    assert overlap([], []) == overlap([], ["a"]) == overlap(["a"], []) == []
    assert overlap([" "], [""]) == [Match(0, 0, 1.0, True)]
    assert overlap(["", "a b c"], ["\ud800", " "]) == [Match(1, 0, 1.0, True)]


def test_a_set_that_was_read_is_compared_with_any_other_and_stays_as_it_is():
    train, tests = Texts(["a b c d", "e f g h i", LONG]), [["a  b c D"], [], ["x", LONG.replace("60", "70")]]
    for _ in range(2):
        found = [contamination.overlap(train, Texts(test)) for test in tests]
        assert [[match[:2] for match in own] for own in found] == [[(0, 0)], [], [(1, 2)]]


def test_what_comes_twice_in_one_set_is_found():
    assert contamination.repeated(Texts(["a b", "c", "A  B", "c", "a"])) == [(2, 0), (3, 1)]
