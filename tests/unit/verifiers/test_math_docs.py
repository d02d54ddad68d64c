"""docs/verifiers-math.md: every example of its tables is judged as the page says."""

import re
from pathlib import Path

from passk.verifiers import verify
from tests.unit.each import every

PAGE = (Path(__file__).parents[3] / "docs" / "verifiers-math.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`]+)`")


def tables() -> dict[str, list[list[str]]]:
    """The rows of each table of the page, by its header."""
    found: dict[str, list[list[str]]] = {}
    header = ""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| "):
            header = "" if not line.startswith("|") else header
        elif header:
            found[header].append(cells)
        else:
            header = " ".join(cells).strip(" |")
            found[header] = []
    return found


TABLES = tables()


def reason(given: str, answer: str) -> str:
    return verify("math", f"\\boxed{{{given}}}", answer).reason


@every("row", TABLES["what how it reads example is"], ids=lambda row: row[0])
def test_a_number_is_read_as_the_page_says(row):
    examples = CODE.findall(row[2])
    values = [value.strip(" `|") for value in row[3].split(", ")]
    for example, value in zip(examples, values * len(examples) if len(values) == 1 else values, strict=False):
        if value in ("no number", "unreadable"):
            assert reason(example, "57") == "unreadable"
            assert verify("numeric", f"\\boxed{{{example}}}", "57").reason == "not a number"
        else:
            assert reason(example, value) == "correct", (example, value)


@every("row", TABLES["what how it reads example equal to"], ids=lambda row: row[0])
def test_a_value_is_read_as_the_page_says(row):
    compared = 0
    for example in CODE.findall(row[2]):
        for negated, value in re.findall(r"(not )?`([^`]+)`", row[3]):
            assert (reason(example, value) == "correct") is not bool(negated), (example, value)
            compared += 1
    assert compared


@every("row", TABLES["what example taken for"], ids=lambda row: row[0])
def test_what_is_forgiven(row):
    examples = CODE.findall(row[1])
    values = [value.strip(" `|") for value in re.split(", | and ", row[2])]
    for place, example in enumerate(examples):
        for value in values if len(examples) == 1 else values[place : place + 1]:
            assert reason(example, value) == "correct", (example, value)


@every("row", TABLES["what example gold answer reason"], ids=lambda row: row[0])
def test_what_is_not_forgiven(row):
    answers = [value.strip(" `|") for value in row[2].split(", ")]
    for place, example in enumerate(CODE.findall(row[1])):
        answer = answers[place] if len(answers) > 1 else answers[0]
        assert reason(example, answer) == row[3].strip(" `|"), (example, answer)


def test_the_page_has_its_tables():
    assert all(len(rows) >= 8 for header, rows in TABLES.items() if header.startswith("what"))
    assert len([header for header in TABLES if header.startswith("what")]) == 4
