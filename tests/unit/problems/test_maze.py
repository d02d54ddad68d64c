import hashlib
import time
from collections import deque

import pytest

from passk import verifiers
from passk.base.errors import ConfigError
from passk.problems import fingerprint, generate
from passk.problems.maze import ALPHABET, MazeProblems
from passk.problems.record import set_hash
from tests.unit.each import every

STEPS = {"L": (0, -1), "R": (0, 1), "U": (-1, 0), "D": (1, 0)}


def spec(**changes):
    return MazeProblems(**{"source": "maze", "split": "train", "size": 300} | changes)


def shortest_path(grid):
    """A search over rows and columns that shares nothing with the generator's bits."""
    rows = grid.split("\n")
    (start,) = [(r, c) for r, row in enumerate(rows) for c, cell in enumerate(row) if cell == "S"]
    queue, seen = deque([(start, 0)]), {start}
    while queue:
        (r, c), moves = queue.popleft()
        if rows[r][c] == "E":
            return moves
        for dr, dc in STEPS.values():
            to = (r + dr, c + dc)
            inside = 0 <= to[0] < len(rows) and 0 <= to[1] < len(rows)
            if inside and to not in seen and rows[to[0]][to[1]] != "*":
                seen.add(to)
                queue.append((to, moves + 1))
    return None


def manhattan(grid):
    width = grid.index("\n") + 1
    (r, c), (er, ec) = divmod(grid.index("S"), width), divmod(grid.index("E"), width)
    return abs(r - er) + abs(c - ec)


@every(
    "changes",
    [
        {},
        {"split": "test"},
        {"width": 3, "path_length": (1, 8), "size": 60},
        {"width": 9, "border": True, "path_length": (1, 60)},
        {"width": 12, "path_length": (5, 20), "walls": 0.4},
    ],
)
def test_every_maze_is_what_the_spec_and_its_own_metadata_say(changes):
    asked = spec(**changes)
    problems = generate(asked, seed=3)
    for problem in problems:
        rows = problem.answer.split("\n")
        assert len(rows) == asked.width and {len(row) for row in rows} == {asked.width}
        assert problem.answer.count("S") == problem.answer.count("E") == 1
        assert set(problem.answer) <= set("\nSE.*")
        length = shortest_path(problem.answer)
        assert problem.metadata == {
            "size": asked.width,
            "shortest": length,
            "manhattan": manhattan(problem.answer),
        }
        assert asked.path_length[0] <= length <= asked.path_length[1]
        easy = length == manhattan(problem.answer)
        assert problem.difficulty == ("easy" if easy else "hard")
        assert easy or length >= manhattan(problem.answer) + 2
        assert problem.split == asked.split and problem.verifier == "maze"
        if asked.border:
            ring = rows[0] + rows[-1] + "".join(row[0] + row[-1] for row in rows)
            assert set(ring) == {"*"}


@every(("count", "easy", "easy_ones"), [(100, 0.25, 25), (7, 0.5, 4), (40, 1.0, 40), (40, 0.0, 0)])
def test_the_share_of_easy_mazes_is_exact_and_they_are_interleaved(count, easy, easy_ones):
    difficulties = [problem.difficulty for problem in generate(spec(size=count, easy_fraction=easy), seed=1)]
    assert len(difficulties) == count and difficulties.count("easy") == easy_ones
    if count == 100:
        assert 5 <= difficulties[:50].count("easy") <= 20


def test_no_maze_comes_twice_in_a_set():
    problems = generate(spec(size=1500, width=3, path_length=(1, 8), easy_fraction=1.0), seed=1)
    assert len({problem.answer for problem in problems}) == len({problem.id for problem in problems}) == 1500


def test_train_and_test_share_no_maze_even_where_there_are_few_different_ones():
    train = generate(spec(size=1500, width=3, path_length=(1, 8), easy_fraction=1.0), seed=1)
    test = generate(spec(size=150, width=3, path_length=(1, 8), easy_fraction=1.0, split="test"), seed=2)
    assert not {problem.answer for problem in train} & {problem.answer for problem in test}


def test_two_sets_of_one_split_are_different_draws():
    first = generate(spec(size=200, easy_fraction=1.0), seed=1)
    second = generate(spec(size=200, easy_fraction=1.0, random_move_prob=0.2), seed=1)
    assert len({problem.id for problem in first} & {problem.id for problem in second}) < 20


def test_a_maze_is_of_the_test_split_when_its_hash_begins_below_26_and_named_by_that_hash():
    for split in ("train", "test"):
        for problem in generate(spec(split=split, template="instruct"), seed=1):
            digest = hashlib.sha256(problem.answer.encode())
            assert (digest.digest()[0] < 26) == (split == "test")
            assert problem.id == f"maze-{digest.hexdigest()[:12]}"


@pytest.mark.parametrize("random_move_prob", [0.0, 0.2, 0.9])
def test_demonstrations_are_right_and_bounded(random_move_prob):
    problems = generate(spec(random_move_prob=random_move_prob), seed=5)
    longer = 0
    for problem in problems:
        assert verifiers.verify("maze", problem.demonstration, problem.answer).correct
        moves, shortest = len(problem.demonstration), problem.metadata["shortest"]
        assert moves <= 2 * shortest + 8
        longer += moves > shortest
    assert longer == 0 if random_move_prob == 0 else longer > 30


def test_a_compact_prompt_is_the_grid_then_a_prompt_sign_all_of_the_alphabet():
    problem = generate(spec(size=1), seed=1)[0]
    assert problem.prompt == problem.answer + "\n>"
    assert len(problem.prompt) == 31  # 5 rows of 5 and a line end, and the sign
    assert set(problem.prompt + problem.demonstration) <= set(ALPHABET) and len(set(ALPHABET)) == len(ALPHABET)


@pytest.mark.parametrize(
    ("changes", "mark", "content"),
    [
        ({"size": 40, "random_move_prob": 0.2}, "2e2417653227891b", "cae8888a8b3542bc"),
        (
            {"split": "test", "size": 40, "width": 9, "border": True, "path_length": (2, 24), "template": "instruct"},
            "560f2c09857d5b21",
            "1fc2d0e7476d6e3a",
        ),
    ],
)
def test_files_and_keys_of_earlier_runs_stay_valid(changes, mark, content):
    assert (fingerprint(spec(**changes), 1), set_hash(generate(spec(**changes), 1))) == (mark, content)


def test_an_instruct_prompt_holds_the_grid_and_its_demonstration_the_answer_tag():
    problem = generate(spec(size=1, template="instruct"), seed=1)[0]
    assert f"## Maze\n{problem.answer}\n" in problem.prompt and "{maze}" not in problem.prompt
    path = problem.demonstration.removeprefix("<answer>").removesuffix("</answer>")
    assert path and set(path) <= set("LRUD") and len(path) == len(problem.demonstration) - len("<answer></answer>")
    assert verifiers.verify("maze", "I go right first.\n" + problem.demonstration, problem.answer).correct


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 3, "border": True}, "width: 3 includes the border and leaves no maze"),
        ({"path_length": (5, 2)}, "path_length: from 5 to 2"),
        ({"path_length": (0, 4)}, "path_length: from 0 to 4"),
        ({"path_length": (9, 14)}, "path_length: no easy maze"),
        ({"walls": 0.0}, "easy_fraction: no maze"),
        ({"width": 2}, "easy_fraction: no maze"),
        (
            {"width": 2, "easy_fraction": 1.0, "path_length": (1, 2), "size": 10_000},
            "size: 10000 different easy mazes",
        ),
    ],
)
def test_what_cannot_be_met_is_refused_by_field_with_a_mend(changes, message, monkeypatch):
    monkeypatch.setattr("passk.problems.maze._PATIENCE", 0)  # the least number of tries: only to be quick
    with pytest.raises(ConfigError) as raised:
        generate(spec(**changes), seed=1)
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)


def test_6400_mazes_take_seconds_at_most():
    start = time.process_time()
    generate(spec(size=6400), seed=1)
    assert time.process_time() - start < 6
