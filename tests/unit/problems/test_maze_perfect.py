"""Perfect mazes are spanning trees of their rooms, by a search that shares nothing with the generator."""

import random

import pytest

from passk import verifiers
from passk.base.errors import ConfigError
from passk.problems import generate
from passk.problems.maze import ALPHABET
from passk.problems.maze_perfect import PerfectMazeProblems, carve
from passk.problems.preparation import separate
from tests.unit.each import every

STEPS = {"L": (0, -1), "R": (0, 1), "U": (-1, 0), "D": (1, 0)}


def spec(**changes):
    return PerfectMazeProblems(**{"source": "maze_perfect", "split": "train", "size": 60, "width": 9} | changes)


def neighbours(rows, at):
    """The free cells beside a cell, by the letter of the move."""
    for letter, (down, right) in STEPS.items():
        row, column = at[0] + down, at[1] + right
        if 0 <= row < len(rows) and 0 <= column < len(rows) and rows[row][column] != "*":
            yield letter, (row, column)


def simple_paths(rows, at, end, seen):
    """All paths without a repeated cell, by trying every move."""
    if at == end:
        return [""]
    return [
        letter + rest
        for letter, to in neighbours(rows, at)
        if to not in seen
        for rest in simple_paths(rows, to, end, seen | {to})
    ]


def corners(asked):
    return (asked.border, asked.border), (asked.width - 1 - asked.border,) * 2


@every(
    "changes",
    [{}, {"split": "test"}, {"width": 3, "size": 2}, {"width": 7, "border": True}, {"width": 17}, {"border": True}],
)
def test_every_maze_is_a_spanning_tree_of_its_rooms_between_opposite_corners(changes):
    asked = spec(**changes)
    low, high = corners(asked)
    for problem in generate(asked, seed=3):
        rows = problem.answer.split("\n")
        assert len(rows) == asked.width and {len(row) for row in rows} == {asked.width}
        assert rows[low[0]][low[1]] == "S" and rows[high[0]][high[1]] == "E"
        assert problem.answer.count("S") == problem.answer.count("E") == 1
        free = {(r, c) for r, row in enumerate(rows) for c, cell in enumerate(row) if cell != "*"}
        lines = range(asked.border, asked.width - asked.border, 2)
        rooms = {(r, c) for r in lines for c in lines}
        assert rooms <= free and len(free) == 2 * len(rooms) - 1, "a tree has a door less than rooms"
        assert all(low[0] <= min(cell) and max(cell) <= high[0] for cell in free), "the border is a wall"
        reached, queue = {low}, [low]
        while queue:
            new = {to for _, to in neighbours(rows, queue.pop())} - reached
            reached |= new
            queue += new
        assert reached == free, "every room is reached"


@pytest.mark.parametrize("changes", [{}, {"width": 17, "size": 20}, {"border": True}])
def test_the_demonstration_is_the_one_simple_path(changes):
    asked = spec(**changes)
    for problem in generate(asked, seed=4):
        rows, (start, end) = problem.answer.split("\n"), corners(asked)
        (path,) = simple_paths(rows, start, end, {start})
        assert problem.demonstration == path
        manhattan = 2 * (end[0] - start[0])
        assert problem.metadata == {"size": asked.width, "shortest": len(path), "manhattan": manhattan}
        assert problem.difficulty == ("easy" if len(path) == manhattan else "hard")


def test_demonstrations_with_random_moves_are_correct_and_longer():
    problems = generate(spec(random_move_prob=0.3), seed=5)
    assert all(verifiers.verify("maze", problem.demonstration, problem.answer).correct for problem in problems)
    assert sum(len(problem.demonstration) > problem.metadata["shortest"] for problem in problems) > 30


def test_every_spanning_tree_of_three_by_three_rooms_can_be_drawn():
    rng = random.Random(1)
    assert len({carve(5, False, rng).text() for _ in range(6000)}) == 192


def test_train_and_test_are_disjoint_even_where_they_hold_every_maze(monkeypatch):
    monkeypatch.setattr("passk.problems.maze.patience", lambda cells: 5000)
    sets = {}
    for split, seed in (("train", 1), ("test", 2)):
        with pytest.raises(ConfigError) as raised:
            generate(spec(split=split, width=5, size=193), seed)
        count = int(str(raised.value).partition("no new one after ")[2].split()[0])
        sets[split] = {problem.answer for problem in generate(spec(split=split, width=5, size=count), seed)}
    assert not sets["train"] & sets["test"] and len(sets["train"] | sets["test"]) == 192


def test_the_check_for_contamination_finds_nothing_but_a_maze_that_is_put_there():
    specs = {"train": spec(size=2000), "test": spec(size=100, split="test")}
    rows = {name: generate(each, seed=1) for name, each in specs.items()}
    assert separate(specs, rows) == {"test": {"train": {"exact": [], "near": []}}}
    planted = rows["test"][7]
    exact = separate(specs, rows | {"train": [*rows["train"], planted]})["test"]["train"]["exact"]
    assert exact == [[planted.id, planted.id]]


def test_the_seed_decides_the_mazes_and_their_order():
    first = generate(spec(), seed=1)
    assert first == generate(spec(), seed=1)
    assert not {problem.id for problem in first} & {problem.id for problem in generate(spec(), seed=2)}
    assert len({problem.answer for problem in first}) == len({problem.id for problem in first}) == 60


def test_a_prompt_of_the_published_size_has_307_characters_of_the_alphabet():
    problem = generate(spec(size=1, width=17), seed=1)[0]
    assert problem.prompt == problem.answer + "\n>" and len(problem.prompt) == 17 * 18 + 1
    assert set(problem.prompt + problem.demonstration) <= set(ALPHABET)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 16}, "width: 16 leaves 16 cells"),
        ({"width": 8, "border": True}, "width: 8 leaves 6 cells"),
        ({"width": 3, "border": True}, "width: 3 leaves 1 cells"),
        ({"width": 2, "border": True}, "width: 2 leaves 0 cells"),
        ({"width": 3, "size": 5}, "size: 5 different mazes requested, but 20000 tries"),
        ({"verifier": "maze_strict"}, "verifier: maze_strict requires tags"),
    ],
)
def test_what_cannot_be_met_is_refused_by_field_with_a_fix(changes, message, monkeypatch):
    monkeypatch.setattr("passk.problems.maze._PATIENCE", 0)  # the least number of tries: only to be quick
    with pytest.raises(ConfigError) as raised:
        generate(spec(**changes), seed=1)
    assert str(raised.value).startswith(message) and "; " in str(raised.value) and "\n" not in str(raised.value)
