"""Cells of Parquet and JSON become text, or one line says why they cannot."""

import datetime
import gzip
import json
import math
from decimal import Decimal

import pyarrow
import pyarrow.parquet
import pytest

from passk.base.errors import PasskError
from passk.problems import tables
from tests.unit.each import every
from tests.unit.problems import copies


def refusal(call) -> str:
    with pytest.raises(PasskError) as raised:
        call()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def parquet(directory, values, kind=None):
    file = directory / "cells.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"gold": pyarrow.array(values, kind)}), file)
    return file


def golds(file):
    return [row["gold"] for row in tables.read(file, ["gold"])]


@every(
    ("value", "plain"),
    [
        ("7", "7"),
        ("  7\n", "  7\n"),
        (None, ""),
        (7, "7"),
        (-(10**30), f"-1{'0' * 30}"),
        (2**64 + 1, "18446744073709551617"),
        (0.1, "0.1"),
        (1e-07, "0.0000001"),
        (2.5e-10, "0.00000000025"),
        (1e22, f"1{'0' * 22}"),
        (5.0, "5"),
        (-0.0, "0"),
        (1.50, "1.5"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("2.50"), "2.50"),
        (Decimal("5.00"), "5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("3.14159265358979323846264338"), "3.14159265358979323846264338"),
    ],
)
def test_a_cell_is_its_text_and_a_number_its_plain_digits(value, plain):
    assert tables.text(value) == plain


@every(
    ("value", "kind"),
    [
        ([1], "a list"),
        ({"a": 1}, "an object"),
        (True, "a truth value"),
        (math.nan, "NaN"),
        (-math.inf, "infinite"),
        (Decimal("NaN"), "NaN"),
        (b"7", "bytes"),
        (datetime.date(2026, 1, 2), "a date,"),
        (datetime.datetime(2026, 1, 2), "a date with a time"),
        (datetime.time(1), "a time"),
        (datetime.timedelta(1), "a duration"),
        ((1, 2), "of type tuple"),
        (Decimal("1e999999999"), "more than 400 digits"),
        ("a\ud800", "half of a surrogate pair"),
        ("a\0", "a NUL character"),
    ],
)
def test_a_value_without_one_obvious_text_is_refused_by_its_type(value, kind):
    with pytest.raises(ValueError, match=kind) as raised:
        tables.text(value)
    assert "; " in str(raised.value)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([0.1, 1e-7, 5.0, None], pyarrow.float32(), ["0.1", "0.0000001", "5", ""]),
        ([0.1, None], pyarrow.float16(), ["0.1", ""]),
        ([0.1, 1e-7], pyarrow.float64(), ["0.1", "0.0000001"]),
        ([2**64 - 1], pyarrow.uint64(), ["18446744073709551615"]),
        ([Decimal("1.250")], pyarrow.decimal128(10, 3), ["1.250"]),
        (["a", "b", "a"], pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), ["a", "b", "a"]),
        (["a", None], pyarrow.large_string(), ["a", ""]),
    ],
)
def test_every_plain_type_of_parquet_is_read(tmp_path, values, kind, expected):
    if pyarrow.types.is_float16(kind):
        import numpy as np

        values = [None if value is None else np.float16(value) for value in values]
    assert golds(parquet(tmp_path, values, kind)) == expected


@pytest.mark.parametrize(
    ("values", "kind", "fault"),
    [
        (["1", None], pyarrow.binary(), "is bytes"),
        ([None, [1]], pyarrow.list_(pyarrow.int64()), "row 2: column 'gold' is a list"),
        ([{"a": None}], pyarrow.struct([("a", pyarrow.int64())]), "is an object"),
        ([[("a", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64()), "is a list"),
        ([True], pyarrow.bool_(), "is a truth value"),
        ([1.0, math.nan], pyarrow.float64(), "row 2: column 'gold' is NaN"),
        ([1.0, math.nan], pyarrow.float32(), "row 2: column 'gold' is NaN"),
        ([datetime.date(2026, 1, 1)], pyarrow.date32(), "is a date,"),
        ([0], pyarrow.timestamp("ns"), "row 1: column 'gold'"),
        ([None, 2**62], pyarrow.timestamp("ms"), "row 2: column 'gold'"),
        ([1], pyarrow.duration("s"), "is a duration"),
    ],
)
def test_every_other_type_of_parquet_is_refused_by_file_and_row(tmp_path, values, kind, fault):
    file = parquet(tmp_path, values, kind)
    line = refusal(lambda: golds(file))
    assert line.startswith(f"{file}: row ") and fault in line and "; write it as text" in line


def test_text_that_is_not_utf_8_in_parquet_is_refused_by_its_row(tmp_path):
    broken = pyarrow.Array.from_buffers(pyarrow.string(), 2, pyarrow.array([b"a", b"\xff"], pyarrow.binary()).buffers())
    file = tmp_path / "broken.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"gold": broken}), file)
    assert refusal(lambda: golds(file)).startswith(f"{file}: row 2: column 'gold'")


def test_other_columns_are_not_looked_at_and_a_column_that_stands_twice_is_refused(tmp_path):
    file = tmp_path / "more.parquet"
    table = pyarrow.table({"gold": ["7"], "when": pyarrow.array([2**62], pyarrow.timestamp("ms"))})
    pyarrow.parquet.write_table(table, file)
    assert golds(file) == ["7"]
    pyarrow.parquet.write_table(table.append_column("gold", [["8"]]), file)
    assert "has the column 'gold' twice; rename one" in refusal(lambda: golds(file))
    pyarrow.parquet.write_table(table.rename_columns(["golf", "when"]), file)
    assert "has no column 'gold'; did you mean golf?" in refusal(lambda: golds(file))


@pytest.mark.parametrize(
    "content",
    [
        b'{"gold": "1"}\n{"gold": 2}',
        b'\xef\xbb\xbf{"gold": "1"}\n\xef\xbb\xbf{"gold": 2}\n',
        b'{"gold": "1"}\r\n\r\n{"gold": 2}\r\n',
        b'{"gold": "1"}\r{"gold": 2}',
        b'[{"gold": "1"},\n {"gold": 2}]\n',
        b'\xef\xbb\xbf\n [{"gold": "1"}, {"gold": 2, "other": [NaN, {"a": null}]}]',
    ],
)
def test_json_is_read_a_line_or_as_one_list_with_any_line_end_and_with_byte_order_marks(tmp_path, content):
    file = tmp_path / "cells.jsonl"
    file.write_bytes(content)
    assert golds(file) == ["1", "2"]


def test_text_of_json_stays_whole(tmp_path):
    wanted = ["a\u2028b\x85\x0bc", "\U0001f600", "\ufeffx"]
    file = copies.write([{"gold": text} for text in wanted], tmp_path / "cells.jsonl")
    assert golds(file) == wanted
    file.write_text("".join(json.dumps({"gold": text}, ensure_ascii=False) + "\n" for text in wanted), encoding="utf-8")
    assert golds(file) == wanted


def test_a_number_of_json_keeps_all_of_its_digits(tmp_path):
    file = tmp_path / "cells.jsonl"
    file.write_text(
        '{"gold": 0.12345678901234567890123}\n{"gold": 1e-7}\n{"gold": 2.50}\n{"gold": 12345678901234567890}'
    )
    assert golds(file) == ["0.12345678901234567890123", "0.0000001", "2.50", "12345678901234567890"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b'{"gold": "1"} x', "line 1 is not a JSON object: extra data at column 15"),
        (b'{"gold": "1"}\n{"gold": ', "line 2 is not a JSON object: expecting value at column 10"),
        (b'{"gold": "1"}\n\0\0\0', "line 2 is not a JSON object: it has NUL bytes"),
        (b'\n"text"', "line 2 is text, not a JSON object"),
        (b"id,gold\n1,2\n", "line 1 is not a JSON object: expecting value at column 1"),
        (b'{\n "gold": "1"\n}', "line 1 is not a JSON object: expecting property name"),
        (b'{"gold": "1", "gold": "2"}', "line 1 is not a JSON object: the key 'gold' is given twice"),
        (b'{"gold": ' + b"9" * 5000 + b"}", "line 1 is not a JSON object: a number has 5000 digits"),
        (b'{"gold": 1e99999999999999999999}', "line 1 is not a JSON object: the number 1e99999999999999999999 is out"),
        (b'["a"]\n["b"]', "begins with [ but is not one JSON list: extra data at line 2 column 1"),
        (b'[{"gold": "1"}, 5]', "row 2 is a number, not a JSON object"),
        (b"[" * 100_000, "begins with [ but is not one JSON list: it is nested too deeply"),
        (b"[]", "has no rows"),
        (b"\n \n", "has no rows"),
        (b'{"gold": "1"}\n{"gold": "\xff"}', "line 2 is not UTF-8 text"),
        ('{"gold": "1"}'.encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (gzip.compress(b'{"gold": "1"}', mtime=0), "is compressed by gzip; decompress it"),
        (b"PK\x03\x04rest", "is a ZIP archive; unpack it"),
        (b"version https://git-lfs.github.com/spec/v1\noid 1", "is a pointer of Git LFS"),
        (b'{"gold": "\\ud800"}', "row 1: column 'gold' has half of a surrogate pair, '\\ud800'; replace it"),
        (b'{"gold": "1"}\n\n{"gold": "\\u0000"}', "row 2: column 'gold' has a NUL character; remove it"),
        (b'{"gold": NaN}', "row 1: column 'gold' is NaN"),
        (b'{"gold": -Infinity}', "row 1: column 'gold' is infinite"),
        (b'{"gold": 1e-401}', "row 1: column 'gold' is a number of more than 400 digits"),
        (b'{"gold": true}', "row 1: column 'gold' is a truth value"),
        (b'{"gold": "1"}\n{"golf": "1"}', "row 2 has no column 'gold'; did you mean golf?"),
    ],
)
def test_a_damaged_file_of_json_is_one_line_with_its_file_its_row_and_the_true_reason(tmp_path, content, fault):
    file = tmp_path / "cells.jsonl"
    file.write_bytes(content)
    line = refusal(lambda: golds(file))
    assert line.startswith(f"{file}: ") and fault in line


def test_a_file_of_another_format_than_its_name_says_is_refused_by_what_it_is(tmp_path):
    file = parquet(tmp_path, ["1"])
    assert "is a Parquet file; rename it to end in .parquet" in refusal(
        lambda: golds(file.rename(tmp_path / "cells.jsonl"))
    )
    text = tmp_path / "text.parquet"
    for content, fault in ((b"", "not readable as Parquet"), (b"a,b\n" * 9, "not readable as Parquet")):
        text.write_bytes(content)
        assert fault in refusal(lambda: golds(text))
    text.write_bytes(gzip.compress(b"{}", mtime=0))
    assert "is compressed by gzip" in refusal(lambda: golds(text))
    cut = parquet(tmp_path, ["1"])
    cut.write_bytes(cut.read_bytes()[:-9])
    assert "not readable as Parquet" in refusal(lambda: golds(cut))


def test_words_must_be_text_and_what_is_shaped_is_left_as_it_is(tmp_path):
    file = copies.write([{"ask": "a", "chat": [1]}, {"ask": " ", "chat": {"b": 2}}], tmp_path / "cells.jsonl")
    assert [row["chat"] for row in tables.read(file, ["chat"], shaped=["chat"])] == [[1], {"b": 2}]
    assert "row 2: column 'ask' is blank" in refusal(lambda: tables.read(file, ["ask"], words=["ask"]))
    copies.write([{"ask": 5}], file)
    assert "row 1: column 'ask' is the number 5, not text" in refusal(lambda: tables.read(file, ["ask"], words=["ask"]))
