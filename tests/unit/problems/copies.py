"""Small copies of the hub's data sets, with the columns and the places of files that theirs have."""

import csv
import json

import pyarrow
import pyarrow.parquet

GRID = "*****\n*S.E*\n*.*.*\n*...*\n*****"
MESSAGE = f"Solve it.\n## Maze\n{GRID}\nGive your path inside the tags."

GSM8K = [
    {
        "question": f"Ann has {n} pens and buys {n} more. How many has she?",
        "answer": f"Ann has {n}+{n}=<<{n}+{n}={2 * n}>>{2 * n} pens.\n#### {2 * n:,}",
    }
    for n in (3, 700)
]
MATH = [
    {
        "problem": f"What is $\\frac{{1}}{{{n}}}$ squared?",
        "level": "Level 2",
        "type": "Algebra",
        "solution": f"It is \\boxed{{1}} over; so $\\boxed{{\\frac{{1}}{{{n * n}}}}}$.",
    }
    for n in (2, 3)
]
MATH500 = [
    {
        "problem": "What is $1+1$?",
        "solution": "It is $\\boxed{2}$.",
        "answer": "2",
        "subject": "Prealgebra",
        "level": 1,
        "unique_id": "test/prealgebra/7.json",
    }
]
AIME24 = [
    {"id": 60, "problem": "Find it.", "solution": "So \\boxed{073}.", "answer": "073", "url": "u", "year": "2024"},
    {"id": 61, "problem": "Find that.", "solution": "So 0.", "answer": "000", "url": "u", "year": "2024"},
]
AIME25 = [{"problem": "Find it.", "answer": 70, "id": "0"}]
OLYMMATH = {
    f"{language}-{grade}": [
        {
            "problem": f"{language} {grade}?",
            "answer": "\\sqrt{2}",
            "subject": "Algebra",
            "unique_id": f"OlymMATH-{grade}-0-{language}",
        }
    ]
    for language in ("EN", "ZH")
    for grade in ("EASY", "HARD")
}
HUMANEVAL = [
    {
        "task_id": f"HumanEval/{n}",
        "prompt": "from typing import List\n\n\ndef unit() -> int:\n    return 1\n\n\n"
        f'def add{n}(xs: List[int]) -> int:\n    """ Add {n} to the sum. """\n',
        "canonical_solution": f"    return sum(xs) + {n}\n",
        "test": "METADATA = {}\n\n\ndef check(candidate):\n"
        f"    assert candidate([1, 2]) == 3 + {n} * unit()\n    assert candidate([]) == {n}\n",
        "entry_point": f"add{n}",
    }
    for n in (0, 7)
]
MBPP = [
    {
        "task_id": 126,
        "text": "Write a python function to add two numbers.",
        "code": "class Pair:\r\n  def __init__(self, a, b):\r\n    self.a, self.b = a, b\r\n"
        "def sum(pair):\r\n  return pair.a + pair.b",
        "test_list": ["assert sum(Pair(1, 2)) == 3", "assert sum(one) == 9"],
        "test_setup_code": "one = Pair(4, 0)\none.b = 5",
        "challenge_test_list": [],
    }
]
SANITIZED = [
    {
        "source_file": "a.ipynb",
        "task_id": 2,
        "prompt": "Write a function to find a root.",
        "code": "def root(x):\n  return x ** 0.5",
        "test_imports": ["import math"],
        "test_list": ["assert math.isclose(root(4), 2)"],
    }
]
HMMT = [
    {"problem_idx": 1, "problem": "Find $x$.", "answer": "\\frac{1}{576}", "problem_type": ["Algebra", "Geometry"]},
    {"problem_idx": 2, "problem": "Find $y$.", "answer": "103", "problem_type": ["Algebra"]},
]
AMC23 = [{"id": 0, "answer": 27.0, "url": "u", "question": "How many?"}]
MINERVA = [{"question": "What is the mass?", "answer": "4.5e33"}]
OLYMPIADBENCH = [
    {"id": 1, "question": "Find both.", "final_answer": ["$2$", "$-2$"], "subfield": "Algebra"},
    {"id": 2, "question": "Find it.", "final_answer": ["$\\frac{1}{2}$"], "subfield": "Algebra"},
]
GPQA = [
    {
        "Question": f"Which,\nof {n}?",
        "Correct Answer": "right\n",
        "Incorrect Answer 1": 'one "1"',
        "Incorrect Answer 2": "two, 2",
        "Incorrect Answer 3": "three",
        "High-level domain": "Physics",
        "Subdomain": "Optics",
        "Record ID": f"rec{n}",
    }
    for n in range(4)
]
DAPO = [
    {
        "data_source": "math_dapo",
        "prompt": [
            {
                "role": "user",
                "content": "Solve the following math problem step by step. The last line of your response should be of "
                "the form Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\n"
                f'What is {n}?\n\nRemember to put your answer on its own line after "Answer:".',
            }
        ],
        "ability": "MATH",
        "reward_model": {"ground_truth": str(n), "style": "rule-lighteval/MATH_v2"},
        "extra_info": {"index": f"id-{n}"},
    }
    for n in (34, 5, 34)
]
POLARIS = [{"problem": "What is $1+1$?", "answer": "2", "difficulty": "4/8"}]
DEEPSCALER = [{"problem": "What is $1+2$?", "answer": "3", "solution": "It is 3."}]
MAZES = [
    {
        "data_source": "maze",
        "prompt": [{"role": "user", "content": MESSAGE}],
        "ability": "maze",
        "reward_model": {"ground_truth": GRID + "\n", "style": "estimator"},
        "extra_info": {"index": 0},
    }
]
SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
FILES = {
    "gsm8k": {f"main/{split}-00000-of-00001.parquet": GSM8K for split in ("train", "test")},
    "math": {f"{subject}/train-00000-of-00001.parquet": MATH for subject in SUBJECTS},
    "math500": {"test.jsonl": MATH500},
    "aime24": {"data/train-00000-of-00001.parquet": AIME24},
    "aime25": {"test.jsonl": AIME25},
    "olymmath": {f"data/OlymMATH-{kind}.jsonl": rows for kind, rows in OLYMMATH.items()},
    "humaneval": {"openai_humaneval/test-00000-of-00001.parquet": HUMANEVAL},
    "mbpp": {"full/test-00000-of-00001.parquet": MBPP, "sanitized/test-00000-of-00001.parquet": SANITIZED},
    "hmmt": {"data/train-00000-of-00001.parquet": HMMT},
    "amc23": {"test-00000-of-00001.parquet": AMC23},
    "minerva": {"test.jsonl": MINERVA},
    "olympiadbench": {"test.parquet": OLYMPIADBENCH},
    "gpqa": {"gpqa_diamond.csv": GPQA},
    "dapo_math_17k": {"data/dapo-math-17k.parquet": DAPO},
    "polaris_53k": {"polaris-data-53K.jsonl": POLARIS},
    "deepscaler": {"deepscaler.json": DEEPSCALER},
    "maze_published": {f"data/{split}-00000-of-00001.parquet": MAZES for split in ("train", "test")},
}


def write(rows, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    elif file.suffix == ".csv":
        with file.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    elif file.suffix == ".json":
        file.write_text(json.dumps(rows))
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def copy(source, directory):
    """A copy of a source's data set in `directory`."""
    for name, rows in FILES[source].items():
        write(rows, directory / name)
    return directory


def cached(source, home, dataset, revision):
    """The same in the hub's cache under `home`, as huggingface_hub lays it out."""
    return copy(source, home / "hub" / f"datasets--{dataset.replace('/', '--')}" / "snapshots" / revision)
